"""Average precision with interpolated precision, as the PASCAL VOC challenge defined it.

The best precision at this or a later positive stands in the place of each precision. The mean over the orders
of a tie has no closed form: it is taken over seeded orders, in rows whose ties hold positives and others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from metrics.arrays import Array, best_from_here, like, to_host
from metrics.inputs import FloatArray
from metrics.ranking import RankedPositives, bound

N_ORDERS = 32


def interpolated_average_precision(ranked: RankedPositives) -> Array:
    """`map@all/voc`: (1/R) sum_i max over j >= i of j/r_j."""
    return _over_orders(ranked, lambda ranks: best_from_here(_precisions(ranks)).sum(1) / ranks.shape[1])


def interpolated_average_precision_over_min(ranked: RankedPositives, k: int) -> Array:
    """`map@k/voc`: (1/min(k,R)) sum over r_i <= k of max over j >= i, r_j <= k of j/r_j."""

    def measure(ranks: Array) -> Array:
        found = ranks <= k
        return (best_from_here(_precisions(ranks) * found) * found).sum(1) / min(k, ranks.shape[1])

    return _over_orders(ranked, measure)


def _precisions(ranks: Array) -> Array:
    return like(ranks, np.arange(1, ranks.shape[1] + 1, dtype=np.float64)) / ranks


def _over_orders(ranked: RankedPositives, measure: Callable[[Array], Array]) -> Array:
    """(B,) what `measure` makes of ranks (rows, R), mean over orders where ties leave them open."""
    each = ranked.one_by_one()
    values = measure(bound(each, best=True).n_before + 1)
    mixed = to_host(each.mixed.any(1))
    for query in np.flatnonzero(mixed):
        one = each.some(like(values, np.array([query])))
        counts = (one.n_before, one.n_tied, one.relevant_before, one.relevant_tied)
        ranks = _drawn_ranks(*(to_host(count)[0] for count in counts), seed=ranked.seed)
        values[query] = float(measure(ranks).mean())
    return values


def _drawn_ranks(
    n_before: FloatArray,
    n_tied: FloatArray,
    relevant_before: FloatArray,
    relevant_tied: FloatArray,
    *,
    seed: int,
) -> FloatArray:
    """(orders, R) ranks of one query's positives in seeded random orders of its ties."""
    index = np.arange(n_before.size)
    n_places = int((n_before + n_tied).max())
    keys = _keys(1 << (n_places - 1).bit_length(), seed)
    ranks = np.broadcast_to(n_before + 1 + index - relevant_before, (len(keys), index.size)).copy()
    for first in np.flatnonzero((n_tied > relevant_tied) & (index == relevant_before)):
        begin, n, r = int(n_before[first]), int(n_tied[first]), int(relevant_tied[first])
        places = np.argpartition(keys[:, begin : begin + n], r - 1, axis=1)[:, :r]
        ranks[:, first : first + r] = begin + 1 + np.sort(places, axis=1)
    return ranks


@lru_cache(maxsize=8)
def _keys(n_places: int, seed: int) -> FloatArray:
    """(orders, places) random keys: the positives of a tie take its places of the smallest keys.

    Keys belong to places, so an order depends on the seed and on the ties alone, not on blocks or positions.
    """
    return np.random.default_rng(seed).random((n_places, N_ORDERS)).T
