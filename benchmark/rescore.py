"""Metrics of a finished run that were not asked for when it was made, from the ranks that it stored.

The stored ranks are turned back into scores of the same order and the same ties, and `metrics.evaluate`
does the rest: no metric is written twice, and neither method nor data set is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import metrics
from benchmark.errors import BenchmarkError
from benchmark.grade import relevance_labels, scores_of
from benchmark.records import PerQuery, Rankings, Score, StoredRun
from benchmark.reporting.joining import newest
from metrics.definitions import Metric, parse
from metrics.evaluation import Evaluation

IntArray = NDArray[np.int64]
_LACKS = (
    "Runs keep no embeddings: `run_benchmark.py evaluate`, or metrics.evaluate, computes it from embeddings "
    "of your own."
)


@dataclass(frozen=True, eq=False)
class Measured:
    """One metric of a finished run. values: (Q,) float64, nan where a query has none.

    score: their means with interval and chance. origin: "stored" (values rounded to float32, the score as in
    the record), or computed from the "rankings".
    """

    score: Score
    values: NDArray[np.float64]
    origin: Literal["stored", "rankings"]


def rescore(run: StoredRun, metric_ids: Sequence[str]) -> dict[str, Measured]:
    """Return any metrics of a finished run, stored ones first, else computed from its rankings.

    Computed values are those of `metrics.evaluate` on the embeddings, under the run's own tie rule.
    Raises BenchmarkError for an id that is not complete or is a curve, for one that the gallery or the data
    set does not allow, and for one that the stored ranks do not determine, with what is missing.
    """
    wanted = [_parsed(metric_id) for metric_id in dict.fromkeys(metric_ids)]
    per_query = run.per_query()
    row_of = {metric_id: row for row, metric_id in enumerate(per_query.metric_ids.tolist())}
    missing = [metric for metric in wanted if metric.id not in row_of]
    computed = _computed(run, per_query.labels, missing) if missing else {}

    def stored(metric_id: str) -> Measured:
        values = per_query.values[row_of[metric_id]].astype(np.float64)
        return Measured(run.record.scores[metric_id], values, "stored")

    return {metric.id: computed.get(metric.id) or stored(metric.id) for metric in wanted}


def with_metrics(run: StoredRun, metric_ids: Sequence[str]) -> StoredRun:
    """Return a finished run as if it had been asked for these metrics too: for tables and plots.

    Nothing is written. Raises BenchmarkError as `rescore` does.
    """
    per_query = run.per_query()
    measured = rescore(run, metric_ids)
    added = {name: own for name, own in measured.items() if own.origin == "rankings"}
    scores = {**run.record.scores, **{name: own.score for name, own in added.items()}}
    values = [per_query.values, *(own.values.astype(np.float32)[None] for own in added.values())]
    extended = replace(
        per_query,
        metric_ids=np.array([*per_query.metric_ids.tolist(), *added]),
        values=np.concatenate(values),
    )
    return _Extended(run.folder, run.record.model_copy(update={"scores": scores}), extended)


def shown_with_metrics(runs: Sequence[StoredRun], metric_ids: Sequence[str]) -> list[StoredRun]:
    """Return the runs, those that a table shows with these metrics: older ones may lack the rankings.

    Raises BenchmarkError as `rescore` does.
    """
    chosen, _ = newest([run for run in runs if run.record.status != "partial"])
    shown = {run.folder for of_row in chosen.values() for seeds in of_row.values() for run in seeds}
    return [
        with_metrics(run, metric_ids) if run.folder in shown and run.record.status == "complete" else run
        for run in runs
    ]


@dataclass(frozen=True)
class _Extended(StoredRun):
    extended: PerQuery

    def per_query(self) -> PerQuery:
        return self.extended


def _computed(run: StoredRun, labels: IntArray, wanted: Sequence[Metric]) -> dict[str, Measured]:
    evaluation = _evaluate(run, labels, wanted)
    scores = scores_of(evaluation, labels, interval_seed=run.record.protocol.interval_seed)
    return {name: Measured(scores[name], own, "rankings") for name, own in evaluation.per_query.items()}


def _parsed(metric_id: str) -> Metric:
    try:
        metric = parse(metric_id)
    except ValueError as error:
        raise BenchmarkError(str(error)) from error
    if metric.family.is_curve:
        raise BenchmarkError(f"'{metric_id}' is a curve, not a number. The record of every run holds it.")
    return metric


def _evaluate(run: StoredRun, labels: IntArray, wanted: Sequence[Metric]) -> Evaluation:
    rankings, protocol = run.rankings(), run.record.protocol
    if protocol.exclusions != "none":
        raise BenchmarkError(
            f"{', '.join(metric.id for metric in wanted)}: run {run.record.run_id} excluded pairs "
            f"({protocol.exclusions}), and its rankings do not name them. {_LACKS}"
        )
    query_labels, gallery_labels = relevance_labels(
        protocol.relevance, labels, rankings.labels, rankings.query_instances, rankings.gallery_instances
    )
    # Under `stable` a tie has an order, which is the one stored.
    tied = rankings.tied & (protocol.ties != "stable")
    begins = _tie_begins(tied)
    try:
        evaluation = metrics.evaluate(
            np.arange(len(labels)),
            query_labels,
            np.arange(len(gallery_labels)),
            gallery_labels,
            metrics=[metric.id for metric in wanted],
            distance=_rebuilt_scores(rankings.top, begins),
            ties=protocol.ties,
            query_instances=rankings.query_instances,
            gallery_instances=rankings.gallery_instances,
        )
    except ValueError as error:
        raise BenchmarkError(f"run {run.record.run_id}: {error}") from error
    n_whole = np.where(tied[:, -1], begins[:, -1], tied.shape[1])
    for metric in wanted:
        _check_determined(metric, run, rankings, (query_labels, gallery_labels), evaluation, n_whole)
    return evaluation


def _tie_begins(tied: NDArray[np.bool_]) -> IntArray:
    """(Q, k) -> (Q, k): for each rank, the number of items that are strictly before its tie."""
    ranks = np.arange(tied.shape[1])
    is_first = np.column_stack([np.ones(len(tied), dtype=bool), ~tied[:, :-1]])
    return np.maximum.accumulate(np.where(is_first, ranks, 0), axis=1)


def _rebuilt_scores(top: NDArray[np.int32], begins: IntArray) -> Callable[[Any, Any], NDArray[np.float32]]:
    """A `distance` whose scores rank as the stored ranks do; everything beyond them is last, and equal."""

    def scores(queries: IntArray, gallery: IntArray) -> NDArray[np.float32]:
        rebuilt = np.full((len(queries), len(gallery)), -top.shape[1], dtype=np.float32)
        np.put_along_axis(rebuilt, top[queries], -begins[queries], axis=1)
        return rebuilt

    return scores


def _check_determined(
    metric: Metric,
    run: StoredRun,
    rankings: Rankings,
    labels: tuple[IntArray, IntArray],
    evaluation: Evaluation,
    n_whole: IntArray,
) -> None:
    """Raise BenchmarkError when a query's value could depend on what lies beyond its stored ranks.

    labels: of queries and gallery, equal where an item is relevant. n_whole: (Q,) ranks up to which every tie
    is stored as a whole. A query is settled when the metric reads no further, or when all its positives lie
    there: what follows is then known to hold none.
    """
    sides: tuple[NDArray[Any] | None, ...] = (*labels, evaluation.n_relevant)
    if metric.family.relevance == "instance":
        sides = (rankings.query_instances, rankings.gallery_instances, evaluation.n_instances)
    own, found, n_positive = (side for side in sides if side is not None)
    is_positive = found[rankings.top] == own[:, None]
    n_top = is_positive.shape[1]
    n_found = (is_positive & (np.arange(n_top) < n_whole[:, None])).sum(axis=1)
    read, words = _ranks_read(metric, is_positive, evaluation)
    is_settled = (read <= n_whole) | (n_found == n_positive)
    if is_settled.all():
        return
    n_open, n_cut = int((~is_settled).sum()), int((~is_settled & (n_whole < n_top)).sum())
    cut = f", {n_cut} of them because a tie runs past the last rank kept" if n_cut else ""
    ties = " and the ties across the last of them" if n_cut else ""
    raise BenchmarkError(
        f"{metric.id} needs {words}{ties}; run {run.record.run_id} keeps the first {n_top} of "
        f"{evaluation.n_gallery} ranks, which leave {n_open} of {len(labels[0])} queries open{cut}. "
        f"Metrics that read fewer ranks can be had. {_LACKS}"
    )


def _ranks_read(
    metric: Metric, is_positive: NDArray[np.bool_], evaluation: Evaluation
) -> tuple[IntArray | int, str]:
    """How many first ranks a metric reads, (Q,) or the same for all, and these in words.

    A metric that is not named here reads as far as its cut-off, and everything without one.
    """
    n_relevant, n_gallery, k = evaluation.n_relevant, evaluation.n_gallery, metric.k or 0
    first = np.where(is_positive.any(axis=1), is_positive.argmax(axis=1) + 1, n_gallery + 1)
    match metric.family.pattern:
        case "p@k/item":
            return k + 1, f"the first {k + 1} ranks"
        case "p@k/capped":
            return np.minimum(k, n_relevant), f"the first min({k}, R) ranks"
        case "hit@k" | "acc@k":
            return np.minimum(k, first), f"the first {k} ranks"  # no further than the first positive
        case "mrr":
            return first, "the first positive"
        case "r_precision" | "map@r":
            return n_relevant, "the first R ranks"
    return (k, f"the first {k} ranks") if metric.k else (n_gallery, "the whole ranking")
