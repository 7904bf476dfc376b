"""Which function computes which id: the one place where definitions meet code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metrics import average_precision, first_hit, precision
from metrics.definitions import Metric
from metrics.ranking import FloatArray, RankedPositives

# Families with a cut-off take it as second argument.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "map@all": average_precision.average_precision,
    "map@k/r": average_precision.average_precision_over_r,
    "map@k/k": average_precision.average_precision_over_k,
    "map@k/min_k_r": average_precision.average_precision_over_min,
    "p@k": precision.precision,
    "p@k/capped": precision.capped_precision,
    "p@k/min_k_r": precision.reachable_precision,
    "recall@k/r": precision.recall,
    "r_precision": precision.r_precision,
    "hit@k": first_hit.hit,
    "mrr": first_hit.reciprocal_rank,
    "acc@k": first_hit.hit,
}


def compute(metric: Metric, ranked: RankedPositives) -> FloatArray:
    """(B,) float64: the metric of each query, kept inside its range against rounding in the last digit."""
    cut = () if metric.k is None else (metric.k,)
    values: FloatArray = np.clip(FUNCTIONS[metric.family.pattern](ranked, *cut), *metric.family.range)
    return values
