"""One ranking under many definitions, for reference results: how much the ruler alone moves a number.

Embeddings are not kept with a run, but its first ranks are. What these determine is measured; readings that
need the rest of the ranking, or another tie rule where scores are tied, are left without a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.readings import Row, expected_by_chance, of_everything
from benchmark.records import StoredRun
from benchmark.rescore import Measured, rescore
from metrics.definitions import parse

UNDETERMINED = "the stored first ranks of the run do not determine it"


@dataclass(frozen=True)
class RunReadings:
    """One run and what every reading of `benchmark.readings` gives of its ranking.

    rows: without a value, and with an `obstacle`, where the first ranks that a run keeps do not determine it.
    """

    method: str
    variant: str
    split: str
    seed: int
    rows: tuple[Row, ...]


def readings_of(runs: Iterable[StoredRun]) -> tuple[RunReadings, ...]:
    """Measure one complete run of every method: the first seed on the first split."""
    complete = [run for run in runs if run.record.status == "complete"]
    first: dict[tuple[str, str], StoredRun] = {}
    for run in sorted(complete, key=lambda run: (run.record.protocol.split, run.record.seed)):
        first.setdefault((run.record.method, run.record.variant), run)
    return tuple(
        RunReadings(*row, run.record.protocol.split, run.record.seed, _filled(run, of_everything()))
        for row, run in sorted(first.items())
    )


def _filled(run: StoredRun, rows: Sequence[Row]) -> tuple[Row, ...]:
    per_query = run.per_query()
    is_tied = bool(run.rankings().tied.any())
    measured = _measured(run, sorted({row.reading.metric for row in rows}))
    filled = []
    for row in rows:
        metric = row.reading.metric
        own = measured.get(metric)
        # Where nothing is tied all rules agree, as far as the ranks are known.
        is_ruled = row.reading.ties == run.record.protocol.ties or (
            not is_tied and parse(metric).ranks_needed is not None
        )
        if own is None or not is_ruled:
            filled.append(replace(row, obstacle=UNDETERMINED))
            continue
        is_mean_over_queries = row.reading.averaging == "query"
        value = own.score.value if is_mean_over_queries else own.score.class_balanced
        chance = own.score.chance
        if not is_mean_over_queries and per_query.n_ranked is not None and per_query.n_relevant is not None:
            counts = (np.asarray(per_query.n_ranked), np.asarray(per_query.n_relevant))
            chance = expected_by_chance(metric, "class", *counts, per_query.labels)
        filled.append(replace(row, value=value, chance=chance))
    return tuple(filled)


def _measured(run: StoredRun, metric_ids: Sequence[str]) -> dict[str, Measured]:
    try:
        return rescore(run, metric_ids)
    except BenchmarkError:
        if len(metric_ids) == 1:
            return {}
    half = len(metric_ids) // 2
    return _measured(run, metric_ids[:half]) | _measured(run, metric_ids[half:])


def packed_readings(found: Iterable[RunReadings]) -> list[dict[str, Any]]:
    """Turn readings into JSON objects, without those that have no value."""
    return [
        {
            "method": own.method,
            "variant": own.variant,
            "split": own.split,
            "seed": own.seed,
            "values": {
                _key(row): [round(row.value, 6), round(row.chance, 6)]
                for row in own.rows
                if row.value is not None and row.chance is not None
            },
        }
        for own in found
    ]


def unpacked_readings(content: Sequence[Mapping[str, Any]]) -> tuple[RunReadings, ...]:
    """Turn such objects back. Raises KeyError, TypeError or ValueError for another form."""
    rows, found = of_everything(), []
    for own in content:
        values = own["values"]
        filled = [
            replace(row, value=values[_key(row)][0], chance=values[_key(row)][1])
            if _key(row) in values
            else replace(row, obstacle=UNDETERMINED)
            for row in rows
        ]
        found.append(RunReadings(own["method"], own["variant"], own["split"], own["seed"], tuple(filled)))
    return tuple(found)


def _key(row: Row) -> str:
    return f"{row.reading.metric} {row.reading.ties} {row.reading.averaging}"
