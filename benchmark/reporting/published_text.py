"""Published numbers beside a comparison, for a terminal, a plain file, Markdown, LaTeX, CSV or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.console import RenderableType

from benchmark.errors import BenchmarkError
from benchmark.reporting.comparison import Comparison
from benchmark.reporting.footnotes import Note
from benchmark.reporting.published import Beside, beside, headline
from benchmark.reporting.published_data import published_csv, published_json
from benchmark.reporting.published_table import LONG_TEXTS, published_notes, published_table
from benchmark.reporting.table_layout import Table
from benchmark.reporting.tables import laid_out, written


def render_published(
    comparison: Comparison, fmt: str, *, metric_ids: Sequence[str] | None, methods: Sequence[str] | None
) -> str:
    """Write the published numbers beside a comparison as `plain`, `markdown`, `latex`, `csv` or `json`.

    metric_ids: as they were asked for; without, average precision is shown. methods: as they were asked for.
    CSV and JSON hold every number, or all of these methods. Raises BenchmarkError where there is none.
    """
    if fmt not in ("csv", "json"):
        table, notes = _shown(comparison, metric_ids, is_short=fmt == "latex")
        if fmt == "latex":  # a page is narrow too
            table = replace(table, columns=tuple(c for c in table.columns if c.importance < LONG_TEXTS))
        return written([table], notes, fmt)
    found = [one for one in beside(comparison) if methods is None or one.row]
    if not found:
        raise BenchmarkError(_nothing(comparison, beside(comparison)))
    return (published_csv if fmt == "csv" else published_json)(found, comparison)


def rich_published(comparison: Comparison, *, width: int, metric_ids: Sequence[str] | None) -> RenderableType:
    """Lay them out for a terminal `width` characters wide; columns that do not fit are named."""
    table, notes = _shown(comparison, metric_ids, is_short=True)
    return laid_out(table, notes, width)


def _shown(
    comparison: Comparison, metric_ids: Sequence[str] | None, *, is_short: bool
) -> tuple[Table, tuple[Note, ...]]:
    every = beside(comparison)
    found = headline(every, comparison, metric_ids)
    if not found:
        raise BenchmarkError(_nothing(comparison, every))
    n_others = sum(one.row is not None for one in every) - len(found)
    title = f"Published numbers beside {comparison.heading}"
    return published_table(found, title, is_short=is_short), published_notes(
        comparison, found, n_others=n_others, is_short=is_short
    )


def _nothing(comparison: Comparison, every: Sequence[Beside]) -> str:
    methods = ", ".join(sorted({row.method for row in comparison.rows}))
    if n_others := sum(one.row is not None for one in every):
        return (
            f"no published number of {methods} in the metrics, direction and setting of "
            f"{comparison.heading}. --format csv holds {n_others} in others."
        )
    known = ", ".join(sorted({one.number.method for one in every}))
    return f"no published number of {methods}. There are numbers of {known}."
