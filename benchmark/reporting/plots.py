"""Figures of a comparison: precision-recall curves, and one metric with its intervals."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from benchmark.errors import BenchmarkError
from benchmark.reporting.comparison import Comparison
from benchmark.reporting.rows import Row
from datasets.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 200
GREY = "0.45"
# Okabe and Ito (2008) without yellow, which is hard to see on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C564B")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)))
_MARKERS = "os^DvPX*<>p"
_RECALLS = np.linspace(0, 1, 11)
_LABEL_CHARACTERS = 30
_N_TOLD_APART = 12
"""With more curves than this the best and those that others are held against stand out, the rest is grey."""
_N_BEST = 7
_HELD_AGAINST = "frozen"
# Text stays text, and equal figures are equal files.
_SVG: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "zs-sbir"}


def pr_curves(comparison: Comparison) -> Figure:
    """Draw 11-point interpolated precision-recall curves, mean over splits, best row first in the legend.

    Of many rows the best ones, the reference and `frozen` are told apart; the others are grey. Rows without a
    curve in every split are named below the figure. Raises BenchmarkError when none has one.
    """
    rows = [row for row in comparison.rows if row.pr_curve is not None]
    if not rows:
        raise BenchmarkError(
            "no row has a precision-recall curve in every split: run the missing splits first."
        )
    told, others = _told_apart(rows, comparison.reference)
    n_lines = sum(_label(row).count("\n") + 1 for row in told)
    figure, axes = _canvas(comparison, width=7.6, height=max(4.6, 1.2 + 0.2 * n_lines))
    # By name, not by rank: a row looks the same in the figures of other directions and settings.
    names = sorted(row.name for row in (told if others else comparison.rows))
    styles = {name: _line_style(i) for i, name in enumerate(names)}
    for row in told:
        axes.plot(_RECALLS, row.pr_curve or (), label=_with_value(row, comparison), **styles[row.name])
    for position, row in enumerate(others):
        label = _of_others(others, comparison) if position == 0 else None
        axes.plot(_RECALLS, row.pr_curve or (), color="0.8", linewidth=1.0, zorder=1.5, label=label)
    top = max(max(row.pr_curve or ()) for row in rows)
    if comparison.chance_pr_curve is not None:
        # Not the chance of the metric: interpolation lifts the curve of a random order above this line.
        axes.plot(
            _RECALLS,
            comparison.chance_pr_curve,
            color=GREY,
            linestyle="--",
            linewidth=1.2,
            label="all photos tied (R/N)",
        )
        top = max(top, *comparison.chance_pr_curve)
    axes.set(xlabel="Recall", ylabel="Precision (interpolated)", xlim=(-0.01, 1.01), ylim=(0, _above(top)))
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.legend(
        title=comparison.main_metric,
        alignment="left",
        loc="upper left",
        bbox_to_anchor=(1.01, 1.02),
        frameon=False,
        handlelength=3.2,
        fontsize=8.5,
    )
    _name_missing(figure, comparison, rows)
    return figure


def bars(comparison: Comparison, metric: str = "map@all") -> Figure:
    """Draw one metric of every row with its 95 % interval, best first, chance as a line.

    Raises BenchmarkError when no row has the metric in every split.
    """
    rows = sorted(
        (row for row in comparison.rows if metric in row.mean), key=lambda row: -row.mean[metric].value
    )
    if not rows:
        raise BenchmarkError(
            f"no row has {metric} in every split. The runs hold: {', '.join(comparison.metric_ids)}."
        )
    figure, axes = _canvas(comparison, width=7.0, height=1.9 + 0.36 * len(rows))
    cells = [row.mean[metric] for row in rows]
    heights = np.arange(len(rows))[::-1]
    for row, cell, height in zip(rows, cells, heights, strict=True):
        is_reference = row.name == comparison.reference
        colour = PALETTE[1] if is_reference else PALETTE[0]
        axes.barh(height, cell.value, height=0.56, color=colour, alpha=0.22, linewidth=0)
        axes.plot(
            [cell.ci_low, cell.ci_high], [height, height], color=colour, linewidth=2.2, solid_capstyle="butt"
        )
        axes.plot(cell.value, height, color=colour, marker="D" if is_reference else "o", markersize=6.5)
        axes.annotate(
            f"{cell.value:.3f}",
            (1.02, height),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
        )
        if is_reference:
            axes.axvline(cell.value, color=colour, linewidth=0.9, linestyle=":", zorder=1)
    if metric in comparison.chance:
        chance = comparison.chance[metric]
        axes.axvline(chance, color=GREY, linewidth=1.2, linestyle="--", zorder=1)
        axes.annotate(
            f"chance {chance:.3f}",
            (chance, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(3, -3),
            textcoords="offset points",
            va="top",
            color="0.3",
            fontsize=8.5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    axes.set_yticks(
        heights,
        [_label(row) + ("\n(reference)" if row.name == comparison.reference else "") for row in rows],
    )
    axes.set(xlabel=f"{metric}, 95 % interval", xlim=(0, _above(max(cell.ci_high for cell in cells))))
    axes.set_ylim(-0.6, len(rows) - 0.1)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    _name_missing(figure, comparison, rows)
    return figure


def save_figure(figure: Figure, stem: Path) -> tuple[Path, Path]:
    """Write `<stem>.png` and `<stem>.svg`, each as a whole or not at all, and return their paths."""
    targets = (stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.svg"))
    for target, metadata in zip(targets, ({}, {"Date": None}), strict=True):
        content = io.BytesIO()
        with matplotlib.rc_context(_SVG):
            figure.savefig(content, format=target.suffix[1:], dpi=DPI, bbox_inches="tight", metadata=metadata)
        write_whole(target, content.getvalue())
    return targets


def _canvas(comparison: Comparison, *, width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    splits = comparison.splits
    where = f"mean of {', '.join(splits)}" if len(splits) > 1 else splits[0]
    title = f"{comparison.heading}: {where}"
    axes.set_title("\n".join(textwrap.wrap(title, 80)), loc="left", fontsize=10)
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _told_apart(rows: Sequence[Row], reference: str) -> tuple[list[Row], list[Row]]:
    """Divide rows, best first, into those with a line of their own and the others: none of few."""
    if len(rows) <= _N_TOLD_APART:
        return list(rows), []
    kept = [row for i, row in enumerate(rows) if i < _N_BEST or row.name in (reference, _HELD_AGAINST)]
    return kept, [row for row in rows if row not in kept]


def _of_others(others: Sequence[Row], comparison: Comparison) -> str:
    cells = [row.mean.get(comparison.main_metric) for row in others]
    values = [cell.value for cell in cells if cell is not None]
    between = f"  {min(values):.3f} to {max(values):.3f}" if values else ""
    return f"{len(others)} others{between}"


def _line_style(position: int) -> dict[str, Any]:
    """Colour, dashes and marker: rows stay apart in grey too."""
    n_rounds, colour = divmod(position, len(PALETTE))
    return {
        "color": PALETTE[colour],
        "linestyle": _DASHES[(colour + n_rounds) % len(_DASHES)],  # other dashes each time a colour returns
        "marker": _MARKERS[position % len(_MARKERS)],
        "markersize": 4.5,
        "linewidth": 1.6,
    }


def _label(row: Row) -> str:
    title = str(row.card.get("title", row.method))
    name = row.marked(f"{title} ({row.variant})" if row.variant else title)
    return "\n".join(textwrap.wrap(name, _LABEL_CHARACTERS))


def _with_value(row: Row, comparison: Comparison) -> str:
    cell = row.mean.get(comparison.main_metric)
    return f"{_label(row)}  {_number(cell.value if cell else None)}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _above(top: float) -> float:
    """Return the next tenth with some air, at most 1 and a little."""
    return min(1.01, float(np.ceil((top + 0.02) * 10) / 10))


def _name_missing(figure: Figure, comparison: Comparison, shown: Sequence[Row]) -> None:
    missing = [row.name for row in comparison.rows if row not in shown]
    if missing:
        text = f"Not shown, no value in every split: {', '.join(missing)}"
        figure.supxlabel("\n".join(textwrap.wrap(text, 100)), fontsize=8, color="0.35", x=0.01, ha="left")
