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
    from benchmark.records import StoredRun
    from benchmark.reporting.comparison import Comparison
    from datasets.base import DatasetIndex

Suite = Annotated[str | None, typer.Option("--suite", help="Rows, splits and seeds of a suite.")]
Dataset = Annotated[str | None, typer.Option("--dataset", help="Data set id, as in the records.")]
Splits = Annotated[str | None, typer.Option("--splits", help="Split ids, comma-separated.")]
Methods = Annotated[str | None, typer.Option("--methods", help="Method ids, comma-separated.")]
Protocol = Annotated[str | None, typer.Option("--protocol", help="Protocol of the data set.")]
Reference = Annotated[
    str | None,
    typer.Option("--reference", help="Row that differences are taken to. Default: that of the suite."),
]
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
    reference: Reference = None,
    results_dir: ResultsDir = RESULTS_DIR,
) -> None:
    """Print a comparison table of finished runs, one for each data set.

    Without flags, that of the default suite. Rows that were not measured in the same way are never mixed: the
    message says which field differs, and how to choose.

    [bold]Examples[/bold]

    run_benchmark.py table --suite default

    run_benchmark.py table --dataset folder_doodle101 --format latex > table.tex
    """
    from benchmark.commands.report import print_comparison
    from benchmark.reporting import tables
    from benchmark.reporting.comparison import by_dataset, compare

    runs, of_suite = _select(results_dir, suite, dataset, splits, methods, protocol, backbone)
    tables_of = by_dataset(runs)
    if len(tables_of) > 1 and format in (Format.CSV, Format.JSON):
        raise BenchmarkError(
            f"--format {format} holds one table, and there are runs of {', '.join(tables_of)}. "
            "Choose one with --dataset."
        )
    for of_dataset in tables_of.values():
        comparison = compare(of_dataset, reference=reference or of_suite)
        _require_row(comparison, reference)
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
    reference: Reference = None,
    data_root: DataRoot = None,
    cache_dir: CacheDir = None,
    results_dir: ResultsDir = RESULTS_DIR,
) -> None:
    """Draw finished runs as PNG and SVG under results/figures.

    pr: precision-recall curves of all methods. bars: one metric with intervals. retrieval: query sketches
    with their first ten photos, of the best row chosen on its first split.
    """
    from benchmark.records import digest
    from benchmark.reporting.comparison import by_dataset, compare
    from benchmark.reporting.plots import bars, pr_curves, save_figure
    from benchmark.reporting.retrieval_plot import best_run, retrieval

    runs, of_suite = _select(results_dir, suite, dataset, splits, methods, protocol, backbone)
    for name, of_dataset in by_dataset(runs).items():
        comparison = compare(of_dataset, reference=reference or of_suite)
        _require_row(comparison, reference)
        parts = [suite or name, picture.value]
        if methods or splits:  # a part of a suite does not overwrite the suite's own figure
            parts.append(digest([methods, splits])[:6])
        if picture is Picture.PR:
            figure = pr_curves(comparison)
        elif picture is Picture.BARS:
            figure = bars(comparison, metric=metric)
            if metric != comparison.main_metric:
                parts.append(metric.replace("@", "").replace("/", "-"))
        else:
            run = best_run(of_dataset, comparison)
            figure = retrieval(run, _index_of(run, data_root, cache_dir))
            parts += [run.record.method, run.record.protocol.split]
        for path in save_figure(figure, results_dir / "figures" / "-".join(parts)):
            typer.echo(path)


def _select(
    results_dir: Path,
    suite: str | None,
    dataset: str | None,
    splits: str | None,
    methods: str | None,
    protocol: str | None,
    backbone: str | None,
) -> tuple[tuple[StoredRun, ...], str]:
    """Return the runs that the flags choose, the default suite's without any, and the suite's reference."""
    from dataclasses import replace

    from benchmark.records import stored_runs
    from benchmark.selection import Selection
    from benchmark.suite import load_suite

    console = options.progress_console()

    def warn(text: str) -> None:
        console.print(text, style="yellow", markup=False, soft_wrap=True)

    runs = tuple(stored_runs(results_dir / "runs", warn=warn))
    flags: dict[str, Any] = {
        "dataset": dataset,
        "splits": options.words(splits),
        "methods": options.words(methods),
        "protocol": protocol,
        "backbone": backbone,
    }
    given = {name: value for name, value in flags.items() if value is not None}
    stored = {
        "methods": {run.record.method for run in runs},
        "splits": {run.record.protocol.split for run in runs},
    }
    for name, known in stored.items():
        unknown = [value for value in given.get(name, ()) if value not in known]
        if unknown and known:
            raise BenchmarkError(
                f"--{name} {', '.join(unknown)}: no stored run has it. There are {', '.join(sorted(known))}."
            )
    chosen = None
    if suite is not None or not given:
        chosen = load_suite(suite or "default")
    selection = Selection() if chosen is None else Selection.of_suite(chosen, runs)
    found = replace(selection, **given).of(runs)
    gaps = selection.missing(found) if chosen is not None and not given else []
    if gaps:
        warn(f"Suite '{chosen.name if chosen else ''}' is not complete here. Not run yet: {'; '.join(gaps)}.")
    return found, chosen.reference if chosen else "centred"


def _require_row(comparison: Comparison, reference: str | None) -> None:
    names = [row.name for row in comparison.rows]
    if reference is not None and reference not in names:
        raise BenchmarkError(f"--reference {reference}: no such row. There are {', '.join(names)}.")


def _index_of(run: StoredRun, data_root: Path | None, cache_dir: Path | None) -> DatasetIndex:
    from benchmark.registry import DATASETS

    dataset_id = run.record.protocol.dataset
    dataset = DATASETS.get("folder" if dataset_id.startswith("folder_") else dataset_id)(
        root=data_root,
        cache_dir=options.cache_folder(cache_dir),
        skip_corrupt=bool(run.record.skipped_files),
    )
    if dataset.id != dataset_id:
        raise BenchmarkError(
            f"--data-root {data_root} holds data set '{dataset.id}', the run is of '{dataset_id}'. "
            "Name the folder that was used for the run."
        )
    index: DatasetIndex = dataset.index()
    return index
