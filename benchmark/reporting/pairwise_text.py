"""Pairwise comparisons to be read: on a terminal, as plain text, as Markdown."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from benchmark.errors import BenchmarkError
from benchmark.reporting.class_effects import ClassEffect
from benchmark.reporting.conclusions import conclusion, notes, p_text, signed
from benchmark.reporting.fold_values import Interval
from benchmark.reporting.pairwise import Pair, Pairwise
from benchmark.reporting.pairwise_data import csv_text, json_text
from benchmark.reporting.table_layout import DASH, DIGITS

_N_SHOWN = 6
_N_WORTH_HIDING = 5
_N_NAMED = 3
_BAR = 8
_GAP = 2
_ENDLESS = 100_000


@dataclass(frozen=True)
class _Sheet:
    """A table of texts. n_words: leading columns of words. bars: (rows,) in -1..1, drawn beside the rows."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_words: int
    bars: tuple[float, ...] = ()


def render_pairwise(found: Pairwise, fmt: str) -> str:
    """Write comparisons as `plain`, `markdown`, `csv` or `json`. Raises BenchmarkError for another format."""
    writers: dict[str, Callable[[Pairwise], str]] = {
        "plain": _plain,
        "markdown": _markdown,
        "csv": csv_text,
        "json": json_text,
    }
    if fmt not in writers:
        raise BenchmarkError(f"no format '{fmt}' of a comparison. Known: {', '.join(writers)}.")
    return writers[fmt](found)


def rich_pairwise(found: Pairwise, *, width: int) -> RenderableType:
    """Lay comparisons out for a console `width` characters wide: tables, conclusions, footnotes."""
    parts: list[RenderableType] = []
    summary, classes = _sheets(found)
    for sheet in (_fitting(summary, width), classes):
        parts += [Text(sheet.title, style="bold"), _rich(sheet), ""]
    for pair in found.pairs:
        parts += [Text(conclusion(found, pair)), ""]
    below = RichTable.grid(padding=(0, 2))
    below.add_column(style="dim", no_wrap=True)
    below.add_column(style="dim", overflow="fold")
    for note in notes(found):
        below.add_row(Text(note.label), Text(note.text))
    return Group(*parts, below)


def _plain(found: Pairwise) -> str:
    """The terminal's layout without colours, never wrapped or cut."""
    out = io.StringIO()
    Console(file=out, width=_ENDLESS, color_system=None, force_terminal=False).print(
        rich_pairwise(found, width=_ENDLESS)
    )
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _markdown(found: Pairwise) -> str:
    parts = []
    for sheet in _sheets(found):
        rule = tuple("---" if i < sheet.n_words else "---:" for i in range(len(sheet.header)))
        lines = [sheet.header, rule, *sheet.rows]
        cells = "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)
        parts.append(f"### {_escaped(sheet.title)}\n\n{cells}")
    parts.append("\n".join(f"- {_escaped(conclusion(found, pair))}" for pair in found.pairs))
    parts.append("\n".join(f"- **{note.label}:** {_escaped(note.text)}" for note in notes(found)))
    return "\n\n".join(parts) + "\n"


def _escaped(text: str) -> str:
    return re.sub(r"([|*`<])", r"\\\1", text)


def _fitting(sheet: _Sheet, width: int) -> _Sheet:
    """The sheet as it is; if too wide, without the intervals of rows; if still, each below its number."""
    if _width(sheet) > width:
        sheet = replace(
            sheet, rows=tuple((name, own.split(" [")[0], *rest) for name, own, *rest in sheet.rows)
        )
    if _width(sheet) > width:
        rows = (tuple(entry.replace(" [", "\n[") for entry in row) for row in sheet.rows)
        sheet = replace(sheet, rows=tuple(rows))
    return sheet


def _width(sheet: _Sheet) -> int:
    columns = zip(sheet.header, *sheet.rows, strict=True)
    return sum(max(map(len, column)) + _GAP for column in columns) - _GAP


