"""Comparisons of reference results, each computed once however many pages show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from benchmark.records import StoredRun
from benchmark.reference.store import MAIN, Reference
from benchmark.reporting.comparison import Comparison, compare
from benchmark.reporting.conclusions import outcome
from benchmark.reporting.joining import row_name
from benchmark.reporting.pairwise import Pairwise, pairwise
from benchmark.reporting.table_layout import Column, Table, Text, facts_table
from benchmark.selection import Selection
from benchmark.suite import load_suite

_FEW_METRICS = ("map@all", "p@10", "p@100", "hit@1", "acc@1")
_OUTCOMES = {
    "higher": "higher",
    "lower": "lower",
    "not shown": "not told apart",
    "open": "interval and test disagree",
    "same": "the same in every class",
}


@cache
def comparison_of(reference: Reference, suite: str = MAIN) -> Comparison:
    """Compare the rows of one of the reference suites: `full` under all metrics, others under a few."""
    runs = reference.of_suite(suite)
    metrics = None if suite == MAIN else _few_metrics(runs)
    return compare(runs, reference=load_suite(suite)[0].reference, metric_ids=metrics)


@cache
def pairwise_of(reference: Reference, suite: str = MAIN) -> Pairwise:
    """Hold every row of one of the reference suites against the suite's reference, on map@all."""
    return pairwise(reference.of_suite(suite), reference=load_suite(suite)[0].reference)


@cache
def part_of(reference: Reference, suite: str) -> Comparison:
    """Compare those runs of suite `full` that a smaller suite, such as `default`, is made of."""
    grid = next(one for one in load_suite(suite) if one.dataset == reference.dataset)
    runs = Selection.of_suite(grid, reference.runs).of(reference.runs)
    return compare(runs, reference=grid.reference, metric_ids=_few_metrics(runs))


def _few_metrics(runs: Sequence[StoredRun]) -> list[str]:
    present = {metric for run in runs for metric in run.record.scores}
    return [metric for metric in _FEW_METRICS if metric in present]


def with_titles(table: Table, comparison: Comparison) -> Table:
    """Add to a table of all rows and chance the title of each method, after its name."""
    titles = next(column for column in facts_table(comparison).columns if column.header == "title")
    column = replace(titles, header="system", entries=(*titles.entries, Text("")))
    return replace(table, columns=(table.columns[0], column, *table.columns[1:]))


def with_outcomes(table: Table, found: Pairwise) -> Table:
    """Add after the differences what may be concluded of each, which takes interval and corrected test."""
    told = {pair.row.marked(pair.row.name): _OUTCOMES[outcome(pair)] for pair in found.pairs}
    entries = tuple(Text(told.get(name.text, "")) for name in table.columns[0].entries)
    column = Column(f"against {found.reference.name}", entries, is_words=True)
    position = next(i for i, own in enumerate(table.columns) if own.header.startswith("Δ")) + 1
    columns = (*table.columns[:position], column, *table.columns[position:])
    return replace(table, columns=columns)


def in_words(found: Pairwise) -> str:
    """Say which rows differ from the reference, and on what evidence."""
    told: dict[str, list[str]] = {}
    for pair in found.pairs:
        told.setdefault(outcome(pair), []).append(f"`{pair.row.name}`")
    parts = {
        "higher": "higher",
        "lower": "lower",
        "not shown": "not told apart from it",
        "open": "open, because interval and test disagree",
        "same": "the same in every class",
    }
    texts = [f"{words}: {', '.join(told[name])}" for name, words in parts.items() if name in told]
    return (
        f"Against `{found.reference.name}` in {found.metric}, by 95 % interval and by a sign-flip test over "
        f"{found.pairs[0].n_classes} classes with Holm's correction for {len(found.pairs)} comparisons: "
        f"{'; '.join(texts)}."
    )


def older_in_words(reference: Reference, suite: str | None = None) -> str:
    """Name the rows, of one suite or of all, whose method has changed its code since; "" for none."""
    suites = [reference.of_suite(suite)] if suite else reference.suites.values()
    records = [run.record for runs in suites for run in runs]
    rows = sorted({row_name(own) for own in records if own.identity in reference.of_older_source})
    if not rows:
        return ""
    return f"The code of {', '.join(f'`{row}`' for row in rows)} has changed since its runs."


def devices_in_words(comparison: Comparison) -> str:
    """Say what the fits ran on: their seconds are no comparison across devices."""
    rows_of: dict[str, list[str]] = {}
    for row in comparison.rows:
        rows_of.setdefault(" and ".join(sorted(set(row.device.values()))), []).append(row.name)
    if not any(rows_of):
        return ""
    most, *others = sorted((name for name in rows_of if name), key=lambda name: -len(rows_of[name]))
    named = [f"of {', '.join(f'`{row}`' for row in rows_of[device])} on {device}" for device in others]
    return f"Fits ran on {', those '.join([most, *named])}."
