"""What `tune` searches under the same name for several methods."""

from __future__ import annotations

from collections.abc import Mapping

from methods.base import SearchRange

DISTANCES = SearchRange(choices=("euclidean", "cosine"))
DROPOUT = SearchRange(choices=(0.0, 0.3, 0.5))
COMMON_SEARCH_SPACE: Mapping[str, SearchRange] = {
    "lr": SearchRange(low=1e-4, high=1e-2, log=True),
    "weight_decay": SearchRange(low=1e-6, high=1e-3, log=True),
    "epochs": SearchRange(choices=(5, 10, 20, 40)),
    "batch": SearchRange(choices=(64, 128, 256)),
    "distance": DISTANCES,
}
"""What `tune` searches for every trained method, besides at most four parameters of its own."""
