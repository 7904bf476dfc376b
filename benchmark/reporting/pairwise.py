"""Rows against one reference: the interval of the difference, and a test of it whose unit is the class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark.errors import BenchmarkError, close_names
from benchmark.records import StoredRun
from benchmark.reporting.class_effects import ClassEffect, ClassMeans, by_class
from benchmark.reporting.comparison import Comparison, compare
from benchmark.reporting.fold_values import Cell, Interval
from benchmark.reporting.joining import newest, row_name
from benchmark.reporting.rows import Row
from metrics.significance import TOLERANCE, SignFlipTest, holm, sign_flip_test


@dataclass(frozen=True)
class Pair:
    """One row held against the reference.

    cell: mean over queries, then over splits. difference: to that of the reference, with its 95 % interval.
    test: of the difference with all classes of a split counting alike. p_holm, smallest_p_holm: adjusted for
    all comparisons made together. n_better, n_worse: classes; the others do not differ. effects: the largest
    gain first.
    """

    row: Row
    cell: Cell
    difference: Interval
    test: SignFlipTest
    p_holm: float
    smallest_p_holm: float
    n_classes: int
    n_better: int
    n_worse: int
    effects: tuple[ClassEffect, ...]


@dataclass(frozen=True)
class Pairwise:
    """All comparisons with one reference, rows in the order of the table. left_out: row -> why."""

    comparison: Comparison
    metric: str
    reference: Row
    pairs: tuple[Pair, ...]
    left_out: Mapping[str, str]

    @property
    def reference_cell(self) -> Cell:
        """The reference's own mean."""
        return self.reference.mean[self.metric]

    @property
    def n_shared_classes(self) -> int:
        """Classes that are unseen in more than one split."""
        return sum(n > 1 for n in Counter(effect.class_name for effect in self.pairs[0].effects).values())


def pairwise(
    runs: Sequence[StoredRun], *, reference: str, row: str | None = None, metric: str = "map@all"
) -> Pairwise:
    """Hold one row, or every other row that has a mean, against a reference on the same queries.

    Raises BenchmarkError for a row that is not there, for one without a value in some split, for fewer than
    two classes, and where `compare` does.
    """
    names = sorted({row_name(run.record) for run in runs})
    for wanted in (row, reference):
        if wanted is not None and wanted not in names:
            raise BenchmarkError(_unknown(wanted, names))
    if row == reference:
        raise BenchmarkError(f"'{row}' cannot be compared with itself. Rows: {', '.join(names)}.")
    if row is not None:
        names = [row, reference]
        runs = [run for run in runs if row_name(run.record) in names]
    comparison = compare(runs, reference=reference, metric_ids=[metric])
    rows = {found.name: found for found in comparison.rows}
    lacking = {name: _lack(rows.get(name), metric) for name in names}
    left_out = {name: why for name, why in lacking.items() if why}
    for name in (row, reference):
        if name in left_out:
            raise BenchmarkError(
                f"'{name}' has no mean of {metric} over {', '.join(comparison.splits)}: {left_out[name]}. "
                "Run what is lacking, or choose with --splits where both rows have a value."
            )
    others = [found for name, found in rows.items() if name not in (*left_out, reference)]
    if not others:
        why = "; ".join(f"{name}, {reason}" for name, reason in left_out.items())
        raise BenchmarkError(
            f"no row with a mean of {metric} stands beside '{reference}'{f' ({why})' if why else ''}. "
            "Run another method, or choose other runs with --suite, --dataset, --methods and --splits."
        )
    means = ClassMeans(newest([run for run in runs if run.record.status != "partial"])[0], metric)
    effects = [means.effects(other.name, reference) for other in others]
    return Pairwise(comparison, metric, rows[reference], _tested(others, effects, metric), left_out)


def _tested(rows: Sequence[Row], effects: Sequence[tuple[ClassEffect, ...]], metric: str) -> tuple[Pair, ...]:
    classes = [by_class(of_row) for of_row in effects]
    for row, (differences, _) in zip(rows, classes, strict=True):
        if differences.size < 2:
            raise BenchmarkError(
                f"'{row.name}' has values of {metric} in one class only. The class is the unit of the test: "
                "it takes two at least. Choose more splits, or a split with more unseen classes."
            )
    tests = [sign_flip_test(differences, weights) for differences, weights in classes]
    # Holm multiplies the least p by the number of comparisons, and lets no adjusted p lie below that.
    floor = min(1.0, len(tests) * min(test.smallest_p for test in tests))
    pairs = []
    for row, test, p_holm, own, (differences, _) in zip(
        rows, tests, holm([test.p for test in tests]).tolist(), effects, classes, strict=True
    ):
        cell = row.mean[metric]
        assert cell.difference is not None  # the reference has a value in every split
        pairs.append(
            Pair(
                row=row,
                cell=cell,
                difference=cell.difference,
                test=test,
                p_holm=p_holm,
                smallest_p_holm=max(floor, test.smallest_p),
                n_classes=differences.size,
                n_better=int((differences > TOLERANCE).sum()),
                n_worse=int((differences < -TOLERANCE).sum()),
                effects=own,
            )
        )
    return tuple(pairs)


def _unknown(wanted: str, names: Sequence[str]) -> str:
    return (
        f"no row '{wanted}' among the chosen runs.{close_names(wanted, names)} Rows: {', '.join(names)}. "
        "--suite, or --dataset for all runs of a data set, chooses others."
    )


def _lack(row: Row | None, metric: str) -> str:
    """Why a row has no mean of a metric; empty when it has one."""
    if row is None:
        return "partial runs only (--limit)"
    if metric in row.mean:
        return ""
    unmeasured = [split for split, cells in row.folds.items() if metric not in cells]
    reasons = {**row.absent, **dict.fromkeys(unmeasured, "metric not measured")}
    return "; ".join(f"{split}, {reason}" for split, reason in sorted(reasons.items()))
