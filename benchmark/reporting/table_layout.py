"""A comparison as tables of short texts, the same for every format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from benchmark.reporting.comparison import Comparison
from benchmark.reporting.fold_values import Cell, Interval
from benchmark.reporting.rows import Row

DASH = "–"
HEADLINE = ("map@all", "p@10", "hit@1", "mrr", "acc@1")
DIGITS = 3
SECONDARY = 10

Mark = Literal["", "best", "second"]


@dataclass(frozen=True)
class Text:
    """One entry: the text, its interval or other addition after it, and its rank in the column."""

    text: str
    aside: str = ""
    mark: Mark = ""


@dataclass(frozen=True)
class Column:
    """One column.

    importance: 0 must be shown; of the others the larger leaves first when space is short. is_words: text,
    not numbers. can_wrap: entries may take several lines, in a column narrower than wraps_below. leaves_with:
    columns that share one leave together.
    """

    header: str
    entries: tuple[Text, ...]
    importance: int = 0
    is_words: bool = False
    can_wrap: bool = False
    wraps_below: int = 18
    leaves_with: str = ""


@dataclass(frozen=True)
class Table:
    """Columns of equal length. n_set_apart: rows at the end that are no competitors."""

    title: str
    columns: tuple[Column, ...]
    n_set_apart: int = 0
    metric_ids: tuple[str, ...] = ()

    def rows(self) -> list[tuple[Text, ...]]:
        """The entries row by row."""
        return list(zip(*(column.entries for column in self.columns), strict=True))


def headline_metrics(comparison: Comparison) -> tuple[str, ...]:
    """The few metrics that a reader needs first: all when few were asked for."""
    main, *others = comparison.metric_ids
    if len(others) < len(HEADLINE):
        return comparison.metric_ids
    return (main, *(metric for metric in others if metric in HEADLINE))


def score_table(comparison: Comparison, metric_ids: Sequence[str]) -> Table:
    """Means over the splits: the first metric with its difference and its spread, then the others."""
    rows, main = comparison.rows, metric_ids[0]
    means = [row.mean for row in rows]
    spreads = [mean[main].seed_std if main in mean else None for mean in means]
    columns = [
        _names(rows),
        _metric_column(main, means, comparison.chance, importance=0),
        Column(
            f"Δ {comparison.reference}",
            (*(_difference(mean.get(main)) for mean in means), Text(DASH)),
            importance=1,
        ),
        Column(
            "± seeds",
            (*(Text(DASH if std is None else f"{std:.{DIGITS}f}") for std in spreads), Text(DASH)),
            importance=5 if any(std is not None for std in spreads) else 90,
        ),
    ]
    for position, metric in enumerate(metric_ids[1:]):
        columns.append(
            _metric_column(
                metric, means, comparison.chance, importance=4 if position == 0 else SECONDARY + position
            )
        )
    columns.append(Column("fit", (*(Text(seconds(row.fit_s)) for row in rows), Text(DASH)), importance=2))
    return Table(
        _title_of(comparison),
        tuple(columns),
        n_set_apart=1,
        metric_ids=tuple(metric_ids),
    )


def generalised_table(comparison: Comparison, metric_ids: Sequence[str]) -> Table:
    """Unseen queries, seen queries and their harmonic mean, metric by metric; chance has no row here."""

    def parts(row: Row, metric: str) -> tuple[float | None, ...]:
        unseen = row.mean[metric].value if metric in row.mean else None
        return unseen, row.seen.get(metric), row.harmonic(metric)

    title = "Generalised: queries of unseen and of seen classes"
    return _divided(title, comparison, metric_ids, ("unseen", "seen", "harmonic"), parts)


def exposure_table(comparison: Comparison, metric_ids: Sequence[str]) -> Table:
    """Queries of unseen classes that the backbone's training may have shown, and those of the others."""

    def parts(row: Row, metric: str) -> tuple[float | None, ...]:
        return row.by_exposure.get(metric, (None, None))

    title = "Unseen classes that ImageNet exposes, and the others"
    return _divided(title, comparison, metric_ids, ("exposed", "others"), parts)


