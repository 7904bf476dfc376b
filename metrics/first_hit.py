"""Metrics of the first positive alone: only the tie it stands in matters."""

from __future__ import annotations

import numpy as np

from metrics.arrays import Array, as_float, as_index, like, take_rows
from metrics.ranking import RankedPositives
from metrics.ties import first_positives, still_without


def hit(ranked: RankedPositives, k: int) -> Array:
    """`hit@k`, and `acc@k` where the positives are the items of the query's instance: P(h_k > 0)."""
    n_before, n, r = first_positives(ranked)
    found = as_float(n_before < k)
    if not ranked.has_ties:
        return found
    across = (n_before < k) & (n_before + n > k)
    if across.any():
        places = as_index(k - n_before[across])
        without = still_without(n[across], r[across], int(places.max()))
        found[across] = 1 - take_rows(without, places[:, None])[:, 0]
    return found


def reciprocal_rank(ranked: RankedPositives) -> Array:
    """`mrr`: E[1/r_1]."""
    n_before, n, r = first_positives(ranked)
    reciprocal = 1 / (n_before + 1)
    if not ranked.has_ties:
        return reciprocal
    mixed = n > r
    if mixed.any():
        n_places = int((n - r)[mixed].max()) + 1
        reciprocal[mixed] = _expected_reciprocal(n_before[mixed], n[mixed], r[mixed], n_places)
    return reciprocal


def _expected_reciprocal(n_before: Array, n: Array, r: Array, n_places: int) -> Array:
    """Mean of 1/rank of the first of r positives in a tie of n, over the places it can have."""
    without = still_without(n, r, n_places)
    ranks = n_before[:, None] + like(n, np.arange(1, n_places + 1, dtype=np.float64))
    # Added one by one: other queries of the block may bring more places, whose zeros then change nothing.
    return ((without[:, :-1] - without[:, 1:]) / ranks).cumsum(1)[:, -1]
