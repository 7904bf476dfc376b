"""`map@k/hits`: average precision divided by the positives found, which a tie across the cut leaves open.

Where such a tie puts h of its positives into its m counted places, h is hypergeometric, and given h the sum
over the tie has the closed form of `metrics.ties`. Functions return (B,).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from metrics.arrays import Array, as_index, like, take_rows, to_host
from metrics.inputs import FloatArray
from metrics.ranking import RankedPositives, bound, mixed_across
from metrics.ties import expected_hits, expected_precisions


class _CutTie(NamedTuple):
    """The tie across rank k, (B,) each, and the sum of i/r_i over the positives of better ties."""

    n_before: FloatArray
    n: FloatArray
    relevant_before: FloatArray
    r: FloatArray
    before: FloatArray


def average_precision_over_hits(ranked: RankedPositives, k: int) -> Array:
    """`map@k/hits`: (1/h_k) sum over r_i <= k of i/r_i, 0 where h_k = 0; mean over the orders of ties."""
    values = ranked.total(expected_precisions(ranked, k)) / expected_hits(ranked, k).clip(1)
    across = mixed_across(ranked, k)
    if across.any():
        part = ranked.some(across)
        values[across] = like(values, _mean_over_h(_cut_tie(part, expected_precisions(part, k), k), k))
    return values


def average_precision_over_hits_bound(ranked: RankedPositives, k: int, *, best: bool) -> Array:
    """`map@k/hits` in the best or the worst order of ties. More positives found is not always better."""
    ordered = bound(ranked, best=best)
    precisions = expected_precisions(ordered, k)
    values = ordered.total(precisions) / expected_hits(ordered, k).clip(1)
    across = mixed_across(ranked, k)
    if across.any():
        tie = _cut_tie(ranked.one_by_one().some(across), precisions[across], k)
        values[across] = like(values, _extreme_over_h(tie, k, best=best))
    return values


def _cut_tie(ranked: RankedPositives, precisions: Array, k: int) -> _CutTie:
    ends = ranked.n_before + ranked.n_tied
    across = as_index((ranked.n_before < k) & (ends > k) & ranked.mixed).argmax(1)[:, None]
    counts = (ranked.n_before, ranked.n_tied, ranked.relevant_before, ranked.relevant_tied)
    n_before, n, relevant_before, r = (to_host(take_rows(count, across))[:, 0] for count in counts)
    before = ranked.total(precisions * (ends <= k))
    return _CutTie(n_before, n, relevant_before, r, to_host(before))


def _mean_over_h(tie: _CutTie, k: int) -> FloatArray:
    m = (k - tie.n_before)[:, None]
    h = np.arange(m.max() + 1)
    n, r, r0, n0 = (column[:, None] for column in (tie.n, tie.r, tie.relevant_before, tie.n_before))
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, k + 1))])
    reciprocals = harmonic[k] - harmonic[n0.astype(np.int64)]
    pairs = (h - 1) / np.maximum(m - 1, 1) * (m - (n0 + 1) * reciprocals)
    total = tie.before[:, None] + h / m * ((r0 + 1) * reciprocals + pairs)
    # Added one by one: other queries of the block may bring more h, whose zeros then change nothing.
    mean: FloatArray = np.cumsum(_hypergeometric(n, r, m, h) * total / np.maximum(r0 + h, 1), axis=1)[:, -1]
    return mean


def _hypergeometric(n: FloatArray, r: FloatArray, m: FloatArray, h: FloatArray) -> FloatArray:
    """(B, H) P(h of r positives are in the first m places of a tie of n)."""
    possible = (h >= m - (n - r)) & (h <= np.minimum(r, m))
    follows = possible[:, 1:] & possible[:, :-1]
    below = h[:-1]
    others = np.where(follows, n - r - m + below + 1, 1.0)
    ratio = (r - below) * (m - below) / ((below + 1) * others)
    logs = np.cumsum(np.log(np.where(follows, ratio, 1.0)), axis=1)
    logs = np.where(possible, np.concatenate([np.zeros((len(n), 1)), logs], axis=1), -np.inf)
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    probabilities: FloatArray = shares / np.cumsum(shares, axis=1)[:, -1:]
    return probabilities


def _extreme_over_h(tie: _CutTie, k: int, *, best: bool) -> FloatArray:
    m = k - tie.n_before
    least, most = np.maximum(0, m - (tie.n - tie.r)), np.minimum(tie.r, m)
    extreme = np.full(m.size, -np.inf if best else np.inf)
    for h in range(int(least.min()), int(most.max()) + 1):
        j = np.arange(1, h + 1)
        # The h positives found take the first or the last of the m places.
        skipped = 0 if best else (m - h)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):  # rows where h is impossible
            precisions = (tie.relevant_before[:, None] + j) / (tie.n_before[:, None] + skipped + j)
        value = (tie.before + precisions.sum(axis=1)) / np.maximum(tie.relevant_before + h, 1)
        better = (h >= least) & (h <= most) & ((value > extreme) if best else (value < extreme))
        extreme[better] = value[better]
    return extreme
