"""Records in, numbers out: means over folds and seeds, their intervals, and differences to one reference."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from benchmark.environment import device_in_words
from benchmark.errors import BenchmarkError
from benchmark.records import Counts, Protocol, StoredRun
from benchmark.reporting.first_stage import FirstStage, first_stage
from benchmark.reporting.fold_values import Cell, FoldValues, Interval, mean_cell, measure
from benchmark.reporting.joining import check_same_terms, newest, reference_row
from metrics.definitions import DEFAULT, parse

__all__ = ["Cell", "Comparison", "Fold", "Interval", "Row", "compare"]

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True)
class Row:
    """A method, or a variant of one, with what a reader must know of it.

    mean: metric -> cell over all folds, empty when a fold is lacking. seen: metric -> mean over folds and
    seeds on queries of seen classes, in a generalised setting that has some. by_exposure: metric -> mean over
    folds and seeds on queries of classes that the backbone's training may have shown, and on the others;
    empty where a fold has not both. folds: split -> metric -> cell.
    absent: split -> why it has no numbers. seeds, config_source, source_sha256, n_train_classes, device (in
    words), widths (of an embedding): by split. class_vectors, class_vectors_sha256: their kind and hash, by
    split, where the method was given some and the record says so. embedding_width, bytes_per_photo: of the
    widest. fit_s, pr_curve: mean over seeds and folds of the seconds of a fit and of the 11 interpolated
    precisions, None when a fold is lacking. n_parameters: of what is kept after a fit, the most of all folds.
    peak_mib, peak_device_mib: the largest memory of the process and of the GPU during a run, likewise.
    """

    name: str
    method: str
    variant: str
    card: Mapping[str, Any]
    mean: Mapping[str, Cell]
    seen: Mapping[str, float]
    by_exposure: Mapping[str, tuple[float, float]]
    folds: Mapping[str, Mapping[str, Cell]]
    absent: Mapping[str, str]
    seeds: Mapping[str, tuple[int, ...]]
    depends_on_seed: bool
    config_source: Mapping[str, str]
    source_sha256: Mapping[str, str]
    class_vectors: Mapping[str, str]
    class_vectors_sha256: Mapping[str, str]
    n_train_classes: Mapping[str, int]
    device: Mapping[str, str]
    fit_s: float | None
    widths: Mapping[str, int]
    embedding_width: int | None
    bytes_per_photo: int | None
    n_parameters: int | None
    peak_mib: float | None
    peak_device_mib: float | None
    pr_curve: tuple[float, ...] | None

    @property
    def is_transductive(self) -> bool:
        """Whether it ranks a photo with the help of the rest of the gallery."""
        return bool(self.card.get("is_transductive"))

    def marked(self, name: str) -> str:
        """The row under a name, which says so wherever scores stand where the ranking is transductive."""
        return f"{name} (transductive)" if self.is_transductive else name

    def harmonic(self, metric: str) -> float | None:
        """Harmonic mean of a metric on unseen and on seen queries, the headline of generalised settings."""
        if metric not in self.mean or metric not in self.seen:
            return None
        return statistics.harmonic_mean([max(0.0, self.mean[metric].value), max(0.0, self.seen[metric])])


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
    rows = [_row(name, chosen[name], complete[name], splits, measured, reference, wanted) for name in chosen]
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
        chance_pr_curve=_mean_curve([fold.chance_pr_curve for fold in folds]),
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


def _row(
    name: str,
    chosen: Mapping[str, list[StoredRun]],
    complete: Mapping[str, list[StoredRun]],
    splits: Sequence[str],
    measured: Sequence[FoldValues],
    reference: str,
    wanted: Sequence[str],
) -> Row:
    def cells(folds: Sequence[FoldValues]) -> dict[str, Cell]:
        found = ((metric, mean_cell(folds, name, metric, reference)) for metric in wanted)
        return {metric: cell for metric, cell in found if cell is not None}

    runs = [run.record for seeds in complete.values() for run in seeds]
    shown = max((run.record for seeds in chosen.values() for run in seeds), key=lambda record: record.started)
    folds = {split: cells([here]) for split, here in zip(splits, measured, strict=True) if split in complete}
    is_whole = len(complete) == len(splits)
    fits = [
        statistics.fmean(run.record.phases_s["fit"] for run in seeds)
        for seeds in complete.values()
        if all("fit" in run.record.phases_s for run in seeds)
    ]
    widths = {split: seeds[0].record.embedding_width or 0 for split, seeds in complete.items()}
    width = max(widths.values(), default=None)
    return Row(
        name=name,
        method=shown.method,
        variant=shown.variant,
        card=shown.card,
        mean=cells(measured) if is_whole else {},
        seen=_seen(complete, wanted) if is_whole else {},
        by_exposure=_by_exposure(measured, name, wanted) if is_whole else {},
        folds=folds,
        absent={split: _absence(chosen.get(split, [])) for split in splits if split not in complete},
        seeds={split: tuple(run.record.seed for run in seeds) for split, seeds in chosen.items()},
        depends_on_seed=shown.depends_on_seed,
        config_source={split: seeds[0].record.config_source for split, seeds in complete.items()},
        source_sha256={split: seeds[0].record.source_sha256 for split, seeds in complete.items()},
        class_vectors={
            split: seeds[0].record.class_vectors or ""
            for split, seeds in complete.items()
            if seeds[0].record.class_vectors
        },
        class_vectors_sha256={
            split: seeds[0].record.class_vectors_sha256 or ""
            for split, seeds in complete.items()
            if seeds[0].record.class_vectors_sha256
        },
        device={split: device_in_words(seeds[0].record.environment) for split, seeds in complete.items()},
        n_train_classes={
            split: seeds[0].record.counts.n_train_classes
            for split, seeds in complete.items()
            if seeds[0].record.counts
        },
        fit_s=statistics.fmean(fits) if len(fits) == len(splits) else None,
        widths=widths,
        embedding_width=width,
        bytes_per_photo=None if width is None else _bytes(width, runs[0].distance),
        n_parameters=_most(run.n_parameters for run in runs),
        peak_mib=_most(run.peak_mib for run in runs),
        peak_device_mib=_most(run.peak_device_mib for run in runs),
        pr_curve=_mean_curve([_mean_curve([r.record.pr_curve for r in s]) for s in complete.values()])
        if is_whole
        else None,
    )


def _seen(complete: Mapping[str, list[StoredRun]], wanted: Sequence[str]) -> dict[str, float]:
    """Mean over splits of the means over seeds, on queries of seen classes."""
    found = {}
    for metric in wanted:
        splits = [[run.record.seen_scores.get(metric) for run in seeds] for seeds in complete.values()]
        values = [[score.value for score in seeds if score is not None] for seeds in splits]
        if all(len(own) == len(seeds) for own, seeds in zip(values, splits, strict=True)):
            found[metric] = statistics.fmean(statistics.fmean(own) for own in values)
    return found


def _by_exposure(
    measured: Sequence[FoldValues], name: str, wanted: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Mean over splits, on queries of exposed classes and on the others."""
    found = {}
    for metric in wanted:
        folds = [fold.by_exposure.get((name, metric)) for fold in measured]
        both = [pair for pair in folds if pair is not None]
        if len(both) == len(folds):
            exposed, others = zip(*both, strict=True)
            found[metric] = (statistics.fmean(exposed), statistics.fmean(others))
    return found


def _absence(seeds: Sequence[StoredRun]) -> str:
    if not seeds:
        return "no run"
    ended = next(run.record for run in seeds if run.record.status != "complete")
    at_seed = f" (seed {ended.seed} of {len(seeds)})" if len(seeds) > 1 else ""
    return f"{ended.status}{at_seed}: {ended.reason or 'no reason given'}"


def _most(values: Iterable[_Number | None]) -> _Number | None:
    return max((value for value in values if value is not None), default=None)


def _bytes(width: int, distance: str | None) -> int:
    return -(-width // 8) if distance == "hamming" else 4 * width


def _mean_curve(curves: Sequence[Sequence[float] | None]) -> tuple[float, ...] | None:
    if not curves or any(curve is None for curve in curves):
        return None
    return tuple(np.mean(np.array(curves, dtype=np.float64), axis=0).tolist())


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
