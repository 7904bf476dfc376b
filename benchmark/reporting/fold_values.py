"""The values of one fold, and a row's cell: a mean over seeds and folds with its interval."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from benchmark.records import PerQuery, StoredRun
from benchmark.reporting.exposure import exposed_classes
from metrics.definitions import parse
from metrics.intervals import BootstrapMeans, bootstrap_means, confidence_interval, fold_mean_draws
from metrics.random_ranking import chance

Key = tuple[str, str]
"""Name of a row, id of a metric."""


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval."""

    value: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class Cell(Interval):
    """One row under one metric, in one fold or as the mean over all folds.

    by_seed: value of every seed; of a mean over folds, for the seeds that every fold has. class_balanced:
    mean over classes in place of queries. difference: to the reference on the same queries, None where there
    is none. above_chance: of the main metric, the one-sided 95 % limit that its distance to a random order
    lies above; the row beats chance where that is above 0.
    """

    by_seed: Mapping[int, float]
    class_balanced: float
    difference: Interval | None
    above_chance: float | None

    @property
    def seed_std(self) -> float | None:
        """Standard deviation over seeds (n - 1), None with fewer than two."""
        return statistics.stdev(self.by_seed.values()) if len(self.by_seed) > 1 else None


@dataclass(frozen=True)
class FoldValues:
    """What the runs of one split measured.

    by_seed, class_balanced: recorded means over queries and over classes. draws, difference_draws: resampled
    means, and those of the difference to the reference where it has the metric. chance_draws: those of the
    main metric's difference to a random order of the same query's gallery. by_exposure: means over the
    queries of classes that the backbone's training may have shown, and over the others, where there are both.
    chance: metric -> analytic value of a random order. query_names: names of the queries.
    """

    by_seed: Mapping[Key, Mapping[int, float]]
    class_balanced: Mapping[Key, float]
    draws: Mapping[Key, BootstrapMeans]
    difference_draws: Mapping[Key, BootstrapMeans]
    chance_draws: Mapping[Key, BootstrapMeans]
    by_exposure: Mapping[Key, tuple[float, float]]
    chance: Mapping[str, float]
    query_names: frozenset[str]


def measure(
    split: str, runs_of: Mapping[str, Sequence[StoredRun]], metric_ids: Sequence[str], reference: str
) -> FoldValues:
    """Read the complete runs of one split, by row name, and resample their classes.

    Raises BenchmarkError when a file is missing, and when runs disagree on queries or on chance.
    """
    stored = {name: [run.per_query() for run in runs] for name, runs in runs_of.items()}
    _check_same_queries(split, stored)
    by_seed, class_balanced, values = {}, {}, {}
    for name, runs in runs_of.items():
        for metric in metric_ids:
            if any(metric not in run.record.scores for run in runs):
                continue
            scores = {run.record.seed: run.record.scores[metric] for run in runs}
            by_seed[name, metric] = {key: score.value for key, score in scores.items()}
            class_balanced[name, metric] = statistics.fmean(s.class_balanced for s in scores.values())
            values[name, metric] = np.mean([_values(arrays, metric) for arrays in stored[name]], axis=0)
    differences = {
        (name, metric): own - values[reference, metric]
        for (name, metric), own in values.items()
        if name != reference and (reference, metric) in values
    }
    draws, difference_draws, chance_draws, by_exposure = {}, {}, {}, {}
    arrays = next((per_query[0] for per_query in stored.values()), None)
    if arrays is not None:
        record = next(iter(runs_of.values()))[0].record
        # The seed is the split's own: splits are resampled independently of each other.
        seed = record.protocol.interval_seed
        draws, difference_draws = (_resampled(rows, arrays, seed) for rows in (values, differences))
        chance_draws = _resampled(_above_chance(values, arrays, metric_ids[0]), arrays, seed)
        if exposed := exposed_classes(record.protocol, record.supervised_on):
            by_exposure = _by_exposure(values, arrays, exposed)
    names = frozenset[str]() if arrays is None else frozenset(arrays.names.tolist())
    return FoldValues(
        by_seed,
        class_balanced,
        draws,
        difference_draws,
        chance_draws,
        by_exposure,
        chance=_chance(split, runs_of, metric_ids),
        query_names=names,
    )


def mean_cell(folds: Sequence[FoldValues], name: str, metric: str, reference: str) -> Cell | None:
    """One row's mean over folds of equal weight; None when a fold lacks it."""
    key = (name, metric)
    if any(key not in fold.draws for fold in folds):
        return None
    value, difference = _mean(folds, key), None
    if all(key in fold.difference_draws for fold in folds):
        paired = [fold.difference_draws[key] for fold in folds]
        difference = _interval(value - _mean(folds, (reference, metric)), paired)
    shared = set.intersection(*(set(fold.by_seed[key]) for fold in folds))
    return Cell(
        **vars(_within_0_and_1(_interval(value, [fold.draws[key] for fold in folds]))),
        by_seed={s: statistics.fmean(fold.by_seed[key][s] for fold in folds) for s in sorted(shared)},
        class_balanced=statistics.fmean(fold.class_balanced[key] for fold in folds),
        difference=difference,
        above_chance=_one_sided_limit([fold.chance_draws[key] for fold in folds if key in fold.chance_draws]),
    )


