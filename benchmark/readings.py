"""One ranking under many definitions: embeddings in, a row of a table for each published reading out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

import metrics
from benchmark.embedding_files import OPTIONAL, Embeddings
from benchmark.errors import BenchmarkError
from metrics.definitions import FAMILIES, parse
from metrics.evaluation import Evaluation
from metrics.protocols import PROTOCOLS, Averaging, Protocol, Reading

CUTS = (100, 200)


@dataclass(frozen=True)
class Row:
    """A reading, who takes it, and what it gives here.

    value, chance: None where the reading cannot be computed, and then `obstacle` says why.
    """

    reading: Reading
    users: str
    value: float | None = None
    chance: float | None = None
    obstacle: str = ""

    @property
    def name(self) -> str:
        """What a paper would call it: `map@200` for `map@200/voc`."""
        return self.reading.metric.split("/")[0]


class Ranking:
    """Two sides of a retrieval under one distance, evaluated as often as there are tie rules to know.

    Raises BenchmarkError where `exclude_self` cannot tell which items are the same.
    """

    def __init__(
        self, queries: Embeddings, gallery: Embeddings, *, distance: str, exclude_self: bool, device: str
    ) -> None:
        self.queries, self.gallery, self.distance = queries, gallery, distance
        self.exclude_self, self._device = exclude_self, device
        self._named: dict[str, Any] = {}
        for kind in OPTIONAL:
            sides = getattr(queries, kind), getattr(gallery, kind)
            if all(side is not None for side in sides):
                self._named |= dict(zip((f"query_{kind}", f"gallery_{kind}"), sides, strict=True))
        if exclude_self and "query_ids" not in self._named and queries.path == gallery.path:
            rows = np.arange(len(queries))  # one file on both sides: a row is the item itself
            self._named |= {"query_ids": rows, "gallery_ids": rows}
        if exclude_self and not {"query_ids", "query_groups"} & set(self._named):
            raise BenchmarkError(
                "--exclude-self must know which queries stand in the gallery too, by `ids` or `groups` in "
                f"both files. {queries.path} has {_columns_of(queries)}; {gallery.path} has "
                f"{_columns_of(gallery)}."
            )

    def evaluate(self, ids: Sequence[str], ties: str) -> Evaluation:
        """Evaluate some metrics under one tie rule. Raises BenchmarkError for what the engine refuses."""
        try:
            return metrics.evaluate(
                self.queries.emb,
                self.queries.labels,
                self.gallery.emb,
                self.gallery.labels,
                metrics=ids,
                distance=self.distance,
                ties=ties,
                exclude_self=self.exclude_self,
                device=self._device,
                **self._named,
            )
        except ValueError as error:
            raise BenchmarkError(str(error)) from error

    def fewest_ranked(self) -> int:
        """How many items the query with the most exclusions has to rank."""
        from metrics.matches import exclusions

        n_queries, n_gallery = len(self.queries), len(self.gallery)
        sides = {kind: (f"query_{kind}", f"gallery_{kind}") for kind in ("ids", "groups")}
        named = {kind: (self._named.get(of[0]), self._named.get(of[1])) for kind, of in sides.items()}
        found = exclusions(n_queries, n_gallery, named, exclude_self=self.exclude_self)
        if found is None:
            return n_gallery
        removed, _ = found.pairs(np.arange(n_queries), n_gallery)
        return n_gallery - int(np.bincount(removed, minlength=1).max())

    def fill(self, rows: Iterable[Row]) -> tuple[list[Row], list[Evaluation]]:
        """Give each row its value and chance, or the obstacle.

        Returns the rows, and what was evaluated for them, once for each tie rule.
        """
        n_ranked = self.fewest_ranked()
        checked = [replace(row, obstacle=_obstacle(row.reading.metric, n_ranked)) for row in rows]
        ids: dict[str, dict[str, None]] = {}
        for row in checked:
            if not row.obstacle:
                ids.setdefault(row.reading.ties, {})[row.reading.metric] = None
        found = {ties: self.evaluate(list(wanted), ties) for ties, wanted in ids.items()}
        filled = [row if row.obstacle else self._filled(row, found[row.reading.ties]) for row in checked]
        return filled, list(found.values())

    def _filled(self, row: Row, found: Evaluation) -> Row:
        metric, averaging = row.reading.metric, row.reading.averaging
        value = (found.summary if averaging == "query" else found.class_balanced)[metric]
        if math.isnan(value):
            return replace(row, obstacle="no query has a positive in the gallery")
        return replace(row, value=value, chance=self.chance(metric, averaging, found))

    def chance(self, metric: str, averaging: Averaging, found: Evaluation) -> float:
        """The expectation of a metric under a random order, averaged over queries or over classes."""
        n_positives = found.n_relevant
        if parse(metric).family.relevance == "instance" and found.n_instances is not None:
            n_positives = found.n_instances
        counts, query = np.unique(np.stack([found.n_ranked, n_positives]), axis=1, return_inverse=True)
        values = np.array([_chance(metric, int(n), int(r)) for n, r in counts.T])[query]
        has_positives = n_positives > 0
        values, labels = values[has_positives], self.queries.labels[has_positives]
        if averaging == "class":
            values = np.array([values[labels == label].mean() for label in np.unique(labels)])
        return float(values.mean()) if values.size else math.nan


@cache
def _chance(metric: str, n_ranked: int, n_positives: int) -> float:
    """The expectation for one query; nan without positives. Cached, for some ids are costly."""
    return metrics.chance(n_ranked, n_positives, metric, n_positives)


def of_protocol(protocol: Protocol) -> list[Row]:
    """The readings of one published evaluation, still without values."""
    return [Row(reading, f"code of {protocol.title}") for reading in protocol.readings]


def of_everything() -> list[Row]:
    """Every class-level family at the usual cuts under the default tie rule, and every published reading."""
    rows = [
        Row(Reading(family.id_for(cut), "expected", "query", family.source), family.used_by)
        for family in FAMILIES.values()
        if family.relevance == "class" and not family.is_curve
        for cut in (CUTS if family.has_cut else ("all",))
    ]
    published: dict[tuple[str, str, str], Row] = {}
    for protocol in PROTOCOLS.values():
        for row in of_protocol(protocol):
            key = row.reading.metric, row.reading.ties, row.reading.averaging
            seen = published.get(key)
            published[key] = row if seen is None else replace(seen, users=f"{seen.users}, {protocol.title}")
    return [*rows, *published.values()]


def merged(rows: Iterable[Row]) -> list[Row]:
    """Rows that differ in nothing but a tie rule without effect here become one, with `ties` as in `a=b`."""
    found: dict[tuple[str, str, float | None], Row] = {}
    for row in rows:
        value = None if row.value is None else round(row.value, 12)
        key = row.reading.metric, row.reading.averaging, value
        seen = found.get(key)
        if seen is not None:
            reading = replace(seen.reading, ties=f"{seen.reading.ties}={row.reading.ties}")
            row = replace(seen, reading=reading, users=f"{seen.users}; {row.users}")
        found[key] = row
    return list(found.values())


def by_name(rows: Iterable[Row]) -> Mapping[str, list[Row]]:
    """Rows that papers print under one name, the largest value first."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.name, []).append(row)
    return {
        name: sorted(group, key=lambda row: math.inf if row.value is None else -row.value)
        for name, group in groups.items()
    }


def spread(rows: Iterable[Row]) -> str:
    """How far the readings of mAP@200, or of the largest cut that can be computed, lie apart, in words."""
    groups = by_name(row for row in rows if row.value is not None)
    for name in ("map@200", "map@100", "map@all"):
        if name in groups:
            highest, lowest = groups[name][0], groups[name][-1]
            return (
                f"{name} of this one ranking is anything from {_described(lowest)} to {_described(highest)}: "
                "only the ruler differs."
            )
    return "No reading could be computed."


def _described(row: Row) -> str:
    mean = ", mean over classes" if row.reading.averaging == "class" else ""
    return f"{row.value:.3f} ({row.reading.metric}{mean}: {row.users})"


def _obstacle(metric_id: str, n_ranked: int) -> str:
    needed = parse(metric_id).ranks_needed
    if needed is None or needed <= n_ranked:
        return ""
    return f"it looks at {needed} ranks, but a query has only {n_ranked} items to rank"


def _columns_of(side: Embeddings) -> str:
    return ", ".join(kind for kind in OPTIONAL if getattr(side, kind) is not None) or "none of these"
