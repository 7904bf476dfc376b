"""From finished runs to reference results: runs of the present data, configurations and code.

What is not on disk is taken from the results as they stand, so that a new method costs its own runs alone.
Where neither has a row by the present code of its method, one by older code is taken, and pages that show it
say so: else nobody without a GPU could make reference results after a change that reaches a method
on pictures.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from benchmark.display import SuiteDisplay
from benchmark.errors import BenchmarkError
from benchmark.plan import grid, plan
from benchmark.prepare import PreparedData, Where
from benchmark.records import StoredRun
from benchmark.reference.choice import choose, rows_of
from benchmark.reference.rulers import readings_of
from benchmark.reference.store import (
    MAIN,
    ROOT,
    SUITES,
    Reference,
    UnreadableReferenceError,
    read_reference,
    reference_path,
    write_reference,
)
from benchmark.reporting.joining import row_name
from benchmark.runner import grids_of, prepare_suite
from benchmark.suite import load_suite

_N_NAMED = 8


def collect(where: Where, display: SuiteDisplay, root: Path = ROOT) -> tuple[Path, ...]:
    """Write the reference results of every data set from finished runs and from those that stand there.

    `choose` says which record counts. Failed and skipped runs are records too. Nothing is written, and
    BenchmarkError raised with the names, where runs have no record, where results would be partial, where
    rankings are needed that are no longer there, and for results of a newer schema.
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
            for row in rows_of(planned):
                chosen = choose(row, kept, where)
                found[suite.dataset][name] += chosen.runs
                missing[name] += [f"{run.label} on {suite.dataset}" for run in chosen.lacking]
                if chosen.is_older:
                    older |= {run.record.identity for run in chosen.runs}
                    first = chosen.runs[0].record
                    display.message(
                        f"{row_name(first)} on {suite.dataset}: taken from an older version of its code"
                    )
    missing = {name: runs for name, runs in missing.items() if runs}
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
    except UnreadableReferenceError as error:
        display.message(f"{error} It is made anew from runs on disk alone.")
        return None


def _by_identity(reference: Reference | None) -> dict[str, StoredRun]:
    suites = () if reference is None else reference.suites.values()
    return {run.record.identity: run for runs in suites for run in runs}


def _refusal(suite: str, runs: list[str], where: Where) -> str:
    more = f"; and {len(runs) - _N_NAMED} more" if len(runs) > _N_NAMED else ""
    return (
        f"suite '{suite}' has no record of {len(runs)} runs, with code, data and configurations as they are, "
        f"in {where.runs_dir} or among the results: {'; '.join(runs[:_N_NAMED])}{more}. "
        f"`run_benchmark.py run --suite {suite}` makes them."
    )
