"""Average precision, over the whole ranking or its first k: one sum, four divisors."""

from __future__ import annotations

import numpy as np

from metrics.ranking import FloatArray, RankedPositives
from metrics.ties import expected_precisions, places_counted


def _sum_of_precisions(ranked: RankedPositives, k: int) -> FloatArray:
    return ranked.total(expected_precisions(ranked, places_counted(ranked, k)))


def average_precision(ranked: RankedPositives) -> FloatArray:
    """`map@all`: (1/R) sum_i i/r_i."""
    return ranked.total(expected_precisions(ranked, ranked.n_tied)) / ranked.n_relevant


def average_precision_over_r(ranked: RankedPositives, k: int) -> FloatArray:
    """`map@k/r`: (1/R) sum over r_i <= k of i/r_i."""
    return _sum_of_precisions(ranked, k) / ranked.n_relevant


def average_precision_over_k(ranked: RankedPositives, k: int) -> FloatArray:
    """`map@k/k`: (1/k) sum over r_i <= k of i/r_i."""
    return _sum_of_precisions(ranked, k) / k


def average_precision_over_min(ranked: RankedPositives, k: int) -> FloatArray:
    """`map@k/min_k_r`: (1/min(k,R)) sum over r_i <= k of i/r_i."""
    return _sum_of_precisions(ranked, k) / np.minimum(k, ranked.n_relevant)
