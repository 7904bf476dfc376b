"""From finished runs to reference results: runs of the present data, configurations and code.

Where a run has no record by the present code of its method, one by older code is taken, and pages that show
it say so: else nobody without a GPU could make reference results after a change that reaches a method on
pictures.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from benchmark.display import SuiteDisplay
from benchmark.errors import BenchmarkError
from benchmark.plan import PlannedRun, grid, plan
from benchmark.prepare import PreparedData, Where
from benchmark.records import StoredRun, read_run, run_folder
from benchmark.reference.rulers import readings_of
from benchmark.reference.store import MAIN, ROOT, SUITES, reference_path, write_reference
from benchmark.runner import grids_of, prepare_suite, recorded_runs
from benchmark.suite import load_suite

_N_NAMED = 8


def collect(where: Where, display: SuiteDisplay, root: Path = ROOT) -> tuple[Path, ...]:
    """Write the reference results of every data set from finished runs; return the files.

    A run counts under its identity, as for `run`; without a record of it, the newest one that differs in
    nothing but the source of the method. Failed and skipped runs are records too. Nothing is written, and
    BenchmarkError raised with the names, where runs have no record, and where results would be partial.
    """
    older: set[str] = set()
    found: dict[str, dict[str, list[StoredRun]]] = defaultdict(lambda: defaultdict(list))
    missing: dict[str, list[str]] = defaultdict(list)
    prepared: list[PreparedData] = []
    for name in SUITES:
        for suite in grids_of(load_suite(name), where):
            data = prepare_suite(suite, where, display, before=prepared)
            prepared.append(data)
            planned = plan(grid(suite, data.splits()), data)
            recorded = recorded_runs(planned, where)
            for run in planned:
                stored = recorded.get(run.identity)
                if stored is None and (stored := _of_older_source(run, where)) is not None:
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
    paths = []
    with display.stage("measuring readings") as progress:
        for i, (dataset, suites) in enumerate(found.items(), 1):
            readings = readings_of(suites[MAIN])
            path = reference_path(dataset, root)
            paths.append(write_reference(path, suites, readings, of_older_source=older))
            progress(i, len(found))
    return tuple(paths)


def _of_older_source(run: PlannedRun, where: Where) -> StoredRun | None:
    """The newest complete run that is the planned one but for the source of its method."""
    folder = run_folder(where.runs_dir, run.protocol, run.method.card.id, run.run_id).parent
    found = []
    for path in sorted(folder.glob(f"seed{run.seed}-*/record.json")):
        try:
            found.append(read_run(path.parent))
        except ValueError:
            continue  # unreadable: as if it were not there
    alike = [
        own
        for own in found
        if own.record.status == "complete"
        and own.record.identity == run.identity_with(source_sha256=own.record.source_sha256)
    ]
    return max(alike, key=lambda own: own.record.started, default=None)


def _refusal(suite: str, runs: list[str], where: Where) -> str:
    more = f"; and {len(runs) - _N_NAMED} more" if len(runs) > _N_NAMED else ""
    return (
        f"suite '{suite}' has no record in {where.runs_dir} of {len(runs)} runs, as code, data and "
        f"configurations are now: {'; '.join(runs[:_N_NAMED])}{more}. "
        f"`run_benchmark.py run --suite {suite}` makes them."
    )
