"""What a suite would run, what of it is there already, and about how long and large the rest would be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmark.feature_forecast import Counted, FeatureForecast, FirstStageForecast, features_forecast
from benchmark.plan import PlannedRun, plan
from benchmark.plan import grid as cells_of
from benchmark.prepare import PreparedData
from benchmark.run_times import OTHER_METHODS, Guess, Sizes, guesses, sizes_of
from benchmark.runner import Rerun, finished_runs

_COPIES = 4.5
"""Of the training rows, in all: 3.6 GiB were used for 128,653 of them at 1280-d, seven of ten by these."""
_BASE_MIB = 1000.0
"""Python, torch and the backbone at work on several pictures: 1,017 MiB on two cores."""


@dataclass(frozen=True)
class RunForecast:
    """One run. status: "finished" or "to run"."""

    run: PlannedRun
    status: str
    guess: Guess


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
        """Of features and runs, and of fine-tuning at its longest, where it can be told."""
        first = self.first_stage
        of_first = (first.seconds or 0.0) + first.features.seconds if first else 0.0
        return self.features.seconds + of_first + sum(own.guess.seconds for own in self.waiting)

    @property
    def n_unknown(self) -> int:
        """Runs whose time is that of other methods."""
        return sum(own.guess.basis == OTHER_METHODS for own in self.waiting)

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
    finished = finished_runs(planned, data.where, rerun)
    times = guesses(planned, data)
    runs = tuple(
        RunForecast(run, "finished" if run.identity in finished else "to run", times[run.identity])
        for run in planned
    )
    waiting = [run for run in planned if run.identity not in finished]
    features, first_stage = features_forecast(data, waiting, set() if counted is None else counted)
    return GridForecast(
        data, runs, features, first_stage, memory_mib=_memory_mib(data, planned, sizes_of(data))
    )


def _memory_mib(data: PreparedData, planned: Iterable[PlannedRun], sizes: dict[str, Sizes]) -> float:
    largest = 0.0
    for run in planned:
        own = sizes[run.split.id]
        is_pictures = run.method.card.input == "images"
        row = 3 * data.backbone.card.image_size**2 if is_pictures else 4 * data.backbone.card.dim
        rows = _COPIES * own.n_train + 2 * (own.n_queries + own.n_gallery)
        largest = max(largest, rows * row / 2**20)
    return _BASE_MIB + largest
