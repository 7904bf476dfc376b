"""Which function computes which id under which tie rule: the one place where definitions meet code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from metrics import average_precision, first_hit, found_precision, interpolated_precision, precision
from metrics.arrays import Array
from metrics.definitions import Metric
from metrics.ranking import RankedPositives, bound

# Families with a cut-off take it as second argument. Each gives the mean over the orders of ties.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "map@all": average_precision.average_precision,
    "map@all/voc": interpolated_precision.interpolated_average_precision,
    "map@k/r": average_precision.average_precision_over_r,
    "map@k/k": average_precision.average_precision_over_k,
    "map@k/min_k_r": average_precision.average_precision_over_min,
    "map@k/hits": found_precision.average_precision_over_hits,
    "map@k/voc": interpolated_precision.interpolated_average_precision_over_min,
    "p@k": precision.precision,
    "p@k/capped": precision.capped_precision,
    "p@k/min_k_r": precision.reachable_precision,
    "p@k/item": precision.item,
    "recall@k/r": precision.recall,
    "r_precision": precision.r_precision,
    "map@r": average_precision.average_precision_at_r,
    "ndcg@k": precision.discounted_gain,
    "hit@k": first_hit.hit,
    "mrr": first_hit.reciprocal_rank,
    "acc@k": first_hit.hit,
}

# What a tie that passes a threshold as a whole is worth; no other family has such a reading.
GROUPED: dict[str, Callable[..., Any]] = {"map@all": average_precision.grouped_average_precision}

# Where the best order of a tie is not always the one with its positives first.
BOUNDS: dict[str, Callable[..., Any]] = {
    "map@k/hits": found_precision.average_precision_over_hits_bound,
    "p@k/item": precision.item_bound,
}


def compute(metric: Metric, ranked: RankedPositives, ties: str = "expected") -> Array:
    """(B,) float64: the metric of each query, kept inside its range against rounding in the last digit.

    ties: a rule that ranked positives alone determine, any but `stable`, whose order they already have.
    """
    pattern = metric.family.pattern
    cut = () if metric.k is None else (metric.k,)
    if ties == "grouped":
        values = GROUPED[pattern](ranked, *cut)
    elif ties == "expected":
        values = FUNCTIONS[pattern](ranked, *cut)
    elif pattern in BOUNDS:
        values = BOUNDS[pattern](ranked, *cut, best=ties == "optimistic")
    else:
        values = FUNCTIONS[pattern](bound(ranked, best=ties == "optimistic"), *cut)
    return values.clip(*metric.family.range)
