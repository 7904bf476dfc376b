"""The two figures of the page: differences with intervals, and rankings under several definitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmark.reporting.conclusions import Outcome, outcome
from benchmark.reporting.findings.evidence import PAPER, REFERENCE
from benchmark.reporting.findings.ruler import Ruler
from benchmark.reporting.pairwise import Pair, Pairwise
from benchmark.reporting.plots import GREY, PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {Outcome.HIGHER: PALETTE[2], Outcome.LOWER: PALETTE[1], Outcome.OPEN: PALETTE[0]}
_MEANING = {
    Outcome.HIGHER: "better",
    Outcome.LOWER: "worse",
    Outcome.OPEN: "open: interval or test alone",
    Outcome.NOT_SHOWN: "not told apart",
}


def differences_figure(found: Sequence[Pairwise]) -> Figure:
    """Draw the difference of every method to the reference, a panel for each data set."""
    names = list(dict.fromkeys(pair.row.name for own in found for pair in own.pairs))
    figure = Figure(figsize=(3.0 + 3.6 * len(found), 1.5 + 0.25 * len(names)), layout="constrained")
    panels = figure.subplots(1, len(found), sharex=True, sharey=True, squeeze=False)[0]
    heights = dict(zip(names, range(len(names) - 1, -1, -1), strict=True))
    labels: dict[str, str] = {}
    for axes, own in zip(panels, found, strict=True):
        for pair in own.pairs:
            labels[pair.row.name] = pair.row.marked(pair.row.name)
            _draw(axes, pair, heights[pair.row.name])
        axes.axvline(0, color=GREY, linewidth=1)
        axes.set_title(_title(own), loc="left", fontsize=10)
        axes.set_xlabel(f"{own.metric}: difference to {own.reference.name}", fontsize=9)
        axes.set_ylim(-0.7, len(names) - 0.3)
        _plain(axes)
    panels[0].xaxis.set_major_locator(MaxNLocator(6))
    panels[0].set_yticks(list(heights.values()), [labels[name] for name in heights], fontsize=8.5)
    _legend(figure, found)
    return figure


def definitions_figure(found: Sequence[tuple[str, Ruler]]) -> Figure:
    """Draw what every method scores under each definition of one name; lines that cross change places."""
    figure = Figure(figsize=(1.2 + 4.2 * len(found), 4.6), layout="constrained")
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    for axes, (dataset, ruler) in zip(panels, found, strict=True):
        by_height = _positions(found[0][1], ruler)
        named = _named(ruler)
        for name, values in ruler.values.items():
            style: dict[str, Any] = {"color": "0.75", "linewidth": 0.9, "zorder": 1}
            if name in named:
                style = {"color": named[name], "linewidth": 2, "zorder": 3, "label": name}
            axes.plot([values[i] for i in by_height], marker="o", markersize=3.5, **style)
        axes.set_xticks(range(len(by_height)), [_definition(ruler.definitions[i]) for i in by_height])
        axes.tick_params(axis="x", labelsize=8.5)
        axes.set_xlim(-0.25, len(by_height) - 0.75)
        axes.set_ylim(bottom=0)
        axes.set_ylabel(ruler.name)
        axes.set_title(
            f"{dataset}: {len(ruler.values)} methods, {ruler.n_flips} of {ruler.n_pairs} pairs change places",
            loc="left",
            fontsize=10,
        )
        _plain(axes)
        if named:
            place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": len(named)}
            axes.legend(frameon=False, fontsize=9, columnspacing=1.2, handlelength=1.6, **place)
    return figure


def _named(ruler: Ruler) -> dict[str, str]:
    """The rows that are named, with colours: reference, the paper's, and the two that change places most."""
    flip = ruler.widest_flip[:2] if ruler.widest_flip else ()
    rows = [row for row in dict.fromkeys((REFERENCE, PAPER, *flip)) if row in ruler.values]
    return dict(zip(rows, (PALETTE[1], PALETTE[0], PALETTE[2], PALETTE[3]), strict=False))


def _positions(first: Ruler, ruler: Ruler) -> list[int]:
    """Indices of a ruler's definitions, from the lowest mean value of the first panel to the highest."""
    means = np.mean(list(first.values.values()), axis=0)
    rank = {_definition(own): mean for own, mean in zip(first.definitions, means, strict=True)}
    return sorted(
        range(len(ruler.definitions)), key=lambda i: rank.get(_definition(ruler.definitions[i]), np.inf)
    )


def _draw(axes: Axes, pair: Pair, height: float) -> None:
    kind = outcome(pair)
    colour = _COLOURS.get(kind, "0.5")
    low, high = pair.difference.ci_low, pair.difference.ci_high
    axes.plot([low, high], [height, height], color=colour, linewidth=1.8, solid_capstyle="butt")
    is_shown = kind in (Outcome.HIGHER, Outcome.LOWER)
    fill = colour if is_shown else "white"
    axes.plot(
        pair.difference.value,
        height,
        marker="o",
        markersize=5.5,
        color=colour,
        markerfacecolor=fill,
    )


def _title(own: Pairwise) -> str:
    n_splits = len(own.comparison.folds)
    n_classes = max(pair.n_classes for pair in own.pairs)
    splits = f", {n_splits} splits" if n_splits > 1 else ""
    return f"{own.comparison.protocol.dataset}: {n_classes} test classes{splits}"


def _legend(figure: Figure, found: Sequence[Pairwise]) -> None:
    from matplotlib.lines import Line2D

    present = {outcome(pair) for own in found for pair in own.pairs}
    handles = [
        Line2D(
            [],
            [],
            color=_COLOURS.get(kind, "0.5"),
            marker="o",
            markersize=5.5,
            markerfacecolor=_COLOURS[kind] if kind in (Outcome.HIGHER, Outcome.LOWER) else "white",
            label=text,
        )
        for kind, text in _MEANING.items()
        if kind in present
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9)


def _definition(definition: tuple[str, str]) -> str:
    metric, averaging = definition
    suffix = metric.partition("/")[2]
    return f"{f'/{suffix}' if suffix else 'plain'}{chr(10) + 'class mean' if averaging == 'class' else ''}"


def _plain(axes: Axes) -> None:
    axes.grid(color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(labelsize=9)
