"""What a random ranking scores: the same closed forms, with all items in one tie."""

from __future__ import annotations

from typing import Any

import numpy as np

from metrics.definitions import parse
from metrics.functions import compute
from metrics.inputs import IntArray, as_array
from metrics.pr_curve import N_POINTS, precision_at_recalls
from metrics.ranking import FloatArray, one_tie


def chance(n_gallery: Any, n_relevant: Any, metric_id: str, n_instances: Any = None) -> float:
    """The expectation of a metric under a uniformly random order of the gallery, mean over queries.

    n_gallery: items ranked, one number or one a query. n_relevant: positives of each query, (Q,) or one
    number (one a class gives the class-balanced value). n_instances: for `acc@k`, items of each query's
    instance. Queries without positives are left out; nan where none is left. Chance is not R/N for every id:
    the average precision of a random order lies above it.
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
    if metric.k is not None and metric.k > n_ranked.min():
        raise ValueError(
            f"{metric_id!r} looks at {metric.k} ranks, but only {n_ranked.min()} items are ranked."
        )
    return float(np.average(compute(metric, one_tie(n_ranked, n_positive)), weights=weights))


def chance_pr_curve(n_gallery: Any, n_relevant: Any) -> FloatArray:
    """(11,) the precision-recall curve of one tie of all items, mean over queries: R/N at every recall.

    Curves read a tie as one threshold, so this is what `evaluate` gives to constant scores. A random order
    without ties lies above it at low recalls, where the best of many operating points is taken.
    """
    n_ranked, n_positive, weights = _distinct_counts(n_gallery, n_relevant)
    if n_ranked.size == 0:
        return np.full(N_POINTS, np.nan)
    curve: FloatArray = np.average(
        precision_at_recalls(one_tie(n_ranked, n_positive)), axis=0, weights=weights
    )
    return curve


def _distinct_counts(n_gallery: Any, n_relevant: Any) -> tuple[IntArray, IntArray, IntArray]:
    """The different (N, R) among queries with positives, and how many queries have each."""
    pairs = np.stack(np.broadcast_arrays(as_array(n_gallery), as_array(n_relevant)), axis=-1).reshape(-1, 2)
    if pairs.dtype.kind not in "iu" or (pairs[:, 1] < 0).any() or (pairs[:, 1] > pairs[:, 0]).any():
        raise ValueError("n_gallery and n_relevant must be whole numbers with 0 <= n_relevant <= n_gallery.")
    distinct, counts = np.unique(pairs[pairs[:, 1] > 0].astype(np.int64), axis=0, return_counts=True)
    return distinct[:, 0], distinct[:, 1], counts
