"""Closed forms for the mean over all orders of a tie (McSherry and Najork, ECIR 2008).

A tie of n items, r of them positive, follows N0 better items with R0 positives. Its m first places count.
"""

from __future__ import annotations

import numpy as np

from metrics.inputs import IntArray
from metrics.ranking import FloatArray, RankedPositives


def places_counted(ranked: RankedPositives, cut: int | IntArray) -> IntArray:
    """(P,) places of each positive's tie among the first `cut` ranks; one cut for all, or one a query."""
    cuts = np.broadcast_to(cut, ranked.rows.shape)[ranked.query]
    return np.clip(cuts - ranked.n_before, 0, ranked.n_tied)


def expected_hits(ranked: RankedPositives, cut: int | IntArray) -> FloatArray:
    """(B,) E[h_cut]: a positive is in each place of its tie equally often."""
    return ranked.total(places_counted(ranked, cut) / ranked.n_tied)


def expected_precisions(ranked: RankedPositives, places: IntArray) -> FloatArray:
    """(P,) each positive's mean share in the sum of i/r_i over the first `places` of its tie.

    Over a tie they add up to r/n [ (R0+1) dH + (r-1)/(n-1) (m - (N0+1) dH) ], dH = H[N0+m] - H[N0].
    """
    precisions = places * (ranked.relevant_before + 1) / (ranked.n_before + 1)
    tied = np.flatnonzero(ranked.n_tied > 1)
    if tied.size:
        n, n0 = ranked.n_tied[tied], ranked.n_before[tied]
        r, r0, m = ranked.relevant_tied[tied], ranked.relevant_before[tied], places[tied]
        reciprocals = _reciprocal_sums(n0, n0 + m)
        precisions[tied] = ((r0 + 1) * reciprocals + (r - 1) / (n - 1) * (m - (n0 + 1) * reciprocals)) / n
    return precisions


def _reciprocal_sums(begins: IntArray, ends: IntArray) -> FloatArray:
    """1/(begin+1) + ... + 1/end, as a difference of harmonic numbers."""
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, int(ends.max()) + 1))])
    differences: FloatArray = harmonic[ends] - harmonic[begins]
    return differences


def probability_of_a_hit(n: IntArray, r: IntArray, places: IntArray) -> FloatArray:
    """(B,) P(one of r positives is in the first m places of a tie of n) = 1 - C(n-m, r) / C(n, r)."""
    miss = np.ones(n.size)
    for place in range(int(places.max(initial=0))):
        others_left = np.maximum(n - r - place, 0) / np.maximum(n - place, 1)
        miss *= np.where(place < places, others_left, 1.0)
    return 1.0 - miss


def expected_reciprocal_rank(n_before: int, n: int, r: int) -> float:
    """E[1 / rank] of the first positive of a tie of n with r positives.

    >>> round(expected_reciprocal_rank(0, 2, 1), 4)
    0.75
    """
    place = np.arange(n - r + 1)
    still_none = np.concatenate([[1.0], np.cumprod((n - r - place[:-1]) / (n - place[:-1]))])
    first_here = still_none * r / (n - place)
    return float((first_here / (n_before + place + 1)).sum())
