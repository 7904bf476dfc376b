"""The field's history: published numbers over the years, a panel a protocol, never two protocols in one."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D

from benchmark.errors import BenchmarkError
from benchmark.published.numbers import UNKNOWN, PublishedNumber
from benchmark.reporting.history_panel import FONT, Point, draw_panel, marker_style, needed_height

MIN_METHODS = 3
"""Methods, of two years at least, that a protocol needs for a panel: fewer are no history."""
_WIDE = 12  # a panel with more methods takes the whole width
_WIDTH = 13.6
_LOW, _TALL = 1.8, 2.7  # least height of a narrow and of a wide panel, in inches
_GAP = 0.8  # between rows of panels, for titles and years, in inches
_FOOT = 0.75


@dataclass(frozen=True)
class Protocol:
    """What the numbers of one panel share."""

    split: str
    gallery: str
    direction: str
    setting: str
    definition: str

    @classmethod
    def of(cls, number: PublishedNumber) -> Protocol:
        """The protocol of a number, its data set aside."""
        return cls(number.split, number.gallery, number.direction, number.setting, number.definition)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The terms that no source states: numbers that share the others may differ in these."""
        terms = {
            "class list": "unknown" in self.split,
            "gallery": self.gallery == UNKNOWN,
            "seen items": self.setting.endswith(f"/{UNKNOWN}"),
            "definition": self.definition.endswith(f"/{UNKNOWN}"),
        }
        return tuple(term for term, is_unknown in terms.items() if is_unknown)

    @property
    def title(self) -> str:
        """The terms in a line."""
        gallery = () if self.gallery == UNKNOWN else (f"gallery {self.gallery}",)
        return ", ".join((self.split, *gallery, self.direction, self.setting.partition("/")[0]))


def history(numbers: Sequence[PublishedNumber], metric: str | None = None) -> Figure:
    """Draw the numbers of one data set.

    metric: a name such as p@100, or a complete definition; without, average precision of every cut. Numbers
    of protocols with fewer than MIN_METHODS methods, or of one year, are counted below the figure. Raises
    BenchmarkError where that leaves none.
    """
    (dataset,) = {number.dataset for number in numbers}
    asked = [number for number in numbers if _is_of(number, metric)]
    panels = {key: own for key, own in _by_protocol(asked).items() if _is_history(own)}
    if not panels:
        names = ", ".join(sorted({number.metric_name for number in numbers}))
        raise BenchmarkError(
            f"{dataset}: no protocol has {metric or 'average precision'} of {MIN_METHODS} methods and two "
            f"years. Its {len(numbers)} published numbers are of {names}; all lie in "
            "results/published/literature.csv."
        )
    rows = _rows(panels)
    columns = {key: tuple(_points(own)) for key, own in panels.items()}
    least = {key: _TALL if _is_wide(own) else _LOW for key, own in panels.items()}
    heights = [max(needed_height(columns[key], least=least[key]) for key in row) for row in rows]
    total = sum(heights) + _GAP * len(rows) + _FOOT
    figure = Figure(figsize=(_WIDTH, total))
    grid = GridSpec(
        len(rows),
        2,
        figure=figure,
        height_ratios=heights,
        left=0.045,
        right=0.99,
        top=1 - (_GAP - 0.3) / total,
        bottom=(_FOOT + 0.3) / total,
        hspace=_GAP / (sum(heights) / len(rows)),
        wspace=0.12,
    )
    for position, row in enumerate(rows):
        for column, key in enumerate(row):
            spec = grid[position, :] if len(row) == 1 else grid[position, column]
            axes = figure.add_subplot(spec)
            draw_panel(axes, columns[key], f"{dataset}: {key.title}", key.definition, key.unknown)
    n_drawn = sum(map(len, panels.values()))
    kinds = {(point.is_binary, point.is_secondhand) for own in columns.values() for point in own}
    _foot(figure, total, kinds, len(numbers) - n_drawn, len(asked) - n_drawn)
    return figure


def _is_of(number: PublishedNumber, metric: str | None) -> bool:
    if metric is None:
        return number.definition.startswith("map@")
    return metric in (number.definition, number.metric_name)


def _by_protocol(numbers: Sequence[PublishedNumber]) -> dict[Protocol, list[PublishedNumber]]:
    found: dict[Protocol, list[PublishedNumber]] = defaultdict(list)
    for number in numbers:
        found[Protocol.of(number)].append(number)
    # What is known best comes first.
    order = sorted(found, key=lambda key: (len(key.unknown), -_n_methods(found[key]), key.title))
    return {key: found[key] for key in order}


def _n_methods(numbers: Sequence[PublishedNumber]) -> int:
    return len({number.method for number in numbers})


def _is_history(numbers: Sequence[PublishedNumber]) -> bool:
    years = {number.year for number in numbers if number.year != UNKNOWN}
    return _n_methods(numbers) >= MIN_METHODS and len(years) > 1


def _is_wide(numbers: Sequence[PublishedNumber]) -> bool:
    return _n_methods(numbers) > _WIDE


def _rows(panels: Mapping[Protocol, Sequence[PublishedNumber]]) -> list[tuple[Protocol, ...]]:
    """Two narrow panels a row, then the wide ones."""
    narrow = [key for key, own in panels.items() if not _is_wide(own)]
    pairs = [tuple(narrow[i : i + 2]) for i in range(0, len(narrow), 2)]
    return [*pairs, *((key,) for key, own in panels.items() if _is_wide(own))]


def _points(numbers: Sequence[PublishedNumber]) -> Iterator[Point]:
    """Every value once, under the name of its method without what stands in brackets."""
    seen = set()
    for number in sorted(numbers, key=lambda number: number.is_secondhand):  # read ones stand for both
        name = re.sub(r" \(.*\)", "", number.name)
        point = (name, number.year, number.value, number.codes)
        if point not in seen:
            seen.add(point)
            year = None if number.year == UNKNOWN else int(number.year)
            yield Point(name, year, number.value, number.codes == "binary", number.is_secondhand)


def _foot(figure: Figure, total: float, kinds: set[tuple[bool, bool]], n_others: int, n_few: int) -> None:
    handles = [
        Line2D([], [], linestyle="", label=label, **marker_style(is_binary, is_secondhand))
        for label, is_binary, is_secondhand in (
            ("real-valued, read in the method's own table", False, False),
            ("real-valued, secondhand", False, True),
            ("binary codes, read", True, False),
            ("binary codes, secondhand", True, True),
        )
        if (is_binary, is_secondhand) in kinds
    ]
    joined = "one method: widths, variants or sources"
    handles.append(Line2D([], [], color="0.6", linewidth=0.8, label=joined))
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.04, 0.3 / total),
        ncols=5,
        frameon=False,
        fontsize=8,
    )
    left_out = (
        (n_few, f"of protocols with fewer than {MIN_METHODS} methods or of one year"),
        (n_others - n_few, "of other metrics"),
    )
    counts = " and ".join(f"{n:,} numbers {what}" for n, what in left_out if n)
    text = "Years are those of the methods." + (f" Not drawn: {counts}." if counts else "")
    if len(figure.axes) > 1:
        text += " Two panels are two protocols: their heights say nothing of each other."
    figure.text(0.045, 0.1 / total, text, fontsize=FONT + 1, color="0.35")
