"""Closed forms for the mean over all orders of a tie (McSherry and Najork, ECIR 2008).

A tie of n items, r of them positive, follows N0 better items with R0 positives. Its m first places count.
Functions take ranked positives, of B queries with E entries each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from metrics.arrays import Array, as_float, as_index, like, namespace, take_rows
from metrics.inputs import FloatArray
from metrics.ranking import RankedPositives


def places_counted(ranked: RankedPositives, cut: int) -> Array:
    """(B, E) places of each entry's tie among the first `cut` ranks."""
    return namespace(ranked.n_before).minimum((cut - ranked.n_before).clip(0), ranked.n_tied)


def expected_hits(ranked: RankedPositives, cut: int) -> Array:
    """(B,) E[h_cut]: a positive is in each place of its tie equally often."""
    if not ranked.has_ties:
        return as_float((ranked.n_before < cut).sum(1))
    n_tied = ranked.n_tied.clip(1)  # an empty level counts for no positive
    return ranked.total(places_counted(ranked, cut) / n_tied)


def expected_precisions(ranked: RankedPositives, cut: int | None = None) -> Array:
    """(B, E) each positive's mean share in the sum of i/r_i over the first `cut` ranks, or over all.

    Over a tie they add up to r/n [ (R0+1) dH + (r-1)/(n-1) (m - (N0+1) dH) ], dH = H[N0+m] - H[N0].
    """
    precisions = (ranked.relevant_before + 1) / (ranked.n_before + 1)
    places = ranked.n_tied if cut is None else places_counted(ranked, cut)
    if cut is not None:
        precisions = precisions * (places > 0)
    if ranked.has_ties:
        tied = ranked.n_tied > 1
        n, n0 = ranked.n_tied[tied], ranked.n_before[tied]
        r, r0, m = ranked.relevant_tied[tied], ranked.relevant_before[tied], places[tied]
        reciprocals = _between(_harmonic, n0, m)
        precisions[tied] = ((r0 + 1) * reciprocals + (r - 1) / (n - 1) * (m - (n0 + 1) * reciprocals)) / n
    return precisions


def expected_gains(ranked: RankedPositives, cut: int) -> Array:
    """(B, E) each positive's mean share in the sum of 1/log2(1 + r_i) over the first `cut` ranks."""
    places = places_counted(ranked, cut)
    gains = (places > 0) / namespace(places).log2(ranked.n_before + 2)
    if ranked.has_ties:
        tied = ranked.n_tied > 1
        gains[tied] = _between(_discounts, ranked.n_before[tied], places[tied]) / ranked.n_tied[tied]
    return gains


def ideal_gain(n: int) -> float:
    """Sum of 1/log2(1 + rank) over the first n ranks."""
    return float(_discounts(n)[n])


def first_positives(ranked: RankedPositives) -> tuple[Array, Array, Array]:
    """(B,) each: items before the tie of the first positive, items in it, positives in it."""
    if ranked.weight is None:
        first = as_index(ranked.n_before[:, :1] * 0)
    else:
        first = as_index((ranked.relevant_before == 0) & (ranked.weight > 0)).argmax(1)[:, None]
    n_tied, relevant_tied = (
        counts.reshape(-1)[:1] if counts.shape != ranked.n_before.shape else take_rows(counts, first)[:, 0]
        for counts in (ranked.n_tied, ranked.relevant_tied)
    )
    return take_rows(ranked.n_before, first)[:, 0], n_tied, relevant_tied


def still_without(n: Array, r: Array, n_places: int) -> Array:
    """(B, n_places + 1) P(none of r positives in the first 0, 1 ... places of a tie of n).

    That is C(n-m, r) / C(n, r), as a product of the chances that each place goes to another item.
    """
    place = like(n, np.arange(n_places, dtype=np.float64))
    n, r = n[:, None], r[:, None]
    others = (n - r - place).clip(0) / (n - place).clip(1)
    certain = others[:, :1] * 0 + 1 if n_places else n * 0 + 1
    return namespace(n).concatenate([certain, others.cumprod(1)], 1)


def _between(table: Callable[[int], FloatArray], begins: Array, n: Array) -> Array:
    """Sums of a table's terms from each begin over the next n."""
    first, last = as_index(begins), as_index(begins + n)
    size = int(last.max()) if len(last) else 1
    sums = like(begins, table(1 << size.bit_length()))
    return sums[last] - sums[first]


@lru_cache(maxsize=64)
def _harmonic(n: int) -> FloatArray:
    """H[0] ... H[n], with H[j] = 1 + 1/2 + ... + 1/j."""
    return _running_sums(1.0 / np.arange(1, n + 1))


@lru_cache(maxsize=64)
def _discounts(n: int) -> FloatArray:
    """Sums of 1/log2(1 + rank) over the first 0 ... n ranks."""
    return _running_sums(1.0 / np.log2(np.arange(2, n + 2)))


def _running_sums(terms: FloatArray) -> FloatArray:
    # In extended precision: differences of large sums keep their last digits.
    sums: FloatArray = np.concatenate([[0], np.cumsum(terms, dtype=np.longdouble)]).astype(np.float64)
    return sums
