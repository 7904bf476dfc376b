"""The field's history: published numbers by year, one panel a protocol, never two protocols in one."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmark.errors import BenchmarkError
from benchmark.published.numbers import UNKNOWN, PublishedNumber
from benchmark.reporting.plots import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_N_COLUMNS = 2
_LEAST = 4  # numbers that make a panel
_MARKERS = {"real": "o", "binary": "s"}


class Protocol(NamedTuple):
    """What the numbers of one panel share."""

    dataset: str
    split: str
    gallery: str
    setting: str
    direction: str
    definition: str

    @property
    def title(self) -> str:
        """In words."""
        gallery = "gallery not stated" if self.gallery == UNKNOWN else f"gallery {self.gallery}"
        terms = ", ".join((self.dataset, self.split, gallery, self.setting, self.direction))
        return f"{terms}: {self.definition}"

    @property
    def is_known(self) -> bool:
        """Whether every term is stated, so that equal protocols are one."""
        return " " not in self.split and not any(UNKNOWN in term for term in self)


def history(numbers: Sequence[PublishedNumber], *, metric: str = "map") -> Figure:
    """Draw published numbers of one family of metrics, "map" or "p", in the panels of their protocols.

    A protocol is data set, unseen classes, gallery, setting, direction and definition. Numbers of which one
    is not stated have panels of their own, which say so. Panels of fewer than four numbers are left out and
    counted. Raises BenchmarkError when no panel is left.
    """
    panels: dict[Protocol, list[PublishedNumber]] = {}
    chosen = [number for number in numbers if number.metric.partition("@")[0] == metric]
    for number in chosen:
        panels.setdefault(_protocol(number), []).append(number)
    shown = sorted(protocol for protocol, own in panels.items() if len(_cells(own)) >= _LEAST)
    if not shown:
        raise BenchmarkError(
            f"no protocol has {_LEAST} published numbers of '{metric}' here, of {len(chosen)} in all. Widen "
            "--dataset, or --setting and --direction."
        )
    n_rows = math.ceil(len(shown) / _N_COLUMNS)
    figure = Figure(figsize=(7.4 * _N_COLUMNS, 4.1 * n_rows + 0.7), layout="constrained")
    axes = list(figure.subplots(n_rows, _N_COLUMNS, squeeze=False).flat)
    for own, protocol in zip(axes, shown, strict=False):
        _panel(own, protocol, _cells(panels[protocol]))
    for own in axes[len(shown) :]:
        own.set_visible(False)
    n_left = sum(len(own) for protocol, own in panels.items() if protocol not in shown)
    left = f"; {n_left} numbers of protocols with fewer than {_LEAST} left out" if n_left else ""
    figure.suptitle(
        f"Published numbers, not measured here: one panel a protocol, no line between panels{left}",
        fontsize=11,
        x=0.01,
        ha="left",
    )
    figure.legend(handles=_legend(), loc="outside lower left", ncols=5, frameon=False, fontsize=9)
    return figure


def _protocol(number: PublishedNumber) -> Protocol:
    return Protocol(*(getattr(number, name) for name in Protocol._fields))


def _cells(numbers: Sequence[PublishedNumber]) -> list[PublishedNumber]:
    """One number for each system, value and kind of codes: tables quote each other; first-hand ones win."""
    kept: dict[tuple[str, float, str], PublishedNumber] = {}
    for number in sorted(numbers, key=lambda number: number.confidence != "read"):
        kept.setdefault((number.system, number.value, number.codes), number)
    return list(kept.values())


def _panel(axes: Axes, protocol: Protocol, numbers: Sequence[PublishedNumber]) -> None:
    years = sorted({int(number.year) for number in numbers if number.year != UNKNOWN})
    nowhere = (years[-1] if years else 0) + 1  # numbers without a year stand to the right of all
    for number in numbers:
        year = nowhere if number.year == UNKNOWN else int(number.year)
        colour = PALETTE[0] if number.codes == "real" else PALETTE[1]
        axes.plot(
            year,
            number.value,
            _MARKERS[number.codes],
            color=colour,
            markerfacecolor=colour if number.confidence == "read" else "white",
            markersize=5.5,
            linestyle="none",
        )
    by_place: dict[int, list[PublishedNumber]] = {}
    for number in numbers:
        at = nowhere if number.year == UNKNOWN else int(number.year)
        by_place.setdefault(at, []).append(number)
    for at, own in by_place.items():
        _label(axes, at, own)
    ticks = list(range(years[0], years[-1] + 1)) if years else []
    names = [str(year) for year in ticks]
    if nowhere in by_place:
        ticks, names = [*ticks, nowhere], [*names, "year\nunknown"]
        axes.axvline(nowhere - 0.5, color="0.8", linewidth=0.8, linestyle=":")
    axes.set_xticks(ticks, names, fontsize=8)
    axes.set_xlim((years[0] if years else nowhere) - 0.4, ticks[-1] + 0.95)
    top = max(number.value for number in numbers)
    axes.set_ylim(0, top * 1.12)
    title = textwrap.wrap(protocol.title, 78)
    if not protocol.is_known:
        title.append("Not all terms are stated: numbers here may differ in them.")
        axes.set_facecolor("0.96")
    axes.set_title("\n".join(title), loc="left", fontsize=9)
    axes.grid(axis="y", color="0.92", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)


def _label(axes: Axes, place: int, numbers: Sequence[PublishedNumber]) -> None:
    """Name the numbers of a year beside them, moved apart where they would overlap."""
    top = max(float(line.get_ydata()[0]) for line in axes.lines if len(line.get_ydata()) == 1)  # type: ignore[arg-type, index]
    least = top * 0.042
    lowest = -math.inf
    for number in sorted(numbers, key=lambda number: number.value):
        height = max(number.value, lowest + least)
        lowest = height
        axes.annotate(
            textwrap.shorten(number.system.partition(" (")[0], 18, placeholder="…"),
            (place, number.value),
            xytext=(place + 0.1, height),
            fontsize=6.2,
            va="center",
            arrowprops={"arrowstyle": "-", "color": "0.8", "linewidth": 0.4, "shrinkA": 0, "shrinkB": 3},
        )


def _legend() -> list[Line2D]:
    def handle(label: str, marker: str, colour: str, face: str) -> Line2D:
        return Line2D(
            [], [], linestyle="none", marker=marker, color=colour, markerfacecolor=face, label=label
        )

    return [
        handle("real-valued, read in the paper's own source", "o", PALETTE[0], PALETTE[0]),
        handle("real-valued, secondhand", "o", PALETTE[0], "white"),
        handle("binary, read", "s", PALETTE[1], PALETTE[1]),
        handle("binary, secondhand", "s", PALETTE[1], "white"),
    ]
