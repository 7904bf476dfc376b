"""One query of a finished run: which sketch it is, what it scored, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.records import PerQuery, Rankings, StoredRun
from benchmark.rescore import rescore
from datasets.base import DatasetIndex, Items
from datasets.settings import Modality

_N_NAMED = 8


@dataclass(frozen=True)
class Photo:
    """A photo found. class_name: None where the data set is not at hand.

    is_tied_with_next: the photo at the next rank has the same score, so that their order means nothing.
    """

    rank: int
    name: str
    label: int
    class_name: str | None
    is_right: bool
    is_tied_with_next: bool


@dataclass(frozen=True)
class QueryResult:
    """A query sketch with its values and every photo of the stored ranking, best first.

    query: position in the run's query order. metrics: id -> value, None where the query has none.
    n_right: items of its class, or instance, among the n_gallery that it ranks: without itself and copies of
    itself where they are excluded.
    """

    query: int
    name: str
    label: int
    class_name: str | None
    metrics: dict[str, float | None]
    n_right: int
    n_gallery: int
    photos: tuple[Photo, ...]


def find_query(
    per_query: PerQuery, text: str, index: DatasetIndex | None = None, modality: Modality = "sketch"
) -> int:
    """Return the position of a query given by its position, its sketch's name or a part that fits one name.

    With an index, the name of a class that has one query fits too. modality: of the queries.

    Raises BenchmarkError, with the names that fit, when none or several do.
    """
    names: list[str] = per_query.names.tolist()
    class_of = _classes(index.class_names, index.items(modality)) if index else {}
    if text.removeprefix("-").isdecimal():
        if 0 <= int(text) < len(names):
            return int(text)
        raise BenchmarkError(f"the run has queries 0 to {len(names) - 1}, not {text}.")
    fitting = (
        [text] if text in names else [name for name in names if text in name or text == class_of.get(name)]
    )
    if len(fitting) == 1:
        return names.index(fitting[0])
    labels = dict(zip(names, per_query.labels.tolist(), strict=True))
    shown = [
        f"{names.index(name)} ({name}, {class_of.get(name, f'class {labels[name]}')})"
        for name in (fitting or names)[:_N_NAMED]
    ]
    more = len(fitting or names) - len(shown)
    raise BenchmarkError(
        f"'{text}' fits {len(fitting)} of {len(names)} queries{'' if fitting else '; there are'}: "
        f"{', '.join(shown)}{f' and {more} more' if more else ''}. "
        "Give a position, or enough of a name to fit one."
    )


def query_result(
    run: StoredRun, query: int, metric_ids: Sequence[str] | None, index: DatasetIndex | None
) -> QueryResult:
    """Read one query. metric_ids: None for those stored; others as in `rescore`, which may refuse them."""
    per_query, rankings = run.per_query(), run.rankings()
    measured = rescore(run, per_query.metric_ids.tolist() if metric_ids is None else metric_ids)
    values = {metric_id: float(own.values[query]) for metric_id, own in measured.items()}
    own_label = int(per_query.labels[query])
    query_modality, gallery_modality = run.record.protocol.modalities
    class_of_query = _classes(index.class_names, index.items(query_modality)) if index else {}
    class_of_photo = _classes(index.class_names, index.items(gallery_modality)) if index else {}
    photos = []
    ranked = zip(rankings.top[query].tolist(), rankings.tied[query].tolist(), strict=True)
    for rank, (position, is_tied) in enumerate(ranked, start=1):
        if position < 0:
            break  # exclusions leave this query fewer photos
        name, label = str(rankings.names[position]), int(rankings.labels[position])
        is_right = rankings.is_relevant(query, position, own_label, run.record.protocol.relevance)
        photos.append(Photo(rank, name, label, class_of_photo.get(name), is_right, is_tied))
    name = str(per_query.names[query])
    itself = run.record.protocol.queries == "loo"
    n_right, n_gallery = per_query.n_relevant, per_query.n_ranked
    return QueryResult(
        query=query,
        name=name,
        label=own_label,
        class_name=class_of_query.get(name),
        metrics={metric_id: value if np.isfinite(value) else None for metric_id, value in values.items()},
        n_right=_counted(run, rankings, query, own_label) if n_right is None else int(n_right[query]),
        n_gallery=len(rankings.labels) - itself if n_gallery is None else int(n_gallery[query]),
        photos=tuple(photos),
    )


def _counted(run: StoredRun, rankings: Rankings, query: int, label: int) -> int:
    """Positives of a query in the whole gallery without itself, for runs that did not store their number."""
    protocol = run.record.protocol
    found = sum(
        rankings.is_relevant(query, position, label, protocol.relevance)
        for position in range(len(rankings.labels))
    )
    return max(0, found - (protocol.queries == "loo"))


def _classes(class_names: Sequence[str], items: Items) -> dict[str, str]:
    # By name, not by label: a class added to the data since the run would shift the labels.
    return {name: class_names[label] for name, label in zip(items.names, items.labels.tolist(), strict=True)}
