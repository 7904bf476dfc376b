"""Rankings under many definitions, for reference results: how much the ruler alone moves a number.

Embeddings are not kept with a run, but its first ranks are. What these determine is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.records import StoredRun
from benchmark.reference.compact import ReferenceRun
from benchmark.reporting.findings.evidence import UnderDefinition
from benchmark.reporting.findings.ruler import measured, wanted_ids
from benchmark.reporting.joining import newest

Readings = Mapping[str, Sequence[UnderDefinition]]
"""Row -> what it scores under each definition."""


def readings_of(runs: Sequence[StoredRun], known: Readings) -> dict[str, tuple[UnderDefinition, ...]]:
    """Measure every row that finished, under the definitions that the findings compare.

    known: what rows scored before; rows that are made of reference runs alone keep it, as those have no
    rankings. Means over seeds and splits. Raises BenchmarkError as `rescore` does, and for rows that are
    neither new as a whole nor known.
    """
    complete = [run for run in runs if run.record.status == "complete" and run.record.counts]
    counts = [run.record.counts for run in complete if run.record.counts]
    if not counts:
        return {}
    n_positives = fmean(own.n_gallery / own.n_unseen_classes for own in counts)
    n_gallery = min(own.n_gallery for own in counts)
    wanted = wanted_ids(n_positives, n_gallery)
    fresh: list[StoredRun] = []
    kept: dict[str, tuple[UnderDefinition, ...]] = {}
    refused: set[str] = set()
    for row, of_row in newest(complete)[0].items():
        own = [run for seeds in of_row.values() for run in seeds]
        n_kept = sum(isinstance(run, ReferenceRun) for run in own)
        if not n_kept:
            fresh += own
        elif n_kept == len(own) and {one.metric for one in known.get(row, ())} == set(wanted):
            kept[row] = tuple(known.get(row, ()))
        else:
            refused |= {run.record.method for run in own}
    if refused:
        names = ",".join(sorted(refused))
        raise BenchmarkError(
            f"rankings of {names} are needed, and reference results keep none. "
            f"`run_benchmark.py run --suite full --methods {names}` makes all their runs."
        )
    return {**kept, **measured(fresh, wanted)}


def packed_readings(readings: Readings) -> dict[str, list[list[Any]]]:
    """Turn readings into JSON: row -> metric id, averaging and value of each."""
    return {
        row: [[one.metric, one.averaging, round(one.value, 6)] for one in own]
        for row, own in sorted(readings.items())
    }


def unpacked_readings(content: Mapping[str, Any]) -> dict[str, tuple[UnderDefinition, ...]]:
    """Turn such JSON back. Raises KeyError, TypeError or ValueError for another form."""
    return {
        row: tuple(UnderDefinition(metric, float(value), averaging) for metric, averaging, value in own)
        for row, own in content.items()
    }
