"""Records in, numbers out: means over folds and seeds, their intervals, and differences to one reference."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark.errors import BenchmarkError
from benchmark.records import Counts, Protocol, StoredRun
from benchmark.reporting.first_stage import FirstStage, first_stage
from benchmark.reporting.fold_values import FoldValues, measure
from benchmark.reporting.joining import check_same_terms, newest, reference_row
from benchmark.reporting.rows import Row, mean_curve, row_of
from metrics.definitions import DEFAULT, parse


@dataclass(frozen=True)
class Fold:
    """One split: what was ranked, and what a random order scores. counts is None when no run finished.

    protocol: that of its runs. n_used: metric -> queries that have a value. n_skipped_files: left out as
    unreadable. lacking: kind of picture -> number found and number published, where the data lack some.
    """

    split: str
    protocol: Protocol
    counts: Counts | None
    chance: Mapping[str, float]
    chance_pr_curve: tuple[float, ...] | None
    n_used: Mapping[str, int]
    n_skipped_files: int
    lacking: Mapping[str, tuple[int, int]]
    query_names: frozenset[str]

    @property
    def fingerprint(self) -> str:
        """What runs of this split in one table share."""
        return self.protocol.fingerprint


@dataclass(frozen=True)
class Comparison:
    """Everything a table or a plot shows. Rows stand best first, rows without a mean last.

    supervised_on: label set of the backbone's pretraining, None where no record says it. chance: mean over
    folds of the analytic value of a random order. protocol: of the first split; the others differ in the
    split alone. dropped_metrics: metric -> why some runs lack it.
    """

    protocol: Protocol
    backbone: str
    supervised_on: str
    weights: str
    first_stage: FirstStage
    reference: str
    metric_ids: tuple[str, ...]
    folds: tuple[Fold, ...]
    rows: tuple[Row, ...]
    chance: Mapping[str, float]
    chance_pr_curve: tuple[float, ...] | None
    dropped_metrics: Mapping[str, str]
    n_partial: int
    n_superseded: int

    @property
    def main_metric(self) -> str:
        """The metric that orders the rows."""
        return self.metric_ids[0]

    @property
    def heading(self) -> str:
        """Data set, protocol, and the terms of the test where they are not the plain ones."""
        terms = [self.protocol.dataset, self.protocol.protocol, *self.protocol.special_terms]
        if any(row.seen for row in self.rows):
            terms.append("queries of unseen classes")
        return ", ".join(terms)

    @property
    def splits(self) -> tuple[str, ...]:
        """Ids of the splits, in the order of the folds."""
        return tuple(fold.split for fold in self.folds)


def compare(
    runs: Sequence[StoredRun], *, reference: str = "centred", metric_ids: Sequence[str] | None = None
) -> Comparison:
    """Put the runs of one data set side by side.

    reference: name of the row that differences are taken to; without such a row there are none. metric_ids:
    the metrics wanted, in this order; else all that the records hold, the default ones first.

    Per-query values are averaged over seeds; then classes are resampled, folds being strata of equal weight.
    Differences are taken query by query. A failed or skipped run leaves its row without a value in that fold
    and without a mean. Partial runs stay out.

    Raises BenchmarkError when runs were not measured under the same terms, when no run is complete, and for
    metrics that no run has.
    """
    whole = [run for run in runs if run.record.status != "partial"]
    if whole:
        check_same_terms(whole)
    reference = reference_row(reference, (run.record for run in whole))
    chosen, n_superseded = newest(whole)
    complete = {name: _complete(of_row) for name, of_row in chosen.items()}
    if not any(complete.values()):
        seen = ", ".join(sorted({run.record.status for run in runs})) or "none"
        raise BenchmarkError(
            f"no complete run to compare among {len(runs)} records (status: {seen}): no row has all its "
            "seeds in any split. Run the suite first, or widen --dataset, --splits and --methods."
        )
    wanted = _metrics(complete, metric_ids)
    splits = sorted({run.record.protocol.split for run in whole}, key=_natural)
    measured = [measure(split, _of_split(complete, split), wanted, reference) for split in splits]
    rows = [
        row_of(name, chosen[name], complete[name], splits, measured, reference, wanted) for name in chosen
    ]
    folds = [_fold(split, values, whole, complete) for split, values in zip(splits, measured, strict=True)]
    first = min(whole, key=lambda run: _natural(run.record.protocol.split)).record
    return Comparison(
        protocol=first.protocol,
        backbone=first.backbone,
        supervised_on=first.supervised_on,
        weights=first.weights,
        first_stage=first_stage(run.record for run in whole),
        reference=reference,
        metric_ids=wanted,
        folds=tuple(folds),
        rows=tuple(sorted(rows, key=lambda row: _order(row, wanted[0]))),
        chance={
            metric: statistics.fmean(fold.chance[metric] for fold in folds)
            for metric in wanted
            if all(metric in fold.chance for fold in folds)
        },
        chance_pr_curve=mean_curve([fold.chance_pr_curve for fold in folds]),
        dropped_metrics=_dropped(complete),
        n_partial=len(runs) - len(whole),
        n_superseded=n_superseded,
    )


def _complete(of_row: Mapping[str, list[StoredRun]]) -> dict[str, list[StoredRun]]:
    """The splits in which every seed finished: a mean over the seeds that did not fail would flatter."""
    return {
        split: seeds
        for split, seeds in of_row.items()
        if all(run.record.status == "complete" for run in seeds)
    }


def _metrics(
    complete: Mapping[str, Mapping[str, list[StoredRun]]], wanted: Sequence[str] | None
) -> tuple[str, ...]:
    present = {m for of_row in complete.values() for seeds in of_row.values() for m in seeds[0].record.scores}
    if wanted is None:
        known = [metric for metric in DEFAULT if metric in present]
        return (*known, *sorted(present - set(known)))
    for metric in wanted:
        try:
            parse(metric)
        except ValueError as error:
            raise BenchmarkError(str(error)) from error
        if metric not in present:
            raise BenchmarkError(
                f"no run holds metric '{metric}'. The runs hold: {', '.join(sorted(present))}."
            )
    return tuple(dict.fromkeys(wanted))


def _fold(
    split: str,
    values: FoldValues,
    runs: Sequence[StoredRun],
    complete: Mapping[str, Mapping[str, list[StoredRun]]],
) -> Fold:
    finished = [run.record for seeds in _of_split(complete, split).values() for run in seeds]
    curve = finished[0].chance_pr_curve if finished else None
    return Fold(
        split=split,
        protocol=next(r.record.protocol for r in runs if r.record.protocol.split == split),
        counts=finished[0].counts if finished else None,
        chance=values.chance,
        chance_pr_curve=None if curve is None else tuple(curve),
        n_skipped_files=len(finished[0].skipped_files) if finished else 0,
        lacking=finished[0].lacking if finished else {},
        n_used={
            metric: score.n_queries_used for record in finished[:1] for metric, score in record.scores.items()
        },
        query_names=values.query_names,
    )


def _of_split(
    complete: Mapping[str, Mapping[str, list[StoredRun]]], split: str
) -> dict[str, list[StoredRun]]:
    return {name: of_row[split] for name, of_row in complete.items() if split in of_row}


def _dropped(complete: Mapping[str, Mapping[str, list[StoredRun]]]) -> dict[str, str]:
    runs = [seeds[0].record for of_row in complete.values() for seeds in of_row.values()]
    return {metric: why for record in runs for metric, why in record.dropped_metrics.items()}


def _natural(text: str) -> list[tuple[int, str]]:
    """Sort key under which fold2 stands before fold10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]


def _order(row: Row, metric: str) -> tuple[bool, bool, float, str]:
    value = row.mean[metric].value if metric in row.mean else 0.0
    return (not row.mean, not row.folds, -value, row.name)
