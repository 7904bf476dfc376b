"""Precision and recall of the first ranks. Each takes ranked positives and a cut-off, and returns (B,)."""

from __future__ import annotations

import numpy as np

from metrics.ranking import FloatArray, RankedPositives
from metrics.ties import expected_hits


def precision(ranked: RankedPositives, k: int) -> FloatArray:
    """`p@k`: h_k / k."""
    return expected_hits(ranked, k) / k


def capped_precision(ranked: RankedPositives, k: int) -> FloatArray:
    """`p@k/capped`: h_m / m with m = min(k, R)."""
    cut = np.minimum(k, ranked.n_relevant)
    return expected_hits(ranked, cut) / cut


def reachable_precision(ranked: RankedPositives, k: int) -> FloatArray:
    """`p@k/min_k_r`: h_k / min(k, R)."""
    return expected_hits(ranked, k) / np.minimum(k, ranked.n_relevant)


def recall(ranked: RankedPositives, k: int) -> FloatArray:
    """`recall@k/r`: h_k / R."""
    return expected_hits(ranked, k) / ranked.n_relevant


def r_precision(ranked: RankedPositives) -> FloatArray:
    """`r_precision`: h_R / R."""
    return expected_hits(ranked, ranked.n_relevant) / ranked.n_relevant
