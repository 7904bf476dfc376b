"""`table` and `plot`: comparisons from finished runs, and numbers of the literature; nothing is run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.commands import options
from benchmark.commands.chosen_runs import Chosen, Flags, Reference, choose_runs, chooses_runs, one_by_one
from benchmark.commands.options import RESULTS_DIR, CacheDir, DataRoot, ResultsDir
from benchmark.commands.published_history import draw_history
from benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from benchmark.records import StoredRun
    from benchmark.reporting.comparison import Comparison
    from datasets.base import DatasetIndex


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
    PUBLISHED = "published"


@chooses_runs
def table(
    flags: Flags,
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics", help="Metric ids, comma-separated: measured ones, or from the stored rankings."
        ),
    ] = None,
    cost: Annotated[
        bool, typer.Option("--cost", help="Fit time, parameters, bytes a photo and memory, not all scores.")
    ] = False,
    published: Annotated[
        bool,
        typer.Option(
            "--published", help="The literature's numbers of these methods beside ours, not the comparison."
        ),
    ] = False,
    format: Annotated[Format, typer.Option("--format", help="Written to stdout.")] = Format.TERMINAL,
    reference: Reference = None,
    results_dir: ResultsDir = RESULTS_DIR,
) -> None:
    """Print a comparison table of finished runs, one for each data set or each grid of a suite.

    Without flags, that of the default suite. Rows that were not measured in the same way are never mixed: the
    message says which field differs, and how to choose. With --published, a number
    of the literature and ours have a difference only where their terms agree; else the reason stands there.

    [bold]Examples[/bold]

    run_benchmark.py table --suite default

    run_benchmark.py table --suite systems --cost

    run_benchmark.py table --metrics map@100/min_k_r,p@50

    run_benchmark.py table --suite systems --published

    run_benchmark.py table --dataset folder_doodle101 --format latex > table.tex
    """
    from benchmark.commands.report import print_comparison, print_published
    from benchmark.reporting import tables
    from benchmark.reporting.comparison import compare
    from benchmark.reporting.published_text import render_published
    from benchmark.rescore import shown_with_metrics

    if cost and published:
        raise BenchmarkError("--cost and --published are two tables: choose one.")
    chosen = choose_runs(results_dir, flags)
    if len(chosen) > 1 and format in (Format.CSV, Format.JSON):
        raise BenchmarkError(
            f"--format {format} holds one table, and there are {len(chosen)}: "
            f"{', '.join(part.name for part in chosen)}. Choose one, such as with --dataset, --direction "
            "or --codes."
        )
    wanted = options.words(metrics)

    def show(part: Chosen) -> None:
        measured = part.runs if wanted is None else shown_with_metrics(part.runs, wanted)
        comparison = compare(measured, reference=reference or part.reference, metric_ids=wanted)
        _require_row(comparison, reference)
        if published and format is Format.TERMINAL:
            print_published(comparison, metric_ids=wanted)
        elif published:
            methods = options.words(flags["methods"])
            typer.echo(render_published(comparison, format.value, metric_ids=wanted, methods=methods))
        elif format is Format.TERMINAL:
            print_comparison(comparison, is_cost=cost)
        else:
            typer.echo(tables.render(comparison, format.value, per_fold=True, is_cost=cost))

    one_by_one(chosen, show)


@chooses_runs
def plot(
    flags: Flags,
    picture: Annotated[Picture, typer.Argument(help="What to draw.")],
    metric: Annotated[
        str | None,
        typer.Option(help="For bars, by default map@all; for published, by default average precision."),
    ] = None,
    reference: Reference = None,
    data_root: DataRoot = None,
    cache_dir: CacheDir = None,
    results_dir: ResultsDir = RESULTS_DIR,
) -> None:
    """Draw finished runs as PNG and SVG under results/figures.

    pr: precision-recall curves of all methods. bars: one metric with intervals. retrieval: query sketches
    with their first ten photos, of the best row chosen on its first split. published: the literature's
    numbers over the years, a figure a data set and a panel a protocol; it needs no runs, and --dataset,
    --splits, --methods, --setting and --direction narrow it.
    """
    if picture is Picture.PUBLISHED:
        for path in draw_history(flags, metric, results_dir / "figures"):
            typer.echo(path)
        return
    from benchmark.records import digest
    from benchmark.reporting.comparison import compare
    from benchmark.reporting.plots import bars, pr_curves, save_figure
    from benchmark.reporting.retrieval_plot import best_run, retrieval

    named = ("suite", "dataset")  # the name of the table says these
    narrowing = {name: value for name, value in flags.items() if value is not None and name not in named}

    def draw(of_table: Chosen) -> None:
        comparison = compare(of_table.runs, reference=reference or of_table.reference)
        _require_row(comparison, reference)
        parts = [of_table.name, picture.value]
        if narrowing:  # a part of a suite does not overwrite the suite's own figure
            parts.append(digest(narrowing)[:6])
        if picture is Picture.PR:
            figure = pr_curves(comparison)
        elif picture is Picture.BARS:
            shown = metric or "map@all"
            figure = bars(comparison, metric=shown)
            if shown != comparison.main_metric:
                parts.append(shown.replace("@", "").replace("/", "-"))
        else:
            run = best_run(of_table.runs, comparison)
            figure = retrieval(run, index_of(run, data_root, cache_dir))
            parts += [run.record.method, run.record.protocol.split]
        for path in save_figure(figure, results_dir / "figures" / "-".join(parts)):
            typer.echo(path)

    one_by_one(choose_runs(results_dir, flags), draw)


def _require_row(comparison: Comparison, reference: str | None) -> None:
    names = [row.name for row in comparison.rows]
    if reference is not None and comparison.reference not in names:
        raise BenchmarkError(f"--reference {reference}: no such row. There are {', '.join(names)}.")


def index_of(run: StoredRun, data_root: Path | None, cache_dir: Path | None) -> DatasetIndex:
    """Find the pictures of a run's data set. Raises BenchmarkError where they are not at hand."""
    from benchmark.dataset_ids import kind_of
    from benchmark.registry import DATASETS

    dataset_id = run.record.protocol.dataset
    dataset = (kind_of(dataset_id) or DATASETS.get(dataset_id))(
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
