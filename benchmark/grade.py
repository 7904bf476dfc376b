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
        "scores": _scores(values, answers, evaluation, interval_seed),
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
        "distance": embedded.method.distance,
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
    rankings = Rankings(top, np.array([gallery_names[i] for i in answers.gallery]))
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


def _scores(
    values: NDArray[np.float64], answers: Answers, evaluation: Evaluation, interval_seed: int
) -> dict[str, Score]:
    draws = metrics.bootstrap_means(values, answers.query_labels, seed=interval_seed)
    scores = {}
    for metric_id, of_queries, of_resamples in zip(evaluation.per_query, values, draws, strict=True):
        low, high = metrics.percentile_interval(of_resamples)
        scores[metric_id] = Score(
            value=evaluation.summary[metric_id],
            ci_low=low,
            ci_high=high,
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
