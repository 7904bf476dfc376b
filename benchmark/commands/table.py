"""`table`: comparisons from finished runs, beside published numbers if asked for; nothing is run."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.commands import options
from benchmark.commands.chosen_runs import (
    Chosen,
    Flags,
    Reference,
    choose_runs,
    chooses_runs,
    one_by_one,
)
from benchmark.commands.options import RESULTS_DIR, ResultsDir
from benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from benchmark.reporting.comparison import Comparison


class Format(StrEnum):
    """How a table is written."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    LATEX = "latex"
    CSV = "csv"
    JSON = "json"


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
        bool, typer.Option("--published", help="What papers print of these methods, beside ours.")
    ] = False,
    format: Annotated[Format, typer.Option("--format", help="Written to stdout.")] = Format.TERMINAL,
    reference: Reference = None,
    results_dir: ResultsDir = RESULTS_DIR,
) -> None:
    """Print a comparison table of finished runs, one for each data set or each grid of a suite.

    Without flags, that of the default suite. Rows that were not measured in the same way are never mixed: the
    message says which field differs, and how to choose. With --published, a number of the literature and ours
    have a difference only where their terms agree; else the reason stands there.

    [bold]Examples[/bold]

    run_benchmark.py table --suite default

    run_benchmark.py table --suite full --cost

    run_benchmark.py table --suite full --published --methods zscmr,sake,cvae

    run_benchmark.py table --metrics map@100/min_k_r,p@50

    run_benchmark.py table --dataset folder_doodle101 --format latex > table.tex
    """
    from benchmark.commands.report import print_comparison, print_published
    from benchmark.reporting import tables
    from benchmark.reporting.comparison import compare
    from benchmark.reporting.published_text import render_published
    from benchmark.rescore import shown_with_metrics

    if cost and published:
        raise BenchmarkError("--cost and --published are two tables: give one of them.")
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
        require_row(comparison, reference)
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


def require_row(comparison: Comparison, reference: str | None) -> None:
    """Raise BenchmarkError for a reference that was asked for and has no row."""
    names = [row.name for row in comparison.rows]
    if reference is not None and comparison.reference not in names:
        raise BenchmarkError(f"--reference {reference}: no such row. There are {', '.join(names)}.")
