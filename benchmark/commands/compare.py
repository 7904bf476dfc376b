"""`compare`: whether two rows differ, class by class, and what may be concluded."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.commands.chosen_runs import Chosen, Flags, Reference, choose_runs, chooses_runs, find_run
from benchmark.commands.options import RESULTS_DIR, ResultsDir
from benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmark.records import StoredRun
    from benchmark.reporting.pairwise import Pairwise

_RUN_ID = re.compile(r"seed\d+(-[0-9a-f]*)?")


class Format(StrEnum):
    """How a comparison is written."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"


@chooses_runs
def compare(
    flags: Flags,
    row: Annotated[str | None, typer.Argument(metavar="A", help="A row of the table, or a run.")] = None,
    other: Annotated[str | None, typer.Argument(metavar="B", help="What it is held against.")] = None,
    metric: Annotated[
        str, typer.Option("--metric", help="A measured metric, or one from the stored rankings.")
    ] = "map@all",
    reference: Reference = None,
    format: Annotated[Format, typer.Option("--format", help="Written to stdout.")] = Format.TERMINAL,
    results_dir: ResultsDir = RESULTS_DIR,
) -> None:
    """Hold a row A of the table against a row B: differences by class, a test, and a conclusion in words.

    Without A and B, every row is held against the reference, with Holm's correction for the number of
    comparisons. Rows are chosen as for `table`. A and B may be two runs of one split too: their folders, or
    names.

    [bold]Examples[/bold]

    run_benchmark.py compare zscmr frozen

    run_benchmark.py compare zscmr "zscmr (smoke)" --dataset emoji54 --splits fold0

    run_benchmark.py compare --reference centred --format markdown
    """
    from rich.console import Console

    from benchmark.reporting.pairwise import pairwise
    from benchmark.reporting.pairwise_text import render_pairwise, rich_pairwise

    if (row is None) != (other is None) or (row is not None and reference is not None):
        raise BenchmarkError(
            "compare takes two rows, A and B, of which B is the reference; or none, and then --reference. "
            f"Got {row or 'no row'}{f' and {other}' if other else ''}"
            f"{f', --reference {reference}' if reference else ''}."
        )
    if row is not None and other is not None and _are_runs(row, other):
        if given := [name for name, value in flags.items() if value is not None]:
            raise BenchmarkError(
                f"two runs are compared on what they were run on: leave out --{', --'.join(given)}."
            )
        found = _compare_runs(find_run(row, results_dir), find_run(other, results_dir), metric)
    else:
        chosen = _only(choose_runs(results_dir, flags))
        found = pairwise(
            _with_metric(chosen.runs, metric),
            row=row,
            reference=other or reference or chosen.reference,
            metric=metric,
        )
    console = Console()
    if format is Format.TERMINAL and console.is_terminal:
        console.print(rich_pairwise(found, width=console.width))
    else:
        fmt = "plain" if format is Format.TERMINAL else format.value
        typer.echo(render_pairwise(found, fmt), nl=False)


def _are_runs(*names: str) -> bool:
    runs = [name for name in names if _RUN_ID.fullmatch(name) or (Path(name) / "record.json").is_file()]
    if len(runs) == 1:
        raise BenchmarkError(
            f"'{runs[0]}' is a run, the other one of {' and '.join(names)} a row: name two rows, or two runs."
        )
    return bool(runs)


def _compare_runs(run: StoredRun, other: StoredRun, metric: str) -> Pairwise:
    from dataclasses import replace

    from benchmark.reporting.joining import row_name
    from benchmark.reporting.pairwise import pairwise

    runs = (run, other)
    if run.folder == other.folder:
        raise BenchmarkError(f"run {run.record.run_id} cannot be compared with itself.")
    for one in runs:
        if one.record.status != "complete":
            why = one.record.reason or "--limit"
            raise BenchmarkError(
                f"run {one.record.run_id} of '{one.record.method}' is {one.record.status} ({why}). "
                "Choose complete runs."
            )
    where = [one.record.protocol.split for one in runs]
    if where[0] != where[1]:
        raise BenchmarkError(
            f"these two runs were not measured the same way: split is '{where[0]}' in {run.record.run_id} "
            f"and '{where[1]}' in {other.record.run_id}. Choose two runs of one split."
        )
    # A row of its own each, even if both are of one method.
    named = []
    for one in runs:
        variant = ", ".join(filter(None, (one.record.variant, one.record.run_id)))
        named.append(replace(one, record=one.record.model_copy(update={"variant": variant})))
    names = [row_name(one.record) for one in named]
    return pairwise(_with_metric(named, metric), row=names[0], reference=names[1], metric=metric)


def _with_metric(runs: Sequence[StoredRun], metric: str) -> Sequence[StoredRun]:
    from benchmark.rescore import shown_with_metrics

    if any(metric in run.record.scores for run in runs):
        return runs  # a row without it is left out, and named
    return shown_with_metrics(runs, [metric])


def _only(chosen: Sequence[Chosen]) -> Chosen:
    if len(chosen) > 1:
        raise BenchmarkError(
            f"rows are compared within one table, and there are {', '.join(part.name for part in chosen)}. "
            "Choose one, such as with --dataset, --direction or --codes."
        )
    return chosen[0]
