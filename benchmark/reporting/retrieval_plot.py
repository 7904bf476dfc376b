"""Query sketches beside the photos that a method ranked first, right and wrong ones framed."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from benchmark.records import StoredRun
from benchmark.reporting.comparison import Comparison
from benchmark.reporting.joining import newest
from benchmark.reporting.plots import PALETTE
from datasets.base import DatasetIndex, Items
from datasets.preprocessing import DEFAULT
from datasets.settings import PLURALS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PIXELS = 160
_RIGHT, _WRONG = PALETTE[0], PALETTE[1]
_AP = "map@all"
_NAME_CHARACTERS = 18
_PER_LINE = 10


def best_run(runs: Sequence[StoredRun], comparison: Comparison) -> StoredRun:
    """Return the run to draw: of the best row that has one, on its first split, the newest of its kind."""
    chosen, _ = newest([run for run in runs if run.record.status == "complete"])
    row = next(row for row in comparison.rows if row.name in chosen)
    split = next(split for split in comparison.splits if split in chosen[row.name])
    return chosen[row.name][split][0]


def retrieval(
    run: StoredRun,
    index: DatasetIndex,
    *,
    queries: Sequence[int] | None = None,
    n_queries: int = 8,
    top: int = 10,
    seed: int = 0,
) -> Figure:
    """Draw query sketches with their first `top` photos, one query a line.

    queries: positions in the run's query order. Left out, one random query of every class is drawn with
    `seed`, and n_queries of them are shown, evenly spaced from the best average precision to the worst.

    Raises BenchmarkError for a run without rankings, for positions out of range, for a data set without
    pictures, and for pictures that it does not hold or that cannot be read.
    """
    drawing = _Drawing(run, index)
    if queries is None:
        labels = drawing.per_query.labels
        shown = _spread(drawing.ap, labels, n_queries, seed)
        choice = f"{len(shown)} of {len(np.unique(labels))} classes from best to worst AP, "
        choice += f"one random {drawing.query_noun} of each (seed {seed})"
    else:
        shown = [_checked(query, len(drawing.ap), run) for query in queries]
        choice = "chosen queries " + ", ".join(map(str, shown))
    top = min(top, drawing.rankings.top.shape[1])
    figure = _figure(width=top + 1.5, height=1.24 * len(shown) + 0.75)
    grid = figure.subplots(len(shown), top + 1, squeeze=False, width_ratios=[1.15, *[1.0] * top])
    for axes, query in zip(grid, shown, strict=True):
        drawing.query(axes[0], query)
        for rank, axis in enumerate(axes[1:]):
            drawing.found(axis, query, rank)
    for rank, axis in enumerate(grid[0]):
        axis.set_title(str(rank) if rank else drawing.query_noun, fontsize=9)
    drawing.entitle(figure, f"First {top} {drawing.gallery_noun}; {choice}")
    return figure


def one_query(run: StoredRun, index: DatasetIndex, query: int, *, top: int = 20) -> Figure:
    """Draw one query sketch, large, with its first `top` photos in lines of ten.

    query: position in the run's query order. Raises BenchmarkError as `retrieval` does.
    """
    drawing = _Drawing(run, index)
    query = _checked(query, len(drawing.ap), run)
    top = min(top, drawing.rankings.top.shape[1])
    n_lines, n_columns = -(-top // _PER_LINE), min(top, _PER_LINE)
    figure = _figure(width=1.1 * n_columns + 1.3 * n_lines, height=1.4 * n_lines + 0.5)
    grid = figure.add_gridspec(n_lines, n_columns + 1, width_ratios=[1.2 * n_lines, *[1.0] * n_columns])
    drawing.query(figure.add_subplot(grid[:, 0]), query, pixels=n_lines * _PIXELS)
    for rank in range(top):
        line, column = divmod(rank, _PER_LINE)
        axis = figure.add_subplot(grid[line, column + 1])
        drawing.found(axis, query, rank)
        axis.set_title(str(rank + 1), fontsize=9)
    drawing.entitle(
        figure, f"First {top} {drawing.gallery_noun} of query {query}, {drawing.per_query.names[query]}"
    )
    return figure


class _Drawing:
    """The pictures of one run, found by their names in the data set as it lies here."""

    def __init__(self, run: StoredRun, index: DatasetIndex) -> None:
        if not index.has_pictures:
            raise BenchmarkError(
                f"data set '{run.record.protocol.dataset}' holds features alone, no pictures to draw. "
                f"`show {run.record.run_id} --query N` names what a query found."
            )
        self.per_query, self.rankings = run.per_query(), run.rankings()
        self.ap = self.per_query.values[self.per_query.metric_ids.tolist().index(_AP)]
        self._run, self._class_names = run, index.class_names
        self._unseen = {index.class_names[label] for label in np.unique(self.per_query.labels)}
        self._modalities = run.record.protocol.modalities
        self._queries, self._gallery = (index.items(modality) for modality in self._modalities)
        self._query_rows, self._gallery_rows = _rows_by_name(self._queries), _rows_by_name(self._gallery)

    @property
    def query_noun(self) -> str:
        """What a query is."""
        return self._modalities[0]

    @property
    def gallery_noun(self) -> str:
        """What is found, in the plural."""
        return PLURALS[self._modalities[1]]

    def query(self, axis: Axes, query: int, *, pixels: int = _PIXELS) -> None:
        """Draw a query with its class and its average precision."""
        row = _row(self._query_rows, str(self.per_query.names[query]), self._modalities[0], self._run)
        _picture(axis, self._queries, row, pixels)
        name = _short(self._class_names[self._queries.labels[row]])
        axis.set_xlabel(f"{name}\nAP {self.ap[query]:.2f}", fontsize=8, fontweight="bold")

    def found(self, axis: Axes, query: int, rank: int) -> None:
        """Draw the item at a rank, counted from 0, with its class in the frame of a right or a wrong one."""
        position = self.rankings.top[query, rank]
        if position < 0:  # exclusions leave this query fewer photos
            axis.set_axis_off()
            return
        row = _row(self._gallery_rows, str(self.rankings.names[position]), self._modalities[1], self._run)
        _picture(axis, self._gallery, row, _PIXELS)
        label, relevance = int(self.per_query.labels[query]), self._run.record.protocol.relevance
        _frame(axis, is_right=self.rankings.is_relevant(query, int(position), label, relevance))
        name = self._class_names[self._gallery.labels[row]]
        seen = "" if name in self._unseen else "\n(seen class)"
        axis.set_xlabel(f"{_short(name)}{seen}", fontsize=7.5)

    def entitle(self, figure: Figure, shown: str) -> None:
        """Say above a figure what is shown and how to read it."""
        record = self._run.record
        method = record.card.get("title", record.method)
        kind = "class" if record.protocol.relevance == "category" else "instance"
        variant = f" ({record.variant})" if record.variant else ""
        protocol = record.protocol
        where = [protocol.dataset, f"protocol {protocol.protocol}", protocol.split, *protocol.special_terms]
        title = (
            f"{method}{variant}, seed {record.seed}: {', '.join(where)}. {shown}. "
            f"✓\N{NO-BREAK SPACE}solid: same {kind}, ✗\N{NO-BREAK SPACE}dashed: another."
        )
        lines = textwrap.wrap(title, int(12.5 * figure.get_figwidth()))
        figure.suptitle("\n".join(lines), fontsize=10, x=0.01, ha="left")


def _figure(*, width: float, height: float) -> Figure:
    layout = ConstrainedLayoutEngine(w_pad=0.04, h_pad=0.03, wspace=0.02, hspace=0.02)
    return Figure(figsize=(width, height), layout=layout)


def _spread(ap: NDArray[np.float32], labels: NDArray[np.int64], n: int, seed: int) -> list[int]:
    rng = np.random.default_rng(seed)
    with_value = np.isfinite(ap)
    of_class = [np.flatnonzero((labels == label) & with_value) for label in np.unique(labels)]
    drawn = np.array([rng.choice(candidates) for candidates in of_class if candidates.size])
    ranked = drawn[np.argsort(-ap[drawn], kind="stable")]
    chosen = np.unique(np.linspace(0, len(ranked) - 1, min(n, len(ranked))).round().astype(int))
    return [int(query) for query in ranked[chosen]]


def _checked(query: int, n_queries: int, run: StoredRun) -> int:
    if not 0 <= query < n_queries:
        raise BenchmarkError(f"run {run.record.run_id} has queries 0 to {n_queries - 1}, not {query}.")
    return query


def _rows_by_name(items: Items) -> dict[str, int]:
    return {name: row for row, name in enumerate(items.names)}


def _row(rows: dict[str, int], name: str, kind: str, run: StoredRun) -> int:
    if name not in rows:
        raise BenchmarkError(
            f"the {kind} '{name}' of run {run.record.run_id} is not in data set "
            f"'{run.record.protocol.dataset}' as it lies here. Name the data of that run with --data-root."
        )
    return rows[name]


def _picture(axis: Axes, items: Items, row: int, pixels: int) -> None:
    axis.imshow(DEFAULT.picture(items.files[row], pixels, "photo"), interpolation="antialiased")
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set(color="0.7", linewidth=0.8)


def _frame(axis: Axes, *, is_right: bool) -> None:
    colour = _RIGHT if is_right else _WRONG
    for spine in axis.spines.values():
        spine.set(color=colour, linewidth=2.4, linestyle="-" if is_right else (0, (2.5, 1.2)))
    axis.text(
        0.96,
        0.95,
        "✓" if is_right else "✗",
        transform=axis.transAxes,
        ha="right",
        va="top",
        fontsize=9,
        color="white",
        fontweight="bold",
        bbox={"boxstyle": "round,pad=0.15", "facecolor": colour, "edgecolor": "none"},
    )


def _short(name: str) -> str:
    spoken = name.replace("_", " ")
    return spoken if len(spoken) <= _NAME_CHARACTERS else f"{spoken[: _NAME_CHARACTERS - 1]}…"
