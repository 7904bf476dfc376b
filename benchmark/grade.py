"""From embeddings to the numbers of a record: metrics, intervals, analytic chance."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import metrics
from benchmark.embed import Embedded
from benchmark.records import Counts, PerQuery, Rankings, Score
from datasets.base import DatasetIndex
from datasets.settings import ZERO_SHOT, Terms
from datasets.task import Answers
from methods.base import RetrievalMethod
from metrics.evaluation import Evaluation
from metrics.intervals import bootstrap_means, confidence_interval

N_TOP = 256
"""Ranks that are kept: 200, the deepest usual cut, and room for a tie across it, such as a photo that lies in
two folders."""


class _NothingToMeasureError(ValueError):
    """No query has anything to find."""


@dataclass(frozen=True)
class Graded:
    """The graded part of a record, with the arrays that stand beside it."""

    fields: dict[str, Any]
    per_query: PerQuery
    rankings: Rankings


def grade(
    embedded: Embedded, index: DatasetIndex, terms: Terms, *, interval_seed: int, device: str
) -> Graded:
    """Evaluate embeddings with the default metrics. Raises ValueError for embeddings that are not finite.

    Queries of unseen and of seen classes are evaluated apart, in one gallery.
    """
    is_seen = embedded.answers.query_is_seen
    unseen_queries = _with_queries(embedded, ~is_seen)
    fields, evaluation = _measured(unseen_queries, index, terms, interval_seed, device)
    if is_seen.any():
        seen_queries = _with_queries(embedded, is_seen)
        with contextlib.suppress(_NothingToMeasureError):  # one held-out item a class finds no other
            fields["seen_scores"] = _measured(seen_queries, index, terms, interval_seed, device)[0]["scores"]
        fields["counts"] = fields["counts"].model_copy(update={"n_seen_queries": int(is_seen.sum())})
    return Graded(
        fields,
        _per_query(unseen_queries.answers, index, evaluation),
        _rankings(unseen_queries, index, terms, device),
    )


def evaluate(embedded: Embedded, index: DatasetIndex, *, device: str, terms: Terms = ZERO_SHOT) -> Evaluation:
    """Return the default metrics of embedded test items; instances count where the data set has them."""
    answers = embedded.answers
    query_instances, gallery_instances = _instances(index, answers)
    query_labels, gallery_labels = relevance_labels(
        terms.relevance, answers.query_labels, answers.gallery_labels, query_instances, gallery_instances
    )
    return metrics.evaluate(
        embedded.query_emb,
        query_labels,
        embedded.gallery_emb,
        gallery_labels,
        distance=embedded.distance,
        query_instances=query_instances,
        gallery_instances=gallery_instances,
        device=device,
        **_excluded(index, answers, terms),
    )


def relevance_labels(
    relevance: str,
    query_classes: NDArray[np.int64],
    gallery_classes: NDArray[np.int64],
    query_instances: Any,
    gallery_instances: Any,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return labels that are equal where an item is relevant to a query: classes, or numbers of instances.

    An item without an instance gets a number that no other has.
    """
    if relevance == "category":
        return query_classes, gallery_classes
    names = np.concatenate([np.asarray(query_instances), np.asarray(gallery_instances)])
    numbers = np.unique(names, return_inverse=True)[1].astype(np.int64)
    is_alone = names == ""
    numbers[is_alone] = numbers.max() + 1 + np.arange(is_alone.sum())
    return numbers[: len(query_classes)], numbers[len(query_classes) :]


def scores_of(evaluation: Evaluation, labels: NDArray[np.int64], *, interval_seed: int) -> dict[str, Score]:
    """Means of all metrics of an evaluation, with interval and chance. labels: (Q,) classes of queries."""
    values = np.stack(list(evaluation.per_query.values()))
    ends = confidence_interval(bootstrap_means(values, labels, seed=interval_seed))
    scores = {}
    for metric_id, of_queries, low, high in zip(evaluation.per_query, values, *ends, strict=True):
        of_classes = [mean for mean in _class_means(of_queries, labels).values() if np.isfinite(mean)]
        scores[metric_id] = Score(
            value=evaluation.summary[metric_id],
            ci_low=max(0.0, float(low)),  # of metrics from 0 to 1, which a studentised interval can leave
            ci_high=min(1.0, float(high)),
            class_balanced=float(np.mean(of_classes)) if of_classes else float("nan"),
            chance=metrics.chance(
                evaluation.n_ranked, evaluation.n_relevant, metric_id, evaluation.n_instances
            ),
            n_queries_used=int(np.isfinite(of_queries).sum()),
        )
    return scores


