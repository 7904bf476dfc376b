"""A suite from plan to finished runs: what is done is found again, what failed does not stop the others."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmark.claims import claimed
from benchmark.display import Clock, SuiteDisplay
from benchmark.execute import execute
from benchmark.names import check_names
from benchmark.network_features import require_trainable
from benchmark.opened import changed_files
from benchmark.plan import PlannedRun, grid, plan
from benchmark.prepare import PreparedData, Where
from benchmark.records import StoredRun, lacking_text, read_run, run_folder, sweep
from benchmark.registry import BACKBONES, DATASETS, METHODS
from benchmark.run_times import guesses
from benchmark.suite import Suite
from datasets.arrangement import require_positives
from datasets.backbones import make_backbone
from datasets.backbones.weights import Weights
from datasets.base import DatasetIndex
from datasets.finetuning.finetuned import require_packages
from datasets.splits import ZeroShotSplit

_POLL_S = 1.0
_N_NAMED = 3
Rerun = Literal["missing", "failed", "all"]


@dataclass(frozen=True)
class SuiteResult:
    """What a suite came to: its runs in the order of the plan.

    n_executed: how many were executed here and now. n_of_others: and meanwhile by another process.
    """

    runs: tuple[StoredRun, ...]
    n_executed: int
    n_of_others: int
    data: PreparedData

    @property
    def failed(self) -> tuple[StoredRun, ...]:
        """The runs that failed, now or before."""
        return tuple(run for run in self.runs if run.record.status == "failed")


def grids_of(suites: Iterable[Suite], where: Where) -> tuple[Suite, ...]:
    """Divide grids so that each holds splits that may be averaged: those of one family, or one alone.

    Raises BenchmarkError for a data set, protocol or split that is not known.
    """
    divided = []
    for suite in suites:
        families: dict[str, list[str]] = defaultdict(list)
        for split in PreparedData(suite, where).splits():
            families[split.family or split.id].append(split.id)
        for family, splits in families.items():
            own = suite.of_family(family).model_copy(update={"splits": tuple(splits)})
            divided.append(suite if len(families) == 1 else own)
    return tuple(divided)


def check_fine_tuning(suite: Suite) -> None:
    """Raise BenchmarkError where a suite is to be fine-tuned and cannot be."""
    if suite.finetune == "seen":
        require_trainable(make_backbone(suite.backbone, Weights(suite.weights)))
        require_packages()


def prepare_suite(
    suite: Suite, where: Where, display: SuiteDisplay, *, before: Sequence[PreparedData] = ()
) -> PreparedData:
    """Check all that can be checked before a run: names, configurations, pictures.

    before: grids of the same call, whose pictures need not be found again. Raises BenchmarkError for what is
    wrong.
    """
    for registry in (METHODS, DATASETS, BACKBONES):
        registry.freeze()
    check_names(suite)
    check_fine_tuning(suite)
    alike = next((data for data in before if data.suite.dataset == suite.dataset), None)
    data = PreparedData(suite, where, alike=alike)
    grid(suite, data.splits())
    with display.stage("preparing pictures") as progress:
        index = data.read(progress)
    for split in data.splits():
        require_positives(index, data.arrangement(split), data.terms)
    for text in (index.found, *_left_out(index)):
        if text:
            display.message_once(f"{data.dataset.id}: {text}")
    return data


def _left_out(index: DatasetIndex) -> Iterator[str]:
    """What somebody who starts a run should know of a copy that is not whole."""
    if index.lacking:
        yield f"{lacking_text(index.lacking)}. `check-data` says which classes lack some."
    if n := len(index.skipped):
        names = ", ".join(index.skipped[:3]) + (", …" if n > 3 else "")
        yield f"{n:,} unreadable {'picture' if n == 1 else 'pictures'} left out: {names}"


def run_suite(data: PreparedData, display: SuiteDisplay, *, rerun: Rerun = "missing") -> SuiteResult:
    """Run a prepared suite and return all its runs.

    rerun "missing": what has no finished record, and what was skipped. "failed": failures too. "all":
    everything. A run counts as finished under its identity: a change of data, split, method source,
    configuration, backbone or seed makes it another run.
    """
    where = data.where
    sweep(where.runs_dir)
    cells = grid(data.suite, data.splits())
    planned = plan(cells, data)
    before = recorded_runs(planned, where, when_outdated=display.message)
    finished = _unrepeated(before, rerun)
    missing = [run for run in planned if run.identity not in finished]
    for split, is_finetuned in features_of(missing):
        data.prepare_features(split, is_finetuned=is_finetuned, stage=display.stage)
    n_kept = len(planned) - len(missing)
    if n_kept and missing:
        display.message(f"{n_kept} of {len(planned)} runs have a record already and are not repeated.")
    times = guesses(missing, data)
    n_executed = n_of_others = 0
    with display.runs(missing, Clock(lambda run: times[run.identity].seconds)) as shown:
        for run in _claimed_in_turn(missing, where, display):
            # Another process may have executed it meanwhile: two of them share a suite.
            theirs = _new_record(run, before.get(run.identity), where)
            progress = shown.start(run)
            stored = theirs or execute(run, data, progress)
            shown.end(run, stored, is_ours=theirs is None)
            n_executed += theirs is None
            n_of_others += theirs is not None
            finished[run.identity] = stored
    return SuiteResult(tuple(finished[run.identity] for run in planned), n_executed, n_of_others, data)


def _claimed_in_turn(runs: Sequence[PlannedRun], where: Where, display: SuiteDisplay) -> Iterator[PlannedRun]:
    """Yield every run once, claimed for as long as the caller is at it; those that others claim come last."""
    waiting = list(runs)
    while waiting:
        for run in tuple(waiting):
            with claimed(where.runs_dir, run.identity) as is_ours:
                if is_ours:
                    waiting.remove(run)
                    yield run
        if waiting:
            named = "; ".join(run.label for run in waiting[:_N_NAMED])
            more = f"; and {len(waiting) - _N_NAMED} more" if len(waiting) > _N_NAMED else ""
            display.message_once(f"Waiting for another process, which is at {named}{more}.")
            time.sleep(_POLL_S)


def _new_record(run: PlannedRun, before: StoredRun | None, where: Where) -> StoredRun | None:
    """The record of a run, where it is not the one from before."""
    stored = recorded_runs([run], where).get(run.identity)
    is_new = stored is not None and (before is None or stored.record.started != before.record.started)
    return stored if is_new else None


def features_of(runs: Sequence[PlannedRun]) -> list[tuple[ZeroShotSplit, bool]]:
    """Which features the runs read: those of the backbone as it is serve all splits."""
    found: dict[tuple[str, bool], tuple[ZeroShotSplit, bool]] = {}
    for run in runs:
        if run.method.card.input == "features":
            of_split = run.split.id if run.is_finetuned else ""
            found.setdefault((of_split, run.is_finetuned), (run.split, run.is_finetuned))
    return list(found.values())


def finished_runs(planned: Sequence[PlannedRun], where: Where, rerun: Rerun) -> dict[str, StoredRun]:
    """Return what need not be run, by identity."""
    return _unrepeated(recorded_runs(planned, where), rerun)


def _unrepeated(recorded: Mapping[str, StoredRun], rerun: Rerun) -> dict[str, StoredRun]:
    """Return the recorded runs that stay as they are."""
    if rerun == "all":
        return {}
    repeat = {"skipped"} if rerun == "missing" else {"skipped", "failed"}
    return {identity: stored for identity, stored in recorded.items() if stored.record.status not in repeat}


def recorded_runs(
    planned: Iterable[PlannedRun], where: Where, *, when_outdated: Callable[[str], None] = lambda text: None
) -> dict[str, StoredRun]:
    """Return the planned runs that have a record, whatever became of them, by identity.

    Where a file has changed that the method read beside its code, the record no longer counts, as
    `when_outdated` is told; the run that is repeated takes its place.
    """
    recorded = {}
    for run in planned:
        folder = run_folder(where.runs_dir, run.protocol, run.method.card.id, run.run_id)
        if not (folder / "record.json").is_file():
            continue
        try:
            stored = read_run(folder)
        except ValueError:
            continue  # unreadable: the run is executed again and replaces it
        if stored.record.identity != run.identity:
            continue
        if changed := changed_files(stored.record.files_used):
            when_outdated(f"{run.label}: runs again, since what it read has changed: {', '.join(changed)}")
        else:
            recorded[run.identity] = stored
    return recorded
