"""What `evaluate` found, for a terminal, for a pipe and for a machine."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmark.readings import Ranking, Row, by_name, merged, spread
from metrics.definitions import TIE_RULES
from metrics.evaluation import Evaluation
from metrics.protocols import Protocol

_DASH, _DIGITS = "–", 3
_WORDS = {"query": "queries", "class": "classes"}


@dataclass(frozen=True)
class Report:
    """Facts above a table, its groups of rows, notes below it; `data` holds the same for machines."""

    header: tuple[str, ...]
    groups: list[list[list[str]]]
    data: dict[str, Any]
    facts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def of_metrics(ranking: Ranking, found: Evaluation, ties: str) -> Report:
    """A row for each metric: both means and chance."""
    chance = {metric: ranking.chance(metric, "query", found) for metric in found.summary}
    rows, scores = [], {}
    for metric, value in found.summary.items():
        numbers = {"value": value, "class_balanced": found.class_balanced[metric], "chance": chance[metric]}
        rows.append([metric, *map(_number, numbers.values())])
        scores[metric] = {name: _or_none(number) for name, number in numbers.items()}
    dropped = {
        metric: reason.replace("query_instances and gallery_instances", "`instances` in both files")
        for metric, reason in found.dropped.items()
    }
    return Report(
        ("metric", "mean", "class-balanced", "chance"),
        [rows],
        {"ties": ties, "scores": scores, "dropped": dropped},
        facts=(f"Ties: {ties}, {TIE_RULES[ties]}.",),
        notes=tuple(f"Not computed: {', '.join(ids)}: {reason}." for reason, ids in _by_reason(dropped)),
    )


def of_protocol(protocol: Protocol, rows: Sequence[Row]) -> Report:
    """The numbers that one published evaluation prints, with the lines that compute them."""
    about = f"{protocol.title}: what the code of {protocol.repository} at {protocol.commit} computes."
    remarks: dict[str, str] = {}
    for row in rows:
        if row.reading.remark:
            remarks[row.reading.metric] = row.reading.remark
    notes = [f"{', '.join(ids)}: {remark}." for remark, ids in _by_reason(remarks)]
    if protocol.averaging not in _WORDS:
        notes.append(
            f"How the published numbers were averaged is {protocol.averaging}: both means stand here."
        )
    cells = [
        [*_cells(row), f"cannot be computed: {row.obstacle}" if row.obstacle else row.reading.source]
        for row in rows
    ]
    return Report(
        ("metric", "value", "chance", "ties", "mean over", "source"),
        [cells],
        {"protocol": _without_readings(protocol), "readings": [_as_data(row) for row in rows]},
        facts=(about,),
        notes=(*notes, *([protocol.remark] if protocol.remark else [])),
    )


def of_everything(rows: Sequence[Row]) -> Report:
    """Every reading, those that papers print under one name together, the largest first."""
    computed = [row for row in rows if not row.obstacle]
    obstacles = {row.reading.metric: row.obstacle for row in rows if row.obstacle}
    together = merged(computed)
    groups = by_name(together).values()
    shown = [group for group in groups if len(group) > 1]
    shown.append([row for group in groups if len(group) == 1 for row in group])
    return Report(
        ("metric", "value", "chance", "ties", "mean over", "used by"),
        [[[*_cells(row), row.users] for row in group] for group in shown if group],
        {
            "readings": [_as_data(row) for group in by_name(computed).values() for row in group],
            "not_computed": obstacles,
            "spread": spread(together),
        },
        facts=(
            "One ranking under every published definition; what papers call by one name stands together.",
        ),
        notes=(
            *(f"Not computed: {', '.join(ids)}: {reason}." for reason, ids in _by_reason(obstacles)),
            *(["Tie rules joined by = give one value here."] if len(together) < len(computed) else []),
            spread(together),
        ),
    )


def with_facts(report: Report, ranking: Ranking, evaluations: Sequence[Evaluation], origin: str) -> Report:
    """Add what was measured, and what a reader must know of the ranking itself.

    origin: where the distance comes from. evaluations: of this ranking, under different tie rules.
    """
    counts: dict[str, dict[str, Any]] = {
        name: {"path": str(side.path), "n": len(side), "n_classes": len(set(side.labels.tolist()))}
        for name, side in (("queries", ranking.queries), ("gallery", ranking.gallery))
    }
    ties = {cut: share for found in evaluations for cut, share in found.ties.items()}
    n_near = max((found.n_near_ties for found in evaluations), default=0)
    n_without = max((found.n_without_positives for found in evaluations), default=0)
    facts = [
        f"{name.capitalize()}: {_counted(count['n'], 'item')} of {_counted(count['n_classes'], 'class')}, "
        f"{count['path']}."
        for name, count in counts.items()
    ]
    facts.append(f"Distance: {ranking.distance}, {origin}.")
    notes = []
    if ranking.exclude_self and evaluations:
        n_pairs = len(ranking.queries) * len(ranking.gallery) - int(evaluations[0].n_ranked.sum())
        notes.append(
            f"Left out before ranking: {_counted(n_pairs, 'pair')} of a query and the same gallery item."
        )
    if n_without:
        notes.append(f"Queries without a positive in the gallery, left out of every mean: {n_without}.")
    if ties:
        notes.append(f"Queries with a tie of positives and others across a cut: {_shares(ties)}.")
    if n_near:
        notes.append(f"Queries where a rounding error could move an item across a cut: {n_near}.")
    data = {
        **counts,
        "distance": ranking.distance,
        "exclude_self": ranking.exclude_self,
        "tie_frac": {str(cut): share for cut, share in ties.items()},
        "n_near_ties": n_near,
        "n_without_positives": n_without,
        **report.data,
    }
    return dataclasses.replace(
        report, data=data, facts=(*report.facts, *facts), notes=(*notes, *report.notes)
    )


def print_report(report: Report) -> None:
    """Print on stdout: rich on a terminal, aligned plain text elsewhere, never cut or wrapped there."""
    console = Console()

    def lines(texts: Sequence[str]) -> None:
        for text in texts:
            console.print(text, markup=False, highlight=False, soft_wrap=not console.is_terminal)

    lines(report.facts)
    lines([""])
    if console.is_terminal:
        console.print(_rich(report))
    else:
        lines(_plain(report))
    lines(["", *report.notes] if report.notes else [])


def _rich(report: Report) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for position, name in enumerate(report.header):
        table.add_column(name, no_wrap=position < len(report.header) - 1, overflow="fold")
    for group in report.groups:
        for row in group:
            table.add_row(*map(Text, row), end_section=row is group[-1])
    return table


def _plain(report: Report) -> list[str]:
    rows = [list(report.header), *(row for group in report.groups for row in group)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(report.header))]

    def line(row: Sequence[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

    written = [line(report.header), "-" * (sum(widths) + 2 * len(widths) - 2)]
    for position, group in enumerate(report.groups):
        written += [""] if position else []
        written += map(line, group)
    return written


def _cells(row: Row) -> list[str]:
    reading = row.reading
    return [reading.metric, _number(row.value), _number(row.chance), reading.ties, _WORDS[reading.averaging]]


def _as_data(row: Row) -> dict[str, Any]:
    data = dataclasses.asdict(row.reading)
    return {**data, "users": row.users, "value": row.value, "chance": row.chance, "obstacle": row.obstacle}


def _without_readings(protocol: Protocol) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(protocol).items() if name != "readings"}


def _by_reason(reasons: dict[str, str]) -> list[tuple[str, list[str]]]:
    ids: dict[str, list[str]] = {}
    for metric, reason in reasons.items():
        ids.setdefault(reason, []).append(metric)
    return list(ids.items())


def _shares(ties: dict[int, float]) -> str:
    shown = [f"{share:.1%} at {cut}" for cut, share in sorted(ties.items()) if share]
    return ", ".join(shown) or f"none at {', '.join(map(str, sorted(ties)))}"


def _counted(n: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{n} {noun if n == 1 else plural}"


def _number(value: float | None) -> str:
    return _DASH if value is None or math.isnan(value) else f"{value:.{_DIGITS}f}"


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
