"""From finished runs to reference results: runs of the present data, configurations and code.

A run that is not on disk is taken from the results as they stand, so that a new method costs its own runs
alone. Where neither has one by the present code of its method, one by older code is taken, and pages that
show it say so: else nobody without a GPU could make reference results after a change that reaches a method
on pictures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmark.display import SuiteDisplay
from benchmark.errors import BenchmarkError
from benchmark.plan import PlannedRun, grid, plan
from benchmark.prepare import PreparedData, Where
from benchmark.records import StoredRun, read_run, run_folder
from benchmark.reference.rulers import readings_of
from benchmark.reference.store import (
    MAIN,
    ROOT,
    SUITES,
    Reference,
    read_reference,
    reference_path,
    write_reference,
)
from benchmark.runner import grids_of, prepare_suite, recorded_runs
from benchmark.suite import load_suite

_N_NAMED = 8


def collect(where: Where, display: SuiteDisplay, root: Path = ROOT) -> tuple[Path, ...]:
    """Write the reference results of every data set from finished runs and from those that stand there.

    A run counts under its identity, as for `run`; without a record of it, the newest one that differs in
    nothing but the source of the method. Failed and skipped runs are records too. Nothing is written, and
    BenchmarkError raised with the names, where runs have no record, where results would be partial, and where
    rankings are needed that are no longer there.
    """
    older: set[str] = set()
    found: dict[str, dict[str, list[StoredRun]]] = defaultdict(lambda: defaultdict(list))
    missing: dict[str, list[str]] = defaultdict(list)
    standing: dict[str, Reference | None] = {}
    prepared: list[PreparedData] = []
    for name in SUITES:
        for suite in grids_of(load_suite(name), where):
            data = prepare_suite(suite, where, display, before=prepared)
            prepared.append(data)
            planned = plan(grid(suite, data.splits()), data)
            if suite.dataset not in standing:
                standing[suite.dataset] = _standing(suite.dataset, root, display)
            kept = _by_identity(standing[suite.dataset])
            recorded = _chosen(planned, recorded_runs(planned, where), kept)
            for run in planned:
                stored = recorded.get(run.identity)
                if stored is None and (stored := _of_older_source(run, where, kept)) is not None:
                    older.add(stored.record.identity)
                    display.message(
                        f"{run.label} on {suite.dataset}: taken from an older version of its code"
                    )
                if stored is None or stored.record.status == "partial":
                    missing[name].append(f"{run.label} on {suite.dataset}")
                else:
                    found[suite.dataset][name].append(stored)
    if missing:
        raise BenchmarkError("\n".join(_refusal(name, runs, where) for name, runs in missing.items()))
    readings = {}
    with display.stage("measuring readings") as progress:
        for i, (dataset, suites) in enumerate(found.items(), 1):
            before = standing[dataset]
            readings[dataset] = readings_of(suites[MAIN], {} if before is None else before.readings)
            progress(i, len(found))
    return tuple(
        write_reference(reference_path(dataset, root), suites, readings[dataset], of_older_source=older)
        for dataset, suites in found.items()
    )


def _standing(dataset: str, root: Path, display: SuiteDisplay) -> Reference | None:
    """The results as they are; None where there are none, or none that can be read."""
    path = reference_path(dataset, root)
    if not path.is_file():
        return None
    try:
        return read_reference(path)
    except BenchmarkError as error:
        display.message(f"{error} It is made anew from runs on disk alone.")
        return None


def _by_identity(reference: Reference | None) -> dict[str, StoredRun]:
    suites = () if reference is None else reference.suites.values()
    return {run.record.identity: run for runs in suites for run in runs}


def _chosen(
    planned: Sequence[PlannedRun], on_disk: dict[str, StoredRun], kept: dict[str, StoredRun]
) -> dict[str, StoredRun]:
    """Runs by identity: those on disk for rows that are there as a whole, for others rather those that stand.

    Else one seed on disk, as suite `default` leaves it, would ask for the rankings of all others.
    """
    lacking = {(run.method.card.id, run.variant) for run in planned if run.identity not in on_disk}
    whole = {
        run.identity: on_disk[run.identity]
        for run in planned
        if (run.method.card.id, run.variant) not in lacking
    }
    return {**on_disk, **kept, **whole}


def _of_older_source(run: PlannedRun, where: Where, kept: dict[str, StoredRun]) -> StoredRun | None:
    """The newest complete run that is the planned one but for the source of its method."""
    alike = [
        own
        for own in (*_beside(run, where), *kept.values())
        if own.record.status == "complete"
        and own.record.identity == run.identity_with(source_sha256=own.record.source_sha256)
    ]
    return max(alike, key=lambda own: own.record.started, default=None)


def _beside(run: PlannedRun, where: Where) -> Iterator[StoredRun]:
    """Runs on disk where the planned one would lie, of the same seed."""
    folder = run_folder(where.runs_dir, run.protocol, run.method.card.id, run.run_id).parent
    for path in sorted(folder.glob(f"seed{run.seed}-*/record.json")):
        try:
            yield read_run(path.parent)
        except ValueError:
            continue  # unreadable: as if it were not there


def _refusal(suite: str, runs: list[str], where: Where) -> str:
    more = f"; and {len(runs) - _N_NAMED} more" if len(runs) > _N_NAMED else ""
    return (
        f"suite '{suite}' has no record of {len(runs)} runs, with code, data and configurations as they are, "
        f"in {where.runs_dir} or among the results: {'; '.join(runs[:_N_NAMED])}{more}. "
        f"`run_benchmark.py run --suite {suite}` makes them."
    )
