"""`plot`: figures of finished runs, of the training of one, and of published numbers; nothing is run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.commands import options
from benchmark.commands.chosen_runs import (
    Chosen,
    Flags,
    Reference,
    choose_runs,
    chooses_runs,
    find_run,
    one_by_one,
)
from benchmark.commands.options import RESULTS_DIR, CacheDir, DataRoot, ResultsDir
from benchmark.commands.published_history import draw_history
from benchmark.commands.table import require_row
from benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from benchmark.records import StoredRun
    from datasets.base import DatasetIndex


class Picture(StrEnum):
    """What can be drawn."""

    PR = "pr"
    BARS = "bars"
    RETRIEVAL = "retrieval"
    TRAINING = "training"
    PUBLISHED = "published"


@chooses_runs
def plot(
    flags: Flags,
    picture: Annotated[Picture, typer.Argument(help="What to draw.")],
    run: Annotated[
        str | None,
        typer.Argument(help="For training: folder of a run, or its name, or the beginning of it."),
    ] = None,
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
    with their first ten photos, of the best row chosen on its first split. training: the losses of one run
    and their terms, epoch by epoch, also of a run that failed: `plot training RUN`. published: the
    literature's numbers over the years, a panel a protocol, without runs; --dataset, --splits, --methods,
    --setting and --direction narrow them.
    """
    from benchmark.records import digest
    from benchmark.reporting.comparison import compare
    from benchmark.reporting.plots import bars, pr_curves, save_figure
    from benchmark.reporting.retrieval_plot import best_run, retrieval

    others = {"metric": metric, "reference": reference, "data-root": data_root, "cache-dir": cache_dir}
    if picture is Picture.PUBLISHED:
        del others["metric"]
    needless = [f"--{name}" for name, value in others.items() if value is not None]
    if picture in (Picture.TRAINING, Picture.PUBLISHED) and needless:
        raise BenchmarkError(f"plot {picture} takes no {', '.join(needless)}: leave it out.")
    _check_run(picture, run, flags)
    if run is not None or picture is Picture.PUBLISHED:
        figures = results_dir / "figures"
        for path in (
            draw_history(flags, metric, figures) if run is None else _training_figure(run, results_dir)
        ):
            typer.echo(path)
        return
    named = ("suite", "dataset")  # the name of the table says these
    narrowing = {name: value for name, value in flags.items() if value is not None and name not in named}

    def draw(of_table: Chosen) -> None:
        comparison = compare(of_table.runs, reference=reference or of_table.reference)
        require_row(comparison, reference)
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


def _check_run(picture: Picture, run: str | None, flags: Flags) -> None:
    if picture is Picture.TRAINING and not run:
        raise BenchmarkError(
            "plot training needs a run, by its folder or the folder's name: plot training seed0-1a2b3c4d."
        )
    if run is not None and (given := [f"--{name}" for name, value in flags.items() if value is not None]):
        raise BenchmarkError(f"plot training draws one run: leave out {', '.join(given)}.")
    if picture is not Picture.TRAINING and run is not None:
        raise BenchmarkError(
            f"plot {picture} draws all chosen runs, not one: leave out '{run}'. plot training draws one."
        )


def _training_figure(run: str, results_dir: Path) -> tuple[Path, Path]:
    from benchmark.reporting.plots import save_figure
    from benchmark.reporting.training_plot import training

    stored = find_run(run, results_dir)
    record = stored.record
    name = f"{record.protocol.dataset}-{record.protocol.split}-{record.method}-{record.run_id}-training"
    return save_figure(training(stored), results_dir / "figures" / name)


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
