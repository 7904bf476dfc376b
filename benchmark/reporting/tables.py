"""Numbers in, text out: a comparison for a terminal, a plain file, Markdown, LaTeX, CSV or JSON."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text as RichText

from benchmark.errors import BenchmarkError
from benchmark.reporting.comparison import Comparison
from benchmark.reporting.footnotes import Note, cost_notes, footnotes
from benchmark.reporting.latex import latex
from benchmark.reporting.published import as_far_as_stated, beside
from benchmark.reporting.published_table import published_table
from benchmark.reporting.table_data import csv_text, json_text
from benchmark.reporting.table_layout import (
    SECONDARY,
    Column,
    Table,
    Text,
    cost_table,
    exposure_table,
    facts_table,
    fold_table,
    generalised_table,
    has_marks,
    headline_metrics,
    score_table,
    without_intervals,
)

_PUBLISHED = "Published numbers, not measured here"
_GAP = 2
_RICH_STYLES = {"best": "bold", "second": "underline", "": ""}
_PLAIN_MARKS = {"best": "*", "second": "+", "": ""}


def render(comparison: Comparison, fmt: str, *, per_fold: bool, is_cost: bool = False) -> str:
    """Write a comparison as `plain`, `markdown`, `latex`, `csv` or `json`.

    per_fold: add a table of the first metric in every split. is_cost: time and memory instead of all scores.
    CSV (one row for every row, metric and split, split "mean" for the mean) and JSON always hold everything
    at full precision. Raises BenchmarkError for another format.
    """
    if fmt == "csv":
        return csv_text(comparison)
    if fmt == "json":
        return json_text(comparison)
    if is_cost:
        return written([cost_table(comparison)], cost_notes(comparison), fmt)
    metrics = headline_metrics(comparison)
    tables = [score_table(comparison, metrics)]
    further = [metric for metric in comparison.metric_ids if metric not in metrics]
    if further:
        tables.append(_further(score_table(comparison, further)))
    tables[1:1] = _dividing_tables(comparison, metrics)
    if per_fold and len(comparison.folds) > 1:
        tables.append(fold_table(comparison, comparison.main_metric))
    if found := as_far_as_stated(beside(comparison)):
        tables.append(published_table(found, _PUBLISHED))
    tables.append(facts_table(comparison))
    return written(tables, footnotes(comparison, comparison.metric_ids), fmt)


def written(tables: list[Table], notes: tuple[Note, ...], fmt: str) -> str:
    """Write tables and the notes below them as `plain`, `markdown` or `latex`."""
    writers: dict[str, Callable[[list[Table], tuple[Note, ...]], str]] = {
        "plain": _plain,
        "markdown": _markdown,
        "latex": latex,
    }
    if fmt not in writers:
        raise BenchmarkError(f"no table format '{fmt}'. Known: {', '.join((*writers, 'csv', 'json'))}.")
    return writers[fmt](tables, notes)


def rich_table(
    comparison: Comparison, *, width: int, per_fold: bool = True, is_cost: bool = False
) -> RenderableType:
    """Lay a comparison out for a terminal `width` characters wide; columns that do not fit are named."""
    if is_cost:
        return laid_out(cost_table(comparison), cost_notes(comparison), width)
    scores, lacking = _fit(score_table(comparison, headline_metrics(comparison)), width, SECONDARY)
    further = [metric for metric in comparison.metric_ids if metric not in headline_metrics(comparison)]
    parts: list[RenderableType] = [_rich(scores), *_lacking([*lacking, *further]), ""]
    for table in _dividing_tables(comparison, headline_metrics(comparison)):
        fitting, lacking = _fit(table, width, 1)
        parts += [_rich(fitting), *_lacking(lacking), ""]
    if per_fold and len(comparison.folds) > 1:
        folds, lacking = _fit(fold_table(comparison, comparison.main_metric), width, 1)
        parts += [_rich(folds), *_lacking(lacking), ""]
    if found := as_far_as_stated(beside(comparison)):
        parts += [_rich(_fit(published_table(found, _PUBLISHED, is_short=True), width, 0)[0]), ""]
    parts += [_rich(_fit(facts_table(comparison), width, 0)[0]), ""]
    shown = [column.header for column in scores.columns]
    notes = footnotes(comparison, [metric for metric in comparison.metric_ids if metric in shown])
    return Group(*parts, _rich_notes(notes))


def laid_out(table: Table, notes: tuple[Note, ...], width: int) -> RenderableType:
    """Lay one table and its notes out for a terminal; columns that do not fit are named."""
    shown, lacking = _fit(table, width, 1)
    return Group(_rich(shown), *_lacking(lacking), "", _rich_notes(notes, is_marked=has_marks([table])))


def _rich_notes(notes: Sequence[Note], *, is_marked: bool = True) -> RichTable:
    grid = RichTable.grid(padding=(0, _GAP))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(style="dim", overflow="fold")
    for note in notes:
        grid.add_row(RichText(note.label), RichText(note.text))
    if is_marked:
        grid.add_row(
            RichText("Marks"), RichText("best of a column bold, second best underlined, as printed.")
        )
    return grid


def _dividing_tables(comparison: Comparison, metric_ids: Sequence[str]) -> list[Table]:
    """The tables that divide the scores of a row, where there is something to divide."""
    tables = []
    if any(row.seen for row in comparison.rows):
        tables.append(generalised_table(comparison, metric_ids))
    if any(row.by_exposure for row in comparison.rows):
        tables.append(exposure_table(comparison, metric_ids))
    return tables


def _further(table: Table) -> Table:
    metrics = [column for column in table.columns if column.header in table.metric_ids]
    return dataclasses.replace(
        table, title=f"{table.title}, further metrics", columns=(table.columns[0], *metrics)
    )


def _fit(table: Table, width: int, importance: int) -> tuple[Table, list[str]]:
    """Make a table narrower: without intervals from this importance number on, then column by column."""
    if _total_width(table.columns) > width:
        table = without_intervals(table, importance=importance)
    kept = list(table.columns)
    while _total_width(kept) > width:
        least = max(kept, key=lambda column: column.importance)
        if least.importance == 0:
            break
        together = least.leaves_with
        kept = [one for one in kept if one is not least and not (together and one.leaves_with == together)]
    lacking = [column.header for column in table.columns if column not in kept]
    return dataclasses.replace(table, columns=tuple(kept)), lacking


def _total_width(columns: Sequence[Column]) -> int:
    return sum(_width(column) + _GAP for column in columns) - 1


def _lacking(headers: list[str]) -> list[RenderableType]:
    if not headers:
        return []
    text = f"Not shown here: {', '.join(headers)}. --format markdown holds everything."
    return [RichText(text, style="dim")]


def _width(column: Column) -> int:
    width = max(len(column.header), *(len(_joined(entry)) for entry in column.entries))
    return min(width, column.wraps_below) if column.can_wrap else width


def _joined(entry: Text) -> str:
    return f"{entry.text} {entry.aside}" if entry.aside else entry.text


def _rich(table: Table) -> RichTable:
    result = RichTable(
        title=RichText(table.title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, _GAP - 1, 0, 0),  # the box adds a blank
    )
    for column in table.columns:
        result.add_column(RichText(column.header), no_wrap=not column.can_wrap, overflow="fold")
    rows = table.rows()
    for position, row in enumerate(rows):
        result.add_row(*(_rich_entry(entry) for entry in row), end_section=_ends_rows(table, position))
    return result


def _rich_entry(entry: Text) -> RichText:
    text = RichText(entry.text, style=_RICH_STYLES[entry.mark])
    return RichText.assemble(text, (f" {entry.aside}", "dim")) if entry.aside else text


def _ends_rows(table: Table, position: int) -> bool:
    n_rows = len(table.columns[0].entries)
    return table.n_set_apart > 0 and position == n_rows - table.n_set_apart - 1


def _plain(tables: list[Table], notes: tuple[Note, ...]) -> str:
    parts = []
    for table in tables:
        cells = [[column.header for column in table.columns]]
        cells += [[_plain_entry(entry) for entry in row] for row in table.rows()]
        widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in cells
        ]
        rule = "-" * max(map(len, lines))
        if table.n_set_apart:
            lines.insert(len(lines) - table.n_set_apart, rule)
        parts.append("\n".join([table.title, lines[0], rule, *lines[1:]]))
    marks = ["* best, + second best of a column (as printed)"] if has_marks(tables) else []
    parts.append("\n".join([*marks, *(f"{note.label}: {note.text}" for note in notes)]))
    return "\n\n".join(parts) + "\n"


def _plain_entry(entry: Text) -> str:
    # The mark takes its place in every row of numbers, so that intervals stay below each other.
    marked = entry.text + (_PLAIN_MARKS[entry.mark] or " ") if entry.aside else entry.text
    return f"{marked} {entry.aside}" if entry.aside else marked


def markdown_table(table: Table) -> str:
    """Write one table as Markdown, without its title."""

    def entry_text(entry: Text) -> str:
        wrapped = {"best": "**{}**", "second": "<u>{}</u>", "": "{}"}[entry.mark].format(_md(entry.text))
        return f"{wrapped} {entry.aside}" if entry.aside else wrapped

    lines = [[_md(column.header) for column in table.columns]]
    lines += [["---" if column.is_words else "---:" for column in table.columns]]
    lines += [[entry_text(entry) for entry in row] for row in table.rows()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _markdown(tables: list[Table], notes: tuple[Note, ...]) -> str:
    parts = [f"### {_md(table.title)}\n\n{markdown_table(table)}" for table in tables]
    if has_marks(tables):
        parts.append("Best of a column **bold**, second best <u>underlined</u>, as printed.")
    parts.append("\n".join(f"- **{_md(note.label)}:** {_md(note.text)}" for note in notes))
    return "\n\n".join(parts) + "\n"


def _md(text: str) -> str:
    text = re.sub(r"([|*`])", r"\\\1", text).replace("<", "&lt;")
    # Underscores inside words are harmless, and names stay readable in the source.
    return re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", text)