def _measured(
    embedded: Embedded, index: DatasetIndex, terms: Terms, interval_seed: int, device: str
) -> tuple[dict[str, Any], Evaluation]:
    """The fields of a record that come from one set of queries."""
    answers = embedded.answers
    evaluation = _with_values(evaluate(embedded, index, device=device, terms=terms))
    names = index.class_names
    n_tested = len(np.unique(answers.query_labels))
    fields = {
        "scores": scores_of(evaluation, answers.query_labels, interval_seed=interval_seed),
        "dropped_metrics": dict(evaluation.dropped),
        "pr_curve": evaluation.pr_curve.tolist(),
        "chance_pr_curve": metrics.chance_pr_curve(evaluation.n_ranked, evaluation.n_relevant).tolist(),
        "per_class": {
            metric_id: {
                names[label]: mean if np.isfinite(mean) else None
                for label, mean in _class_means(values, answers.query_labels).items()
            }
            for metric_id, values in evaluation.per_query.items()
        },
        "counts": Counts(
            n_queries=evaluation.n_queries,
            n_gallery=evaluation.n_gallery,
            n_unseen_classes=n_tested,
            n_seen_classes=len(names) - n_tested,
            n_train_classes=embedded.n_train_classes,
            n_train_sketches=embedded.n_train_sketches,
            n_train_photos=embedded.n_train_photos,
            n_copies_left_out=embedded.n_copies_left_out,
            n_without_positives=evaluation.n_without_positives,
            n_near_ties=evaluation.n_near_ties,
            tie_frac={str(cut): share for cut, share in evaluation.ties.items()},
        ),
        "embedding_width": embedded.gallery_emb.shape[1],
        "distance": embedded.distance_name,
        "n_parameters": n_parameters(embedded.method),
    }
    return fields, evaluation


def n_parameters(method: RetrievalMethod) -> int:
    """How many numbers a fitted method keeps, those that modalities share counted once."""
    return sum({(part.data_ptr(), part.shape): part.numel() for part in method.state().values()}.values())


def _with_values(evaluation: Evaluation) -> Evaluation:
    """Drop the metrics that no query has a value of, such as `acc@1` where nothing of an instance is left.

    Raises ValueError when none is left.
    """
    empty = [name for name, values in evaluation.per_query.items() if not np.isfinite(values).any()]
    if len(empty) == len(evaluation.per_query):
        raise _NothingToMeasureError("no query has a positive in the gallery: there is nothing to measure")
    reason = "no query has an item of its instance in the gallery"
    return replace(
        evaluation,
        per_query={name: own for name, own in evaluation.per_query.items() if name not in empty},
        summary={name: own for name, own in evaluation.summary.items() if name not in empty},
        dropped={**evaluation.dropped, **dict.fromkeys(empty, reason)},
    )


def _per_query(answers: Answers, index: DatasetIndex, evaluation: Evaluation) -> PerQuery:
    names = index.items(answers.modalities[0]).names
    return PerQuery(
        metric_ids=np.array(list(evaluation.per_query)),
        values=np.stack(list(evaluation.per_query.values())).astype(np.float32),
        labels=answers.query_labels,
        names=np.array([names[i] for i in answers.queries]),
        n_relevant=evaluation.n_relevant,
        n_ranked=evaluation.n_ranked,
    )


def _rankings(embedded: Embedded, index: DatasetIndex, terms: Terms, device: str) -> Rankings:
    answers = embedded.answers
    top = metrics.top_ranking(
        embedded.query_emb,
        embedded.gallery_emb,
        k=N_TOP,
        distance=embedded.distance,
        device=device,
        **_excluded(index, answers, terms),
    )
    query_instances, gallery_instances = _instances(index, answers)
    names = index.items(answers.modalities[1]).names
    return Rankings(
        top=top.items,
        tied=top.tied,
        names=np.array([names[i] for i in answers.gallery]),
        labels=answers.gallery_labels,
        query_instances=None if query_instances is None else np.array(query_instances),
        gallery_instances=None if gallery_instances is None else np.array(gallery_instances),
    )


def _with_queries(embedded: Embedded, is_kept: NDArray[np.bool_]) -> Embedded:
    """The same embeddings with some of the queries, in their order."""
    if is_kept.all():
        return embedded
    answers = embedded.answers
    return replace(
        embedded,
        query_emb=embedded.query_emb[is_kept],
        answers=replace(
            answers,
            queries=answers.queries[is_kept],
            query_labels=answers.query_labels[is_kept],
            query_is_seen=answers.query_is_seen[is_kept],
        ),
    )


def _excluded(index: DatasetIndex, answers: Answers, terms: Terms) -> dict[str, Any]:
    """Within one modality, arguments that remove the query itself and the same picture in another place."""
    if not terms.is_within_modality:
        return {}
    groups = index.items(answers.modalities[0]).groups
    named = {"query_ids": answers.queries, "gallery_ids": answers.gallery, "exclude_self": True}
    if groups is not None:
        named["query_groups"] = [groups[i] for i in answers.queries]
        named["gallery_groups"] = [groups[i] for i in answers.gallery]
    return named


def _instances(index: DatasetIndex, answers: Answers) -> tuple[list[str], list[str]] | tuple[None, None]:
    queries, gallery = (index.items(modality).instances for modality in answers.modalities)
    if queries is None or gallery is None:
        return None, None
    return [queries[i] for i in answers.queries], [gallery[i] for i in answers.gallery]


def _class_means(values: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[int, float]:
    """Mean over the queries of each class that have a value, nan where none has."""
    means = {}
    for label in np.unique(labels).tolist():
        present = values[(labels == label) & np.isfinite(values)]
        means[label] = float(present.mean()) if present.size else float("nan")
    return means
