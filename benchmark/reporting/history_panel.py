"""One panel of the field's history: points over years, every method labelled, no label over another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.reporting.plots import GREY, PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FONT = 6.6
_LINE = 0.128  # height of a label, in inches
_N_SLOTS = 4  # close methods of one year stand side by side, so that their marks stay apart
_MARK = 0.11  # height of a mark with some air, in inches
_SLOT = 0.085  # inches from one to the next, and from the last to the labels


@dataclass(frozen=True)
class Point:
    """One number. year: None where no source states it."""

    name: str
    year: int | None
    value: float
    is_binary: bool
    is_secondhand: bool


def needed_height(points: Sequence[Point], *, least: float) -> float:
    """Inches that the labels of the fullest year take, and no fewer than `least`."""
    names: dict[int | None, set[str]] = defaultdict(set)
    for point in points:
        names[point.year].add(point.name)
    return max(least, _LINE * (max(map(len, names.values())) + 1))


def marker_style(is_binary: bool, is_secondhand: bool) -> dict[str, Any]:
    """Square and of another colour for binary codes, hollow for secondhand."""
    colour = PALETTE[1] if is_binary else PALETTE[0]
    return {
        "marker": "s" if is_binary else "o",
        "markersize": 4.6 if is_binary else 5,
        "markeredgecolor": colour,
        "markeredgewidth": 1.1,
        "markerfacecolor": "white" if is_secondhand else colour,
    }


def draw_panel(axes: Axes, points: Sequence[Point], title: str, metric: str, unknown: Sequence[str]) -> None:
    """Draw one protocol. unknown: terms that its numbers may not share, which the panel says."""
    years = sorted({point.year for point in points if point.year is not None})
    first, last = (years[0], years[-1]) if years else (0, -1)
    ticks = {year: float(year) for year in range(first, last + 1)}
    places: dict[int | None, float] = dict(ticks.items())
    right = last + 1.0
    if any(point.year is None for point in points):
        places[None], right = right + 0.1, right + 1.15
        axes.axvspan(places[None] - 0.12, right, color="0.95", linewidth=0, zorder=0)
    top = _above(max(point.value for point in points))
    axes.set(xlim=(first - 0.15, right), ylim=(0, top), ylabel=metric)
    axes.set_xticks(
        [place if year is not None else (place + right) / 2 for year, place in places.items()],
        [str(year) if year is not None else "year unknown" for year in places],
    )
    axes.tick_params(labelsize=8, length=2)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", color="0.92", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, loc="left", fontsize=9.5, pad=14 if unknown else 5)
    if unknown:
        terms = " and ".join(", ".join(unknown).rsplit(", ", 1))
        axes.annotate(
            f"{terms} not stated: two numbers may differ in {'them' if len(unknown) > 1 else 'it'}",
            (0, 1),
            (0, 4),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=7.5,
            color=PALETTE[1],
        )
    for year, place in places.items():
        _column(axes, [point for point in points if point.year == year], place, top)


def _column(axes: Axes, points: Sequence[Point], place: float, top: float) -> None:
    """Draw one year: methods from the lowest to the highest, each labelled at its best point."""
    of_method: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        of_method[point.name].append(point)
    best = {name: max(point.value for point in own) for name, own in of_method.items()}
    names = sorted(best, key=lambda name: (best[name], name))
    width, height = _inches(axes)
    left, right = axes.get_xlim()
    slot = _SLOT / width * (right - left)
    spans = [(min(point.value for point in of_method[name]), best[name]) for name in names]
    steps = _steps(spans, _MARK / height * top)
    label = place + slot * (max(steps) + 1.1) if steps else place
    levels = spread([best[name] for name in names], gap=_LINE / height * top, top=top)
    for name, span, level, step in zip(names, spans, levels, steps, strict=True):
        x = place + slot * step
        if span[0] < span[1]:
            axes.plot([x, x], span, color="0.6", linewidth=0.8, zorder=2)
        for point in of_method[name]:
            style = marker_style(point.is_binary, point.is_secondhand)
            axes.plot(x, point.value, linestyle="", zorder=3, clip_on=False, **style)
        axes.plot([x, label], [best[name], level], color=GREY, linewidth=0.35, zorder=1)
        axes.text(label + slot / 6, level, name, fontsize=FONT, va="center", zorder=4)


def _steps(spans: Sequence[tuple[float, float]], air: float) -> list[int]:
    """Slot of each method's lowest and highest value: the first where no other method is close, if any.

    >>> _steps([(0.1, 0.2), (0.15, 0.15), (0.5, 0.5)], air=0.02)
    [0, 1, 0]
    """
    taken: list[list[tuple[float, float]]] = [[] for _ in range(_N_SLOTS)]
    steps = []
    for i, (low, high) in enumerate(spans):
        free = (
            slot
            for slot, others in enumerate(taken)
            if all(low > other_high + air or high < other_low - air for other_low, other_high in others)
        )
        step = next(free, i % _N_SLOTS)
        taken[step].append((low, high))
        steps.append(step)
    return steps


def _inches(axes: Axes) -> tuple[float, float]:
    """Width and height of a panel."""
    box, (width, height) = axes.get_position(), axes.figure.get_size_inches()  # type: ignore[union-attr]
    return box.width * width, box.height * height


def spread(values: Sequence[float], *, gap: float, top: float) -> list[float]:
    """Move ascending values apart as little as it takes, within 0 and top.

    >>> spread([0.1, 0.1, 0.5], gap=0.1, top=1.0)
    [0.05, 0.15, 0.5]
    """
    groups: list[list[float]] = []  # sum of the wanted positions of the first member, number of members
    for value in values:
        groups.append([value, 1])
        while len(groups) > 1 and _end(groups[-2], gap) + gap > groups[-1][0] / groups[-1][1]:
            total, n = groups.pop()
            before = groups[-1]
            before[0] += total - n * before[1] * gap
            before[1] += n
    found: list[float] = []
    for total, n in groups:
        found += [total / n + i * gap for i in range(int(n))]
    n_values = len(found)
    floors = (np.arange(n_values) + 0.5) * gap
    ceilings = top - (n_values - 0.5 - np.arange(n_values)) * gap
    return [
        round(float(level), 6)
        for level in np.minimum(np.maximum(found, floors), np.maximum(ceilings, floors))
    ]


def _end(group: Sequence[float], gap: float) -> float:
    """Position of the last member of a group."""
    return group[0] / group[1] + (group[1] - 1) * gap


def _above(top: float) -> float:
    """Return the next tenth with some air."""
    return float(np.ceil((top + 0.02) * 10) / 10)