def _divided(
    title: str,
    comparison: Comparison,
    metric_ids: Sequence[str],
    headers: Sequence[str],
    parts: Callable[[Row, str], tuple[float | None, ...]],
) -> Table:
    """Every metric in several columns, which leave together."""
    columns = [Column("method", tuple(Text(row.marked(row.name)) for row in comparison.rows), is_words=True)]
    for position, metric in enumerate(metric_ids):
        of_rows = [parts(row, metric) for row in comparison.rows]
        for number, header in enumerate(headers):
            values = [own[number] for own in of_rows]
            entries = tuple(
                Text(DASH if value is None else f"{value:.{DIGITS}f}", "", mark)
                for value, mark in zip(values, marks(values), strict=True)
            )
            named = header if number else f"{metric} {header}"
            columns.append(Column(named, entries, importance=position, leaves_with=metric))
    return Table(title, tuple(columns))


def _title_of(comparison: Comparison) -> str:
    splits = comparison.splits
    where = f"mean of {len(splits)} splits" if len(splits) > 1 else splits[0]
    return f"{comparison.heading}: {where}"


def fold_table(comparison: Comparison, metric: str) -> Table:
    """One metric in every split, and its mean."""
    columns = [_names(comparison.rows)]
    for fold in comparison.folds:
        cells = [row.folds.get(fold.split, {}) for row in comparison.rows]
        columns.append(_metric_column(metric, cells, fold.chance, header=fold.split, importance=1))
    means = [row.mean for row in comparison.rows]
    columns.append(_metric_column(metric, means, comparison.chance, header="mean", importance=0))
    return Table(f"{metric} by split", tuple(columns), n_set_apart=1, metric_ids=(metric,))


def facts_table(comparison: Comparison) -> Table:
    """What a reader must know of every row beside its numbers."""
    rows = comparison.rows
    side_information = [", ".join(row.card.get("side_information", ())) or "none" for row in rows]
    configurations = [", ".join(row.configurations) or DASH for row in rows]

    return Table(
        "Methods",
        (
            _texts("method", [row.name for row in rows], 0, is_words=True),
            _texts("title", [_title(row) for row in rows], 2, is_words=True, can_wrap=True),
            _texts("fidelity", [str(row.card.get("fidelity", "unknown")) for row in rows], 0, is_words=True),
            _texts("width", [_number(row.embedding_width) for row in rows], 0),
            _texts("bytes/photo", [_number(row.bytes_per_photo) for row in rows], 3),
            _texts("side information", side_information, 1, is_words=True, can_wrap=True),
            _texts("configuration", configurations, 4, is_words=True, can_wrap=True),
            _texts("seeds", [_seed_counts(row) for row in rows], 5),
        ),
    )


def cost_table(comparison: Comparison) -> Table:
    """What a method takes beside what it gives: time, parameters, bytes, memory."""
    rows, main = comparison.rows, comparison.main_metric
    columns = [
        _metric_column(main, [row.mean for row in rows], comparison.chance, importance=1),
        *(
            Column(header, (*map(Text, texts), Text(DASH)), importance)
            for header, importance, texts in (
                ("fit", 0, [seconds(row.fit_s) for row in rows]),
                ("parameters", 0, [_number(row.n_parameters) for row in rows]),
                ("bytes/photo", 0, [_number(row.bytes_per_photo) for row in rows]),
                ("peak memory", 0, [_mib(row.peak_mib) for row in rows]),
                ("of the GPU", 2, [_mib(row.peak_device_mib) for row in rows]),
                ("device", 3, [", ".join(sorted(set(row.device.values()))) or DASH for row in rows]),
            )
            if set(texts) != {DASH} or importance == 0
        ),
    ]
    return Table(
        f"Cost. {_title_of(comparison)}", (_names(rows), *columns), n_set_apart=1, metric_ids=(main,)
    )


