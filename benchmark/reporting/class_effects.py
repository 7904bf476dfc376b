"""What one row gains or loses against another in every class: means of stored per-query values."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.records import PerQuery, StoredRun

Values = NDArray[np.float64]


@dataclass(frozen=True)
class ClassEffect:
    """One class in one split: means over the queries that have a value in both rows."""

    class_name: str
    split: str
    n_queries: int
    value: float
    reference_value: float
    difference: float


class ClassMeans:
    """Per-query values of one metric, averaged over seeds; files are read when a row is first asked for.

    chosen: row name -> split -> the complete runs of all seeds, measured on the same queries.
    """

    def __init__(self, chosen: Mapping[str, Mapping[str, Sequence[StoredRun]]], metric: str) -> None:
        self._chosen, self._metric = chosen, metric
        self._read: dict[tuple[str, str], tuple[PerQuery, Values]] = {}
        self._names: dict[int, str] = {}

    def effects(self, name: str, reference: str) -> tuple[ClassEffect, ...]:
        """All classes of all splits, the largest gain of the row over the reference first."""
        found = (effect for split in self._chosen[name] for effect in self._of_split(name, reference, split))
        return tuple(sorted(found, key=lambda effect: (-effect.difference, effect.class_name)))

    def _of_split(self, name: str, reference: str, split: str) -> Iterator[ClassEffect]:
        arrays, own = self._values(name, split)
        _, other = self._values(reference, split)
        has_both = np.isfinite(own) & np.isfinite(other)
        for label in np.unique(arrays.labels[has_both]).tolist():
            here = has_both & (arrays.labels == label)
            value, reference_value = float(own[here].mean()), float(other[here].mean())
            yield ClassEffect(
                class_name=self._names.get(label, f"class {label}"),
                split=split,
                n_queries=int(here.sum()),
                value=value,
                reference_value=reference_value,
                difference=value - reference_value,
            )

    def _values(self, name: str, split: str) -> tuple[PerQuery, Values]:
        if (name, split) not in self._read:
            runs = self._chosen[name][split]
            stored = [run.per_query() for run in runs]
            of_seeds = [_row(arrays, self._metric) for arrays in stored]
            recorded = runs[0].record.per_class.get(self._metric, {})
            self._names |= _class_names(recorded, stored[0].labels, of_seeds[0])
            self._read[name, split] = stored[0], np.mean(of_seeds, axis=0)
        return self._read[name, split]


def by_class(effects: Sequence[ClassEffect]) -> tuple[Values, Values]:
    """One difference and one weight a class: splits count alike, and the classes of a split count alike.

    A class that is unseen in several splits counts once, with the mean of its differences.
    """
    n_classes = Counter(effect.split for effect in effects)
    of_class = defaultdict(list)
    for effect in effects:
        of_class[effect.class_name].append((effect.difference, 1 / n_classes[effect.split]))
    columns = [np.array(parts).T for parts in of_class.values()]
    differences = np.array([np.average(own, weights=weights) for own, weights in columns])
    return differences, np.array([weights.sum() for _, weights in columns])


def _row(arrays: PerQuery, metric: str) -> Values:
    own: Values = arrays.values[arrays.metric_ids.tolist().index(metric)].astype(np.float64)
    return own


def _class_names(
    recorded: Mapping[str, float | None], labels: NDArray[np.int64], values: Values
) -> dict[int, str]:
    """Names by label: labels count the sorted names. None where the recorded means contradict that."""
    found, names = np.unique(labels).tolist(), sorted(recorded)
    if len(found) != len(names):
        return {}
    for label, name in zip(found, names, strict=True):
        own = values[(labels == label) & np.isfinite(values)]
        mean = recorded[name]
        agrees = own.size == 0 if mean is None else own.size > 0 and abs(own.mean() - mean) < 1e-5
        if not agrees:
            return {}
    return dict(zip(found, names, strict=True))
