"""From embeddings to the numbers of a record: metrics, intervals, analytic chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import metrics
from benchmark.embed import Embedded
from benchmark.records import Counts, PerQuery, Rankings, Score
from datasets.base import DatasetIndex
from datasets.task import Answers
from metrics.evaluation import Evaluation
from metrics.intervals import bootstrap_means, confidence_interval

N_TOP = 200


@dataclass(frozen=True)
class Graded:
    """The graded part of a record, with the arrays that stand beside it."""

    fields: dict[str, Any]
    per_query: PerQuery
    rankings: Rankings


def grade(embedded: Embedded, index: DatasetIndex, *, interval_seed: int, device: str) -> Graded:
    """Evaluate embeddings with the default metrics. Raises ValueError for embeddings that are not finite."""
    answers = embedded.answers
    evaluation = evaluate(embedded, index, device=device)
    ids = tuple(evaluation.per_query)
    values = np.stack([evaluation.per_query[metric_id] for metric_id in ids])
    n_unseen = len(np.unique(answers.gallery_labels))
    fields = {
        "scores": scores_of(evaluation, answers.query_labels, interval_seed=interval_seed),
        "dropped_metrics": dict(evaluation.dropped),
        "pr_curve": evaluation.pr_curve.tolist(),
        "chance_pr_curve": metrics.chance_pr_curve(evaluation.n_ranked, evaluation.n_relevant).tolist(),
        "per_class": _per_class(evaluation, index.class_names),
        "counts": Counts(
            n_queries=evaluation.n_queries,
            n_gallery=evaluation.n_gallery,
            n_unseen_classes=n_unseen,
            n_seen_classes=len(index.class_names) - n_unseen,
            n_train_classes=embedded.n_train_classes,
            n_train_sketches=embedded.n_train_sketches,
            n_train_photos=embedded.n_train_photos,
            n_without_positives=evaluation.n_without_positives,
            n_near_ties=evaluation.n_near_ties,
            tie_frac={str(cut): share for cut, share in evaluation.ties.items()},
        ),
        "embedding_width": embedded.gallery_emb.shape[1],
        "distance": embedded.distance_name,
        "n_parameters": sum(tensor.numel() for tensor in embedded.method.state().values()),
    }
    query_names, gallery_names = index.sketches.names, index.photos.names
    per_query = PerQuery(
        metric_ids=np.array(ids),
        values=values.astype(np.float32),
        labels=answers.query_labels,
        names=np.array([query_names[i] for i in answers.queries]),
    )
    top = metrics.top_ranking(
        embedded.query_emb, embedded.gallery_emb, k=N_TOP, distance=embedded.distance, device=device
    )
    query_instances, gallery_instances = _instances(index, answers)
    rankings = Rankings(
        top=top.items,
        tied=top.tied,
        names=np.array([gallery_names[i] for i in answers.gallery]),
        labels=answers.gallery_labels,
        query_instances=None if query_instances is None else np.array(query_instances),
        gallery_instances=None if gallery_instances is None else np.array(gallery_instances),
    )
    return Graded(fields, per_query, rankings)


def evaluate(embedded: Embedded, index: DatasetIndex, *, device: str) -> Evaluation:
    """Return the default metrics of embedded test items; instances count where the data set has them."""
    answers = embedded.answers
    query_instances, gallery_instances = _instances(index, answers)
    return metrics.evaluate(
        embedded.query_emb,
        answers.query_labels,
        embedded.gallery_emb,
        answers.gallery_labels,
        distance=embedded.distance,
        query_instances=query_instances,
        gallery_instances=gallery_instances,
        device=device,
    )


def scores_of(evaluation: Evaluation, labels: NDArray[np.int64], *, interval_seed: int) -> dict[str, Score]:
    """Means of all metrics of an evaluation, with interval and chance. labels: (Q,) classes of queries."""
    values = np.stack(list(evaluation.per_query.values()))
    ends = confidence_interval(bootstrap_means(values, labels, seed=interval_seed))
    scores = {}
    for metric_id, of_queries, low, high in zip(evaluation.per_query, values, *ends, strict=True):
        scores[metric_id] = Score(
            value=evaluation.summary[metric_id],
            ci_low=float(low),
            ci_high=float(high),
            class_balanced=evaluation.class_balanced[metric_id],
            chance=metrics.chance(
                evaluation.n_ranked, evaluation.n_relevant, metric_id, evaluation.n_instances
            ),
            n_queries_used=int(np.isfinite(of_queries).sum()),
        )
    return scores


def _instances(index: DatasetIndex, answers: Answers) -> tuple[list[str], list[str]] | tuple[None, None]:
    sketches, photos = index.sketches.instances, index.photos.instances
    if sketches is None or photos is None:
        return None, None
    return [sketches[i] for i in answers.queries], [photos[i] for i in answers.gallery]


def _per_class(evaluation: Evaluation, class_names: tuple[str, ...]) -> dict[str, dict[str, float | None]]:
    def named(by_label: Any) -> dict[str, float | None]:
        return {class_names[label]: mean if np.isfinite(mean) else None for label, mean in by_label.items()}

    return {metric_id: named(by_label) for metric_id, by_label in evaluation.per_class.items()}
