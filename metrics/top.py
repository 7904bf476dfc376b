"""The first ranks themselves, for records and for pictures of results."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metrics.arrays import first_columns, like, take_rows, to_host
from metrics.costs import Distance, check_costs, cost_blocks, count_items, remove
from metrics.matches import exclusions
from metrics.ranking import seeded_shuffle


class TopRanking(NamedTuple):
    """The first ranks of every query.

    items: (Q, k) int32 gallery positions, best first; -1 where exclusions leave a query fewer than k items.
    tied: (Q, k) bool, True where the item at the next rank (also that at rank k + 1) has the same score: with
    it the first ranks tell which of their ties are complete.
    """

    items: NDArray[np.int32]
    tied: NDArray[np.bool_]


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
) -> TopRanking:
    """The gallery positions of the first min(k, N) ranks of every query, and which of them are tied.

    Arguments as in `metrics.evaluate`; ties are put in the order of its `stable` rule with the same seed.
    """
    if k < 1:
        raise ValueError(f"k must be a whole number from 1, got {k!r}.")
    n_queries, n_gallery = count_items(query_emb, gallery_emb, distance, block)
    order = np.arange(n_queries)
    blocks = cost_blocks(query_emb, gallery_emb, distance=distance, device=device, order=order, block=block)
    named = {"ids": (query_ids, gallery_ids), "groups": (query_groups, gallery_groups)}
    excluded = exclusions(n_queries, n_gallery, named, exclude_self=exclude_self)
    shuffle = seeded_shuffle(n_gallery, seed)
    k = min(k, n_gallery)
    n_looked_at = min(k + 1, n_gallery)
    items = np.full((n_queries, k), -1, dtype=np.int32)
    tied = np.zeros((n_queries, k), dtype=bool)
    for part in blocks:
        check_costs(part.costs, is_named=not callable(distance))
        n_ranked = np.full(len(part.rows), n_gallery)
        if excluded is not None:
            index, columns = excluded.pairs(part.rows, n_gallery)
            remove(part, index, columns)
            n_ranked -= np.bincount(index, minlength=n_ranked.size)
        costs = part.costs[:, like(part.costs, shuffle)]
        best = first_columns(costs, n_looked_at)
        in_order = to_host(take_rows(costs, best))
        is_ranked = np.arange(n_looked_at) < n_ranked[:, None]
        equal = (in_order[:, 1:] == in_order[:, :-1]) & is_ranked[:, 1:]
        items[part.rows] = np.where(is_ranked, shuffle[to_host(best)], -1)[:, :k]
        tied[part.rows, : equal.shape[1]] = equal
    return TopRanking(items, tied)
