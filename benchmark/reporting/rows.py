"""The rows of a comparison: each a method, or a variant of one, with its scores and costs."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from benchmark.environment import device_in_words
from benchmark.opened import changed_files
from benchmark.records import StoredRun
from benchmark.reporting.fold_values import Cell, FoldValues, mean_cell

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True)
class Row:
    """A method, or a variant of one, with what a reader must know of it.

    mean: metric -> cell over all folds, empty when a fold is lacking. seen: metric -> mean over folds and
    seeds on queries of seen classes, in a generalised setting that has some. by_exposure: metric -> mean over
    folds and seeds on queries of classes that the backbone's training may have shown, and on the others;
    empty where a fold has not both. folds: split -> metric -> cell.
    absent: split -> why it has no numbers. seeds, config_source, source_sha256, n_train_classes, device (in
    words), widths (of an embedding): by split. is_older: a version that did not note the files that a method
    reads wrote a record of it. changed_files: those that have changed since one of its runs read them.
    tuned_for_other_code: splits whose configuration was searched for with another version of the method's
    code. class_vectors, class_vectors_sha256: their kind and hash, by split, where the method was given some
    and the record says so. embedding_width, bytes_per_photo: of the widest. fit_s, pr_curve: mean over seeds
    and folds of the seconds of a fit and of the 11 interpolated precisions, None when a fold is lacking.
    n_parameters: of what is kept after a fit, the most of all folds. peak_mib, peak_device_mib: the largest
    memory of the process and of the GPU during a run, likewise.
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
    is_older: bool
    changed_files: tuple[str, ...]
    tuned_for_other_code: tuple[str, ...]
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

    @property
    def configurations(self) -> tuple[str, ...]:
        """Where its hyper-parameters come from, in words."""
        other = dict.fromkeys(self.tuned_for_other_code, " for other code")
        return tuple(sorted({source + other.get(split, "") for split, source in self.config_source.items()}))

    @property
    def is_tuned(self) -> bool:
        """Whether it ran, on every split that finished, the configuration that was searched for there."""
        return set(self.config_source.values()) == {"tuned"}

    def marked(self, name: str) -> str:
        """The row under a name, which says so wherever scores stand where the ranking is transductive."""
        return f"{name} (transductive)" if self.is_transductive else name

    def harmonic(self, metric: str) -> float | None:
        """Harmonic mean of a metric on unseen and on seen queries, the headline of generalised settings."""
        if metric not in self.mean or metric not in self.seen:
            return None
        return statistics.harmonic_mean([max(0.0, self.mean[metric].value), max(0.0, self.seen[metric])])


def row_of(
    name: str,
    chosen: Mapping[str, list[StoredRun]],
    complete: Mapping[str, list[StoredRun]],
    splits: Sequence[str],
    measured: Sequence[FoldValues],
    reference: str,
    wanted: Sequence[str],
) -> Row:
    """Make the row of a name. chosen, complete: its runs by split, and those of splits where all finished.

    measured: values of every split, in the order of `splits`. reference: the row that differences are taken
    to. wanted: metric ids.
    """

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
        is_older=any(record.is_older for record in runs),
        changed_files=tuple(dict.fromkeys(name for own in runs for name in changed_files(own.files_used))),
        tuned_for_other_code=tuple(
            split for split, seeds in complete.items() if seeds[0].record.config_is_for_other_code
        ),
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
        device={
            split: " and ".join(sorted({device_in_words(run.record.environment) for run in seeds}))
            for split, seeds in complete.items()
        },
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
        pr_curve=mean_curve([mean_curve([r.record.pr_curve for r in s]) for s in complete.values()])
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


def mean_curve(curves: Sequence[Sequence[float] | None]) -> tuple[float, ...] | None:
    """Mean of curves over the same recalls; None where there are none, or one is lacking."""
    if not curves or any(curve is None for curve in curves):
        return None
    return tuple(np.mean(np.array(curves, dtype=np.float64), axis=0).tolist())
