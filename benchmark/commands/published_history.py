"""`plot published`: figures of the literature's numbers; no run is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmark.commands import options
from benchmark.errors import BenchmarkError

NARROWING = {
    "dataset": "dataset",
    "splits": "split",
    "methods": "method",
    "setting": "setting",
    "direction": "direction",
}
"""Flags that published numbers can be narrowed by, and the field that each is about."""


def draw_history(flags: Mapping[str, str | None], metric: str | None, figures: Path) -> Iterator[Path]:
    """Draw one figure a data set and yield the paths.

    Raises BenchmarkError for a flag that is about runs, for a value that no number has, and where nothing is
    left to draw.
    """
    from benchmark.published.numbers import read_published
    from benchmark.records import digest
    from benchmark.reporting.plots import save_figure
    from benchmark.reporting.published_plot import history

    given = {name: options.words(value) or () for name, value in flags.items() if value is not None}
    if wrong := [f"--{name}" for name in given if name not in NARROWING]:
        raise BenchmarkError(
            f"{', '.join(wrong)}: this chooses runs, and `plot published` draws numbers of papers. Narrow "
            f"them with {', '.join(f'--{name}' for name in NARROWING)} or --metric."
        )
    numbers = read_published()
    for name, wanted in given.items():
        known = {str(getattr(number, NARROWING[name])) for number in numbers}
        if unknown := [value for value in wanted if value not in known]:
            raise BenchmarkError(
                f"--{name} {', '.join(unknown)}: no published number has it. There are "
                f"{'; '.join(sorted(known))}."
            )
    for name, wanted in given.items():
        numbers = tuple(number for number in numbers if getattr(number, NARROWING[name]) in wanted)
    narrowed = {name: value for name, value in given.items() if name != "dataset"}
    parts = [digest(narrowed)[:6]] if narrowed else []
    if metric is not None:
        parts.append(metric.replace("@", "").replace("/", "-"))
    console = options.progress_console()
    faults, is_drawn = [], False
    for dataset in sorted({number.dataset for number in numbers}):
        try:
            figure = history([number for number in numbers if number.dataset == dataset], metric)
        except BenchmarkError as error:
            faults.append(str(error))
            continue
        is_drawn = True
        yield from save_figure(figure, figures / "-".join(["published", dataset, *parts]))
    if not is_drawn:
        raise BenchmarkError("\n".join(faults) or "no published number has all of these: give fewer flags.")
    for fault in faults:
        console.print(f"Not drawn: {fault}", style="yellow", markup=False, soft_wrap=True)
