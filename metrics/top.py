"""The first ranks themselves, for records and for pictures of results."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrics.inputs import excluded_columns, remove_excluded
from metrics.ranking import seeded_shuffle, stable_order
from metrics.scores import Distance, score_blocks


def top_ranking(
    query_emb: Any,
    gallery_emb: Any,
    *,
    k: int = 200,
    distance: Distance = "euclidean",
    query_ids: Any = None,
    gallery_ids: Any = None,
    query_groups: Any = None,
    gallery_groups: Any = None,
    exclude_self: bool = False,
    block: int = 256,
    device: str = "cpu",
    seed: int = 0,
) -> NDArray[np.int32]:
    """The gallery positions of the first min(k, N) ranks of every query.

    Arguments as in `metrics.evaluate`; ties by its `stable` rule with the same seed. Returns
    (Q, min(k, N)) int32, best first; -1 where exclusions leave a query fewer items than that.
    """
    if k < 1:
        raise ValueError(f"k must be a whole number from 1, got {k!r}.")
    blocks = score_blocks(query_emb, gallery_emb, distance=distance, block=block, device=device)
    n_queries, n_gallery = len(query_emb), len(gallery_emb)
    named = {"ids": (query_ids, gallery_ids), "groups": (query_groups, gallery_groups)}
    excluded = excluded_columns(n_queries, n_gallery, named, exclude_self=exclude_self)
    shuffle = seeded_shuffle(n_gallery, seed)
    k = min(k, n_gallery)
    top = np.full((n_queries, k), -1, dtype=np.int32)
    for rows, scores in blocks:
        if excluded is not None:
            remove_excluded(scores, excluded[rows])
        shuffled = scores[:, shuffle]
        last_in = np.partition(shuffled, n_gallery - k, axis=1)[:, n_gallery - k]
        for query, row, threshold in zip(range(rows.start, rows.stop), shuffled, last_in, strict=True):
            candidates = np.flatnonzero((row >= threshold) & (row > -np.inf))
            best = stable_order(row, candidates)[:k]
            top[query, : best.size] = shuffle[best]
    return top
