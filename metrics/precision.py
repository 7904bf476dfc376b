"""Precision, recall and gain of the first ranks. Each takes ranked positives and a cut, and returns (B,)."""

from __future__ import annotations

from metrics.arrays import Array, as_float
from metrics.ranking import RankedPositives
from metrics.ties import expected_gains, expected_hits, ideal_gain


def precision(ranked: RankedPositives, k: int) -> Array:
    """`p@k`: h_k / k."""
    return expected_hits(ranked, k) / k


def capped_precision(ranked: RankedPositives, k: int) -> Array:
    """`p@k/capped`: h_m / m with m = min(k, R)."""
    return precision(ranked, min(k, ranked.n_relevant))


def reachable_precision(ranked: RankedPositives, k: int) -> Array:
    """`p@k/min_k_r`: h_k / min(k, R)."""
    return expected_hits(ranked, k) / min(k, ranked.n_relevant)


def item(ranked: RankedPositives, k: int) -> Array:
    """`p@k/item`: whether rank k + 1 holds a positive."""
    return expected_hits(ranked, k + 1) - expected_hits(ranked, k)


def item_bound(ranked: RankedPositives, k: int, *, best: bool) -> Array:
    """`p@k/item` in the best or the worst order of the tie at rank k + 1: any positive in it, or no other."""
    each = ranked.one_by_one()
    here = (each.n_before <= k) & (each.n_before + each.n_tied > k)
    return as_float((here if best else here & (each.n_tied == each.relevant_tied)).any(1))


def recall(ranked: RankedPositives, k: int) -> Array:
    """`recall@k/r`: h_k / R."""
    return expected_hits(ranked, k) / ranked.n_relevant


def r_precision(ranked: RankedPositives) -> Array:
    """`r_precision`: h_R / R."""
    return precision(ranked, ranked.n_relevant)


def discounted_gain(ranked: RankedPositives, k: int) -> Array:
    """`ndcg@k`: the sum over r_i <= k of 1/log2(1 + r_i), over that of an ideal ranking."""
    return ranked.total(expected_gains(ranked, k)) / ideal_gain(min(k, ranked.n_relevant))