def _resampled(
    rows: Mapping[Key, NDArray[np.float64]], arrays: PerQuery, seed: int
) -> dict[Key, BootstrapMeans]:
    if not rows:
        return {}
    together = bootstrap_means(np.stack(list(rows.values())), arrays.labels, seed=seed)
    return {key: together[row] for row, key in enumerate(rows)}


def _above_chance(
    values: Mapping[Key, NDArray[np.float64]], arrays: PerQuery, metric: str
) -> dict[Key, NDArray[np.float64]]:
    """Values of a metric less those of a random order, query by query.

    Nothing for records that do not say how many items were ranked, and for metrics of instances: how many
    items an instance has is not stored.
    """
    if arrays.n_ranked is None or arrays.n_relevant is None or parse(metric).family.relevance == "instance":
        return {}
    counts = np.stack([arrays.n_ranked, arrays.n_relevant], axis=1)
    distinct, which = np.unique(counts, axis=0, return_inverse=True)
    of_counts = np.array([chance(n, r, metric) if r else np.nan for n, r in distinct.tolist()])
    expected = of_counts[which.reshape(-1)]
    return {key: own - expected for key, own in values.items() if key[1] == metric}


def _one_sided_limit(folds: Sequence[BootstrapMeans]) -> float | None:
    """The lower end of a 90 % interval, which 5 % of intervals miss on this side."""
    return float(confidence_interval(fold_mean_draws(folds), level=0.9)[0]) if folds else None


def _by_exposure(
    values: Mapping[Key, NDArray[np.float64]], arrays: PerQuery, exposed: frozenset[str]
) -> dict[Key, tuple[float, float]]:
    """Means over queries of exposed classes and of the others; nothing where one of the two has no value."""
    # Items of the data sets with class facts are named <part>/<class>/<file>.
    is_exposed = np.array([PurePosixPath(name).parent.name in exposed for name in arrays.names.tolist()])
    found = {}
    for key, own in values.items():
        sides = [side[np.isfinite(side)] for side in (own[is_exposed], own[~is_exposed])]
        if all(side.size for side in sides):
            found[key] = (float(sides[0].mean()), float(sides[1].mean()))
    return found


def _interval(value: float, folds: Sequence[BootstrapMeans]) -> Interval:
    low, high = confidence_interval(fold_mean_draws(folds))
    return Interval(value, float(low), float(high))


def _within_0_and_1(interval: Interval) -> Interval:
    """Cut off what no metric can be: studentised intervals can reach beyond."""
    return Interval(interval.value, max(0.0, interval.ci_low), min(1.0, interval.ci_high))


def _mean(folds: Sequence[FoldValues], key: Key) -> float:
    return statistics.fmean(statistics.fmean(fold.by_seed[key].values()) for fold in folds)


def _values(arrays: PerQuery, metric: str) -> NDArray[np.float64]:
    own: NDArray[np.float64] = arrays.values[arrays.metric_ids.tolist().index(metric)].astype(np.float64)
    return own


def _check_same_queries(split: str, stored: Mapping[str, Sequence[PerQuery]]) -> None:
    listed = [(name, arrays) for name, of_row in stored.items() for arrays in of_row]
    for name, arrays in listed[1:]:
        first_name, first = listed[0]
        if not np.array_equal(arrays.names, first.names) or not np.array_equal(arrays.labels, first.labels):
            raise BenchmarkError(
                f"split '{split}': the queries of '{name}' are not those of '{first_name}' although their "
                "fingerprints are equal. One of the records was changed: run both again with --rerun all."
            )


def _chance(
    split: str, runs_of: Mapping[str, Sequence[StoredRun]], metric_ids: Sequence[str]
) -> dict[str, float]:
    found: dict[str, tuple[float, str]] = {}
    for name, runs in runs_of.items():
        for metric in metric_ids:
            for own in [run.record.scores[metric].chance for run in runs if metric in run.record.scores]:
                first, first_name = found.setdefault(metric, (own, name))
                if abs(own - first) > 1e-9:
                    raise BenchmarkError(
                        f"split '{split}': chance of {metric} is {own!r} in '{name}' and {first!r} in "
                        f"'{first_name}' although their fingerprints are equal. "
                        "Run both again with --rerun all."
                    )
    return {metric: value for metric, (value, _) in found.items()}
