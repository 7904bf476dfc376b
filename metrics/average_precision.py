"""Average precision, over the whole ranking or its first k: one sum, several divisors.

Each function takes ranked positives and, where the id has one, a cut-off, and returns (B,).
"""

from __future__ import annotations

from metrics.arrays import Array
from metrics.ranking import RankedPositives
from metrics.ties import expected_precisions


def _sum_of_precisions(ranked: RankedPositives, k: int) -> Array:
    return ranked.total(expected_precisions(ranked, k))


def average_precision(ranked: RankedPositives) -> Array:
    """`map@all`: (1/R) sum_i i/r_i."""
    return ranked.total(expected_precisions(ranked)) / ranked.n_relevant


def grouped_average_precision(ranked: RankedPositives) -> Array:
    """`map@all` with a tie as one threshold: (1/R) sum of the precision at the end of each positive's tie."""
    at_end = (ranked.relevant_before + ranked.relevant_tied) / (ranked.n_before + ranked.n_tied).clip(1)
    return ranked.total(at_end) / ranked.n_relevant


def average_precision_over_r(ranked: RankedPositives, k: int) -> Array:
    """`map@k/r`: (1/R) sum over r_i <= k of i/r_i."""
    return _sum_of_precisions(ranked, k) / ranked.n_relevant


def average_precision_at_r(ranked: RankedPositives) -> Array:
    """`map@r`: (1/R) sum over r_i <= R of i/r_i."""
    return average_precision_over_r(ranked, ranked.n_relevant)


def average_precision_over_k(ranked: RankedPositives, k: int) -> Array:
    """`map@k/k`: (1/k) sum over r_i <= k of i/r_i."""
    return _sum_of_precisions(ranked, k) / k


def average_precision_over_min(ranked: RankedPositives, k: int) -> Array:
    """`map@k/min_k_r`: (1/min(k,R)) sum over r_i <= k of i/r_i."""
    return _sum_of_precisions(ranked, k) / min(k, ranked.n_relevant)
