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
from benchmark.reporting.joining import newest, row_name
from benchmark.reporting.plots import PALETTE
from datasets.base import DatasetIndex, Items
from datasets.pictures import load_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PIXELS = 160
_RIGHT, _WRONG = PALETTE[0], PALETTE[1]
_AP = "map@all"
_NAME_CHARACTERS = 18


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
    """Draw query sketches with their first `top` photos.

    queries: positions in the run's query order. Left out, one random query of every class is drawn with
    `seed`, and n_queries of them are shown, evenly spaced from the best average precision to the worst.

    Raises BenchmarkError for a run without rankings, for positions out of range, and for pictures that the
    data set does not hold or that cannot be read.
    """
    status, name = run.record.status, row_name(run.record)
    if status not in ("complete", "partial"):
        raise BenchmarkError(
            f"run {run.record.run_id} of '{name}' is {status} and has no rankings. Choose a complete run."
        )
    try:
        per_query, rankings = run.per_query(), run.rankings()
    except OSError as error:
        raise BenchmarkError(
            f"{run.folder}: per_query.npz or rankings.npz cannot be read ({error.strerror or error}). "
            "Restore the files, or run again with --rerun all."
        ) from error
    ap = per_query.values[per_query.metric_ids.tolist().index(_AP)]
    if queries is None:
        shown = _spread(ap, per_query.labels, n_queries, seed)
        choice = f"{len(shown)} of {len(np.unique(per_query.labels))} classes from best to worst AP, "
        choice += f"one random sketch of each (seed {seed})"
    else:
        shown = [_checked(query, len(ap), run) for query in queries]
        choice = "chosen queries " + ", ".join(map(str, shown))
    top = min(top, rankings.top.shape[1])
    sketch_of, photo_of = _rows_by_name(index.sketches), _rows_by_name(index.photos)

    width = top + 1.5
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.03, wspace=0.02, hspace=0.02)
    figure = Figure(figsize=(width, 1.24 * len(shown) + 0.75), layout=layout)
    grid = figure.subplots(len(shown), top + 1, squeeze=False, width_ratios=[1.15, *[1.0] * top])
    for row, (axes, query) in enumerate(zip(grid, shown, strict=True)):
        sketch = _row(sketch_of, str(per_query.names[query]), "sketch", run)
        label = index.sketches.labels[sketch]
        _picture(axes[0], index.sketches, sketch)
        axes[0].set_xlabel(
            f"{_short(index.class_names[label])}\nAP {ap[query]:.2f}", fontsize=8, fontweight="bold"
        )
        for rank, (axis, position) in enumerate(zip(axes[1:], rankings.top[query], strict=False), start=1):
            photo = _row(photo_of, str(rankings.names[position]), "photo", run)
            found = index.photos.labels[photo]
            _picture(axis, index.photos, photo)
            _frame(axis, is_right=bool(found == label))
            axis.set_xlabel(_short(index.class_names[found]), fontsize=7.5)
            if row == 0:
                axis.set_title(str(rank), fontsize=9)
    grid[0, 0].set_title("sketch", fontsize=9)
    protocol = run.record.protocol
    title = (
        f"{run.record.card.get('title', name)}, seed {run.record.seed}: {protocol.dataset}, "
        f"{protocol.split}. First {top} photos; {choice}. "
        "✓\N{NO-BREAK SPACE}solid: same class, ✗\N{NO-BREAK SPACE}dashed: another."
    )
    figure.suptitle("\n".join(textwrap.wrap(title, int(12.5 * width))), fontsize=10, x=0.01, ha="left")
    return figure


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


def _picture(axis: Axes, items: Items, row: int) -> None:
    axis.imshow(load_picture(items.files[row], _PIXELS), interpolation="antialiased")
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