def seconds(value: float | None) -> str:
    """A duration in the unit that reads best.

    >>> seconds(0.042), seconds(12.3), seconds(200.0), seconds(9000.0)
    ('0.04 s', '12 s', '3.3 min', '2.5 h')
    """
    if value is None:
        return DASH
    if value < 99.5:
        return f"{value:.2f} s" if value < 1 else f"{value:.1f} s" if value < 9.95 else f"{value:.0f} s"
    return f"{value / 60:.1f} min" if value < 5970 else f"{value / 3600:.1f} h"


def marks(values: Sequence[float | None]) -> list[Mark]:
    """Best and second best of a column, as printed: equal texts share a mark, two bests leave no second.

    Where all are equal, none is best.

    >>> marks([0.5, 0.4001, 0.3999, None])
    ['best', 'second', 'second', '']
    """
    printed = [None if value is None else round(value, DIGITS) for value in values]
    ranked = sorted((value for value in printed if value is not None), reverse=True)
    if len(set(ranked)) < 2:
        return [""] * len(values)
    best, second = ranked[0], ranked[1]
    return ["" if v is None else "best" if v == best else "second" if v == second else "" for v in printed]


def has_marks(tables: Sequence[Table]) -> bool:
    """Whether any entry is marked as best."""
    return any(entry.mark for table in tables for column in table.columns for entry in column.entries)


def without_intervals(table: Table, *, importance: int) -> Table:
    """The same table, with bare numbers in the columns of this importance number and above."""
    columns = [
        replace(column, entries=tuple(map(_bare, column.entries)))
        if column.importance >= importance
        else column
        for column in table.columns
    ]
    return replace(table, columns=tuple(columns))


def _bare(entry: Text) -> Text:
    return replace(entry, aside="")


def _texts(
    header: str,
    texts: Sequence[str],
    importance: int = 0,
    *,
    is_words: bool = False,
    can_wrap: bool = False,
) -> Column:
    return Column(header, tuple(map(Text, texts)), importance, is_words, can_wrap)


def _names(rows: Sequence[Row]) -> Column:
    return Column("method", (*(Text(row.marked(row.name)) for row in rows), Text("chance")), is_words=True)


def _metric_column(
    metric: str,
    cells_of: Sequence[Mapping[str, Cell]],
    chance: Mapping[str, float],
    *,
    importance: int,
    header: str | None = None,
) -> Column:
    cells = [cells.get(metric) for cells in cells_of]
    marked = marks([None if cell is None else cell.value for cell in cells])
    entries = [
        Text(DASH) if cell is None else Text(f"{cell.value:.{DIGITS}f}", _interval(cell), mark)
        for cell, mark in zip(cells, marked, strict=True)
    ]
    random = Text(f"{chance[metric]:.{DIGITS}f}") if metric in chance else Text(DASH)
    return Column(header or metric, (*entries, random), importance)


def _interval(cell: Interval) -> str:
    return f"[{cell.ci_low:.{DIGITS}f}, {cell.ci_high:.{DIGITS}f}]"


def _difference(cell: Cell | None) -> Text:
    if cell is None or cell.difference is None:
        return Text(DASH)
    found = cell.difference
    return Text(f"{found.value:+.{DIGITS}f}", f"[{found.ci_low:+.{DIGITS}f}, {found.ci_high:+.{DIGITS}f}]")


def _title(row: Row) -> str:
    title = str(row.card.get("title", row.method))
    origin = " ".join(str(row.card[key]) for key in ("venue", "year") if row.card.get(key))
    return f"{title} ({origin})" if origin else title


def _mib(value: float | None) -> str:
    return DASH if value is None else f"{value:,.0f} MiB"


def _number(value: int | None) -> str:
    return DASH if value is None else f"{value:,}"


def _seed_counts(row: Row) -> str:
    counts = sorted({len(seeds) for seeds in row.seeds.values()})
    return " to ".join(str(n) for n in (counts[0], counts[-1])) if len(counts) > 1 else str(counts[0])
