"""From finished runs to reference results: only runs of the present code, data and configurations count."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from benchmark.display import SuiteDisplay
from benchmark.errors import BenchmarkError
from benchmark.plan import grid, plan
from benchmark.prepare import PreparedData, Where
from benchmark.records import StoredRun
from benchmark.reference.rulers import readings_of
from benchmark.reference.store import MAIN, ROOT, SUITES, reference_path, write_reference
from benchmark.runner import grids_of, prepare_suite, recorded_runs
from benchmark.suite import load_suite

_N_NAMED = 8


def collect(where: Where, display: SuiteDisplay, root: Path = ROOT) -> tuple[Path, ...]:
    """Write the reference results of every data set from finished runs; return the files.

    A run counts under its identity, as for `run`. Failed and skipped runs are records too. Nothing is
    written, and BenchmarkError raised with the names, where runs have no record, and where results would
    be partial.
    """
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
            paths.append(write_reference(reference_path(dataset, root), suites, readings))
            progress(i, len(found))
    return tuple(paths)


def _refusal(suite: str, runs: list[str], where: Where) -> str:
    more = f"; and {len(runs) - _N_NAMED} more" if len(runs) > _N_NAMED else ""
    return (
        f"suite '{suite}' has no record in {where.runs_dir} of {len(runs)} runs, as code, data and "
        f"configurations are now: {'; '.join(runs[:_N_NAMED])}{more}. "
        f"`run_benchmark.py run --suite {suite}` makes them."
    )
