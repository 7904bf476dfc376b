"""Which record stands for each planned run: a row is of one version of its code, if it can of one place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmark.plan import PlannedRun
from benchmark.prepare import Where
from benchmark.records import StoredRun, read_run, run_folder
from benchmark.runner import recorded_runs

Found = list[StoredRun | None]
"""A record for each planned run of a row, None where there is none."""


@dataclass(frozen=True)
class Chosen:
    """What stands for the planned runs of a row. is_older: an older version of its code made them.

    lacking: planned runs that have no record, where there is no whole row.
    """

    runs: tuple[StoredRun, ...]
    is_older: bool
    lacking: tuple[PlannedRun, ...] = ()


def rows_of(planned: Sequence[PlannedRun]) -> tuple[tuple[PlannedRun, ...], ...]:
    """Divide the planned runs of a suite by method and variant."""
    rows: dict[tuple[str, str], list[PlannedRun]] = defaultdict(list)
    for run in planned:
        rows[run.method.card.id, run.variant].append(run)
    return tuple(map(tuple, rows.values()))


def choose(row: Sequence[PlannedRun], standing: Mapping[str, StoredRun], where: Where) -> Chosen:
    """Choose the records of a row.

    standing: runs of the results as they stand, by identity. Rankings are on disk alone, and readings need
    those of all runs of a row: so a row is taken from disk if it is there as a whole, else as it stands, else
    from both. A run that did not finish is no reason to give up one that stands and did. Without the present
    code the row is of the newest older version that has all runs: seeds of two versions are no repetitions.
    """
    on_disk = recorded_runs(row, where)
    finished = {identity for identity, run in standing.items() if run.record.status == "complete"}
    on_disk = {
        identity: run
        for identity, run in on_disk.items()
        if run.record.status == "complete" or identity not in finished
    }
    for known in (on_disk, standing, {**standing, **on_disk}):
        found: Found = [known.get(run.identity) for run in row]
        if _is_whole(found):
            return Chosen(_whole(found), is_older=False)
    older = [
        _whole(found)
        for known in ([run for one in row for run in _beside(one, where)], list(standing.values()))
        for found in _of_older_sources(row, known)
        if _is_whole(found)
    ]
    if older:
        newest = max(older, key=lambda runs: max(run.record.started for run in runs))
        return Chosen(newest, is_older=True)
    present = {**standing, **on_disk}
    lacking = tuple(run for run in row if not _is_whole([present.get(run.identity)]))
    return Chosen((), is_older=False, lacking=lacking)


def _whole(found: Found) -> tuple[StoredRun, ...]:
    return tuple(run for run in found if run is not None)


def _is_whole(found: Found) -> bool:
    return all(run is not None and run.record.status != "partial" for run in found)


def _of_older_sources(row: Sequence[PlannedRun], known: Sequence[StoredRun]) -> Iterator[Found]:
    """For each version of the code: complete runs that are the planned ones but for their source."""
    of_source: dict[str, dict[str, StoredRun]] = defaultdict(dict)
    for run in known:
        if run.record.status == "complete":
            of_source[run.record.source_sha256][run.record.identity] = run
    for source, runs in of_source.items():
        yield [runs.get(run.identity_with(source_sha256=source)) for run in row]


def _beside(run: PlannedRun, where: Where) -> Iterator[StoredRun]:
    """Runs on disk where the planned one would lie, of the same seed."""
    folder = run_folder(where.runs_dir, run.protocol, run.method.card.id, run.run_id).parent
    for path in sorted(folder.glob(f"seed{run.seed}-*/record.json")):
        try:
            yield read_run(path.parent)
        except ValueError:
            continue  # unreadable: as if it were not there