def _rich(sheet: _Sheet) -> RichTable:
    result = RichTable(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for position, header in enumerate(sheet.header):
        result.add_column(
            Text(header), justify="left" if position < sheet.n_words else "right", overflow="fold"
        )
    if sheet.bars:
        result.add_column("", no_wrap=True)
    for position, row in enumerate(sheet.rows):
        drawn = [_bar(sheet.bars[position])] if sheet.bars else []
        result.add_row(*map(Text, row), *drawn)
    return result


def _bar(share: float) -> Text:
    """A bar to the right of the middle for a gain, to the left for a loss."""
    length = "█" * round(abs(share) * _BAR)
    left, right = (length, "") if share < 0 else ("", length)
    return Text.assemble((left.rjust(_BAR), "red"), "│", (right.ljust(_BAR), "green"))


def _sheets(found: Pairwise) -> tuple[_Sheet, _Sheet]:
    return _summary(found), _classes(found, found.pairs[0]) if len(found.pairs) == 1 else _extremes(found)


def _summary(found: Pairwise) -> _Sheet:
    comparison, has_many = found.comparison, len(found.pairs) > 1
    splits = comparison.splits
    where = f"mean of {len(splits)} splits" if len(splits) > 1 else splits[0]
    n_classes = " or ".join(map(str, sorted({pair.n_classes for pair in found.pairs})))
    least = p_text(min(pair.smallest_p_holm for pair in found.pairs))
    counts = (
        f"{n_classes} classes (+ better, - worse), least attainable {'p (Holm)' if has_many else 'p'} {least}"
    )
    header = (
        "method",
        found.metric,
        f"Δ {found.reference.name}",
        "Δ by class",
        *(("p", "p (Holm)") if has_many else ("p",)),
        "classes",
    )
    rows = [_summary_row(pair, has_many=has_many) for pair in found.pairs]
    own = (found.reference.marked(found.reference.name), _interval(found.reference_cell, ""))
    rows.append(own + (DASH,) * (len(header) - len(own)))
    title = f"{comparison.heading}: {where}, {counts}"
    return _Sheet(title, header, tuple(rows), n_words=1)


def _summary_row(pair: Pair, *, has_many: bool) -> tuple[str, ...]:
    ps = (pair.test.p, pair.p_holm) if has_many else (pair.test.p,)
    return (
        pair.row.marked(pair.row.name),
        _interval(pair.cell, ""),
        _interval(pair.difference, "+"),
        signed(pair.test.statistic),
        *map(p_text, ps),
        f"+{pair.n_better} -{pair.n_worse}",
    )


def _classes(found: Pairwise, pair: Pair) -> _Sheet:
    """The classes of one comparison that gain and lose most; all of them where they are few."""
    effects = pair.effects
    if len(effects) >= 2 * _N_SHOWN + _N_WORTH_HIDING:
        effects = (*effects[:_N_SHOWN], *effects[-_N_SHOWN:])
    left = len(pair.effects) - len(effects)
    others = f"; {left} classes between them in --format csv and json" if left else ""
    largest = max(abs(effect.difference) for effect in effects) or 1.0
    rows = [
        (
            effect.class_name,
            effect.split,
            str(effect.n_queries),
            f"{effect.value:.{DIGITS}f}",
            f"{effect.reference_value:.{DIGITS}f}",
            signed(effect.difference),
        )
        for effect in effects
    ]
    return _Sheet(
        f"{found.metric} by class, from the largest gain to the largest loss{others}",
        ("class", "split", "queries", pair.row.name, found.reference.name, "Δ"),
        tuple(rows),
        n_words=2,
        bars=tuple(effect.difference / largest for effect in effects),
    )


def _extremes(found: Pairwise) -> _Sheet:
    rows = [
        (
            pair.row.name,
            _named([effect for effect in pair.effects[:_N_NAMED] if effect.difference > 0]),
            _named([effect for effect in pair.effects[: -_N_NAMED - 1 : -1] if effect.difference < 0]),
        )
        for pair in found.pairs
    ]
    title = f"Classes that differ most from {found.reference.name}; all of them in --format csv and json"
    return _Sheet(title, ("method", "largest gains", "largest losses"), tuple(rows), n_words=3)


def _named(effects: Sequence[ClassEffect]) -> str:
    return ", ".join(f"{effect.class_name} {signed(effect.difference)}" for effect in effects) or DASH


def _interval(cell: Interval, sign: str) -> str:
    value, low, high = (f"{v:{sign}.{DIGITS}f}" for v in (cell.value, cell.ci_low, cell.ci_high))
    return f"{value} [{low}, {high}]"
