"""What a random ranking scores: the same closed forms, with all items in one tie."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from metrics.definitions import Metric, parse
from metrics.functions import compute
from metrics.inputs import FloatArray, IntArray, as_array
from metrics.interpolated_precision import N_ORDERS
from metrics.pr_curve import N_POINTS
from metrics.ranking import RankedPositives, one_tie

_N_PLACES = 1 << 20  # drawn where there is no closed form: enough for three digits


def chance(n_gallery: Any, n_relevant: Any, metric_id: str, n_instances: Any = None) -> float:
    """The expectation of a metric under a uniformly random order of the gallery, mean over queries.

    n_gallery: items ranked, one number or one a query. n_relevant: positives of each query, (Q,) or one
    number (one a class gives the class-balanced value). n_instances: for `acc@k`, items of each query's
    instance. Queries without positives are left out; nan where none is left. Chance is not R/N for every id:
    the average precision of a random order lies above it. The `voc` ids have no closed form: they are the
    mean over seeded orders.
    Raises ValueError for an unknown id, k > N, or counts that cannot be.

    >>> round(chance(365, 27, "map@all"), 3), round(chance(365, 27, "p@10"), 3)
    (0.088, 0.074)
    """
    metric = parse(metric_id)
    if metric.family.is_curve:
        raise ValueError(f"{metric_id!r} is a curve, not a number: use chance_pr_curve.")
    if metric.family.relevance == "instance":
        if n_instances is None:
            raise ValueError(f"{metric_id!r} needs n_instances: how many items share each query's instance.")
        n_relevant = n_instances
    n_ranked, n_positive, weights = _distinct_counts(n_gallery, n_relevant)
    if n_ranked.size == 0:
        return float("nan")
    if metric.ranks_needed is not None and metric.ranks_needed > n_ranked.min():
        raise ValueError(
            f"{metric_id!r} looks at {metric.ranks_needed} ranks, but only {n_ranked.min()} items are ranked."
        )
    values = [
        float(_expectation(metric, one_tie(n_ranked[i : i + 1], int(n_positive[i])), int(n_ranked[i])))
        for i in range(n_ranked.size)
    ]
    return float(np.average(values, weights=weights))


def chance_pr_curve(n_gallery: Any, n_relevant: Any) -> FloatArray:
    """(11,) the precision-recall curve of one tie of all items, mean over queries: R/N at every recall.

    Curves read a tie as one threshold, so this is what `evaluate` gives to constant scores. A random order
    without ties lies above it at low recalls, where the best of many operating points is taken.
    """
    n_ranked, n_positive, weights = _distinct_counts(n_gallery, n_relevant)
    if n_ranked.size == 0:
        return np.full(N_POINTS, np.nan)
    curve: FloatArray = np.average(n_positive / n_ranked, weights=weights) * np.ones(N_POINTS)
    return curve


def _expectation(metric: Metric, ranked: RankedPositives, n_ranked: int) -> float:
    if not metric.family.is_drawn:
        return float(compute(metric, ranked)[0])
    n_repeats = min(max(1, _N_PLACES // (N_ORDERS * n_ranked)), 100)
    return float(np.mean([compute(metric, replace(ranked, seed=seed))[0] for seed in range(n_repeats)]))


def _distinct_counts(n_gallery: Any, n_relevant: Any) -> tuple[IntArray, IntArray, IntArray]:
    """The different (N, R) among queries with positives, and how many queries have each."""
    pairs = np.stack(np.broadcast_arrays(as_array(n_gallery), as_array(n_relevant)), axis=-1).reshape(-1, 2)
    if pairs.dtype.kind not in "iu" or (pairs[:, 1] < 0).any() or (pairs[:, 1] > pairs[:, 0]).any():
        raise ValueError("n_gallery and n_relevant must be whole numbers with 0 <= n_relevant <= n_gallery.")
    distinct, counts = np.unique(pairs[pairs[:, 1] > 0].astype(np.int64), axis=0, return_counts=True)
    return distinct[:, 0], distinct[:, 1], counts
