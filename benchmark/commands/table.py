"""`table` and `plot`: comparisons from finished runs; nothing is run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.commands import options
from benchmark.commands.options import RESULTS_DIR, CacheDir, DataRoot, ResultsDir
from benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from benchmark.comparison import Comparison
    from benchmark.records import StoredRun

Suite = Annotated[str | None, typer.Option("--suite", help="Rows, splits and seeds of a suite.")]
Dataset = Annotated[str | None, typer.Option("--dataset", help="Data set id, as in the records.")]
Splits = Annotated[str | None, typer.Option("--splits", help="Split ids, comma-separated.")]
Methods = Annotated[str | None, typer.Option("--methods", help="Method ids, comma-separated.")]
Protocol = Annotated[str | None, typer.Option("--protocol", help="Protocol of the data set.")]
Backbone = Annotated[str | None, typer.Option("--backbone", help="Backbone id.")]


class Format(StrEnum):
    """How a table is written."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    LATEX = "latex"
    CSV = "csv"
    JSON = "json"


class Picture(StrEnum):
    """What can be drawn."""

    PR = "pr"
    BARS = "bars"
    RETRIEVAL = "retrieval"


def table(
    suite: Suite = None,
    dataset: Dataset = None,
    splits: Splits = None,
    methods: Methods = None,
    protocol: Protocol = None,
    backbone: Backbone = None,
    format: Annotated[Format, typer.Option("--format", help="Written to stdout.")] = Format.TERMINAL,
    reference: Annotated[str, typer.Option(help="Row that differences are taken to.")] = "centred",
    results_dir: ResultsDir = RESULTS_DIR,
) -> None:
    """Print a comparison table of finished runs, one for each data set.

    Rows that were not measured in the same way are never mixed: the message says which field differs and
    which flag chooses.

    [bold]Examples[/bold]

    run_benchmark.py table --suite default

    run_benchmark.py table --dataset folder_doodle101 --format latex > table.tex
    """
    from benchmark import tables
    from benchmark.commands.report import print_comparison
    from benchmark.comparison import by_dataset, compare

    runs = _select(results_dir, suite, dataset, splits, methods, protocol, backbone)
    for of_dataset in by_dataset(runs).values():
        comparison = compare(of_dataset, reference=reference)
        if format is Format.TERMINAL:
            print_comparison(comparison)
        else:
            typer.echo(tables.render(comparison, format.value, per_fold=True))


def plot(
    picture: Annotated[Picture, typer.Argument(help="What to draw.")],
    suite: Suite = None,
    dataset: Dataset = None,
    splits: Splits = None,
    methods: Methods = None,
    protocol: Protocol = None,
    backbone: Backbone = None,
    metric: Annotated[str, typer.Option(help="For bars: the metric.")] = "map@all",
    reference: Annotated[str, typer.Option(help="For bars: the row to compare with.")] = "centred",
    data_root: DataRoot = None,
    cache_dir: CacheDir = None,
    results_dir: ResultsDir = RESULTS_DIR,
) -> None:
    """Draw finished runs as PNG and SVG under results/figures.

    pr: precision-recall curves of all methods. bars: one metric with intervals. retrieval: query sketches
    with their first ten photos, of the best method chosen on the first split chosen.
    """
    from benchmark.comparison import by_dataset, compare
    from benchmark.plots import bars, pr_curves, save_figure

    runs = _select(results_dir, suite, dataset, splits, methods, protocol, backbone)
    for name, of_dataset in by_dataset(runs).items():
        comparison = compare(of_dataset, reference=reference)
        if picture is Picture.PR:
            figure = pr_curves(comparison)
        elif picture is Picture.BARS:
            figure = bars(comparison, metric=metric)
        else:
            figure = _retrieval(of_dataset, comparison, data_root, cache_dir)
        for path in save_figure(figure, results_dir / "figures" / f"{suite or name}-{picture.value}"):
            typer.echo(path)


def _select(
    results_dir: Path,
    suite: str | None,
    dataset: str | None,
    splits: str | None,
    methods: str | None,
    protocol: str | None,
    backbone: str | None,
) -> tuple[StoredRun, ...]:
    from dataclasses import replace

    from benchmark.records import stored_runs
    from benchmark.selection import Selection
    from benchmark.suite import load_suite

    selection = Selection() if suite is None else Selection.of_suite(load_suite(suite))
    flags: dict[str, Any] = {
        "dataset": dataset,
        "splits": options.words(splits),
        "methods": options.words(methods),
        "protocol": protocol,
        "backbone": backbone,
    }
    selection = replace(selection, **{name: value for name, value in flags.items() if value is not None})
    console = options.progress_console()
    runs = stored_runs(
        results_dir / "runs", warn=lambda text: console.print(text, style="yellow", soft_wrap=True)
    )
    return selection.of(runs)


def _retrieval(
    runs: list[StoredRun], comparison: Comparison, data_root: Path | None, cache_dir: Path | None
) -> Figure:
    from benchmark.registry import DATASETS
    from benchmark.retrieval_plot import retrieval

    place = {(row.method, row.variant): position for position, row in enumerate(comparison.rows)}
    complete = [run for run in runs if run.record.status == "complete"]
    run = min(complete, key=lambda run: place[run.record.method, run.record.variant])
    dataset_id = run.record.protocol.dataset
    if dataset_id not in DATASETS.ids():
        dataset_id = dataset_id.split("_")[0]
    dataset = DATASETS.get(dataset_id)(root=data_root, cache_dir=options.cache_folder(cache_dir))
    if dataset.id != run.record.protocol.dataset:
        raise BenchmarkError(
            f"--data-root {data_root} holds data set '{dataset.id}', the run is of "
            f"'{run.record.protocol.dataset}'. Name the folder that was used for the run."
        )
    return retrieval(run, dataset.index())
