"""What a suite would run, what of it is there already, and about how long and large the rest would be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmark.feature_forecast import Counted, FeatureForecast, FirstStageForecast, features_forecast
from benchmark.plan import PlannedRun, plan
from benchmark.plan import grid as cells_of
from benchmark.prepare import PreparedData
from benchmark.records import Record, StoredRun, digest, stored_runs
from benchmark.runner import Rerun, finished_runs
from datasets.splits import ZeroShotSplit

PAIR_S = 6e-8
"""Seconds a pair of query and photo: 13 to 17 s for 15,229 x 17,101 at 64-d to 1280-d, two busy cores."""
_COPIES = 4.5
"""Of the training rows, in all: 3.6 GiB were used for 128,653 of them at 1280-d, seven of ten by these."""
_BASE_MIB = 1000.0
"""Python, torch and the backbone at work on several pictures: 1,017 MiB on two cores."""


@dataclass(frozen=True)
class RunForecast:
    """One run. status: "finished" or "to run".

    seconds: judged by a run before, None where none of its method finished. is_alike: that run had the same
    configuration.
    """

    run: PlannedRun
    status: str
    seconds: float | None
    is_alike: bool


@dataclass(frozen=True)
class GridForecast:
    """One grid of a suite. features: of the backbone as it is. first_stage: None without fine-tuning.
    memory_mib: largest process, about.
    """

    data: PreparedData
    runs: tuple[RunForecast, ...]
    features: FeatureForecast
    first_stage: FirstStageForecast | None
    memory_mib: float

    @property
    def waiting(self) -> tuple[RunForecast, ...]:
        """The runs that are to come."""
        return tuple(own for own in self.runs if own.status != "finished")

    @property
    def seconds(self) -> float:
        """Of features and of the runs that can be told, and of fine-tuning at its longest."""
        first = self.first_stage
        of_first = (first.seconds or 0.0) + first.features.seconds if first else 0.0
        return self.features.seconds + of_first + sum(own.seconds or 0.0 for own in self.waiting)

    @property
    def n_unknown(self) -> int:
        """Runs whose time cannot be told."""
        return sum(own.seconds is None for own in self.waiting)

    @property
    def n_unknown_networks(self) -> int:
        """Networks to be fine-tuned of which it cannot be told how long."""
        first = self.first_stage
        return sum(map(len, first.waiting.values())) if first and first.seconds is None else 0


def forecast(data: PreparedData, *, rerun: Rerun = "missing", counted: Counted | None = None) -> GridForecast:
    """Look ahead. Nothing is trained, no feature or result is written; a trial tells the backbone's speed.

    counted: what grids before this one are to make; what this one is to make is added.
    """
    planned = plan(cells_of(data.suite, data.splits()), data)
    finished = {} if rerun == "all" else finished_runs(planned, data.where, rerun)
    known = list(stored_runs(data.where.runs_dir))
    sizes = {split.id: _sizes(data, split) for split in data.splits()}
    runs = tuple(
        RunForecast(
            run,
            "finished" if run.identity in finished else "to run",
            *_expected_s(run, sizes[run.split.id], known),
        )
        for run in planned
    )
    waiting = [run for run in planned if run.identity not in finished]
    features, first_stage = features_forecast(data, waiting, set() if counted is None else counted)
    return GridForecast(data, runs, features, first_stage, memory_mib=_memory_mib(data, planned, sizes))


@dataclass(frozen=True)
class _Sizes:
    n_train: int
    n_queries: int
    n_gallery: int


def _sizes(data: PreparedData, split: ZeroShotSplit) -> _Sizes:
    arrangement = data.arrangement(split)
    return _Sizes(
        len(arrangement.train_sketches) + len(arrangement.train_photos),
        len(arrangement.queries),
        len(arrangement.gallery),
    )


def _expected_s(run: PlannedRun, sizes: _Sizes, known: Sequence[StoredRun]) -> tuple[float | None, bool]:
    """Time of a run by the last one of the method, and whether that had the same configuration.

    One of the same configuration comes first, then one on the same data set.
    """
    records = [own.record for own in known if own.record.method == run.method.card.id and own.record.counts]
    if not records:
        return None, False

    config = digest(run.config.values)

    def likeness(record: Record) -> tuple[bool, bool, str]:
        return (
            digest(record.config) == config,
            record.protocol.dataset == run.protocol.dataset,
            record.started,
        )

    nearest = max(records, key=likeness)
    return _scaled_s(nearest, sizes), digest(nearest.config) == config


def _scaled_s(record: Record, sizes: _Sizes) -> float:
    """Fitting by training items, embedding by test items.

    Fits that work on class means or covariances grow slower than that. Evaluation is what it took, and the
    pairs of query and photo that there are more.
    """
    counts = record.counts
    assert counts is not None  # the caller chose records with counts
    of_items = sizes.n_train / max(1, counts.n_train_sketches + counts.n_train_photos)
    more_pairs = max(0, sizes.n_queries * sizes.n_gallery - counts.n_queries * counts.n_gallery)
    of_phase = {"fit": of_items, "read_seen": of_items, "fit_codes": of_items, "evaluate": 1.0}
    of_test = (sizes.n_queries + sizes.n_gallery) / max(1, counts.n_queries + counts.n_gallery)
    scaled = sum(seconds * of_phase.get(phase, of_test) for phase, seconds in record.phases_s.items())
    return scaled + PAIR_S * more_pairs


def _memory_mib(data: PreparedData, planned: Iterable[PlannedRun], sizes: dict[str, _Sizes]) -> float:
    largest = 0.0
    for run in planned:
        own = sizes[run.split.id]
        is_pictures = run.method.card.input == "images"
        row = 3 * data.backbone.card.image_size**2 if is_pictures else 4 * data.backbone.card.dim
        rows = _COPIES * own.n_train + 2 * (own.n_queries + own.n_gallery)
        largest = max(largest, rows * row / 2**20)
    return _BASE_MIB + largest
