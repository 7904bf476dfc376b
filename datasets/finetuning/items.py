"""Training items of one modality, and which of them are held out to say when to stop."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TrainingItems:
    """Pictures of seen classes. files: (n,). digests: (n,) hex sha256 of contents. labels: (n,) int64 in
    0..n_classes-1.
    """

    files: Sequence[Path]
    digests: Sequence[str]
    labels: NDArray[np.int64]
    n_classes: int

    def __len__(self) -> int:
        return len(self.files)

    def in_order(self) -> TrainingItems:
        """Return the items in the order of contents and labels: crops and shuffles are drawn by position."""
        rows = np.lexsort((self.labels, np.array(self.digests))).tolist()
        return TrainingItems(
            [self.files[i] for i in rows], [self.digests[i] for i in rows], self.labels[rows], self.n_classes
        )


def held_out(items: TrainingItems, frac: float, seed: int) -> NDArray[np.bool_]:
    """Return (n,) bool, True for held-out items: of every class the share `frac`, rounded up.

    Drawn by the hash of a picture's content and the seed: the same on every machine. A class of one picture
    keeps it for training. Copies of a picture are on one side: what trains in one class is held out in none.
    """
    keys = np.array([hashlib.sha256(f"{seed} {digest}".encode()).hexdigest() for digest in items.digests])
    is_held_out = np.zeros(len(items), bool)
    for label in range(items.n_classes):
        rows = np.flatnonzero(items.labels == label)
        contents = np.unique(keys[rows])
        n_held_out = min(math.ceil(frac * len(contents)), len(contents) - 1)
        is_held_out[rows] = np.isin(keys[rows], contents[: max(0, n_held_out)])
    return is_held_out & ~np.isin(keys, keys[~is_held_out])
