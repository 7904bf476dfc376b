"""`show`: one finished run, what its record says, any of its metrics, or one of its queries."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.commands import options
from benchmark.commands.chosen_runs import find_run
from benchmark.commands.options import RESULTS_DIR, CacheDir, DataRoot, ResultsDir
from benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from benchmark.records import Record, StoredRun
    from benchmark.reporting.query_result import QueryResult

_N_PRINTED = 10


def show(
    run: Annotated[str, typer.Argument(help="Folder of a run, or its name, or the beginning of it.")],
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", help="Metric ids, comma-separated: stored ones, or from the rankings."),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option(
            "--query", help="One query: its position from 0, a part of its sketch's name, or a class."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines; draws nothing.")] = False,
    data_root: DataRoot = None,
    cache_dir: CacheDir = None,
    results_dir: ResultsDir = RESULTS_DIR,
) -> None:
    """Print the record of one run: what was measured, on what, with which configuration.

    With --metrics, these values, also of metrics that were not asked for when it ran. With --query, what one
    sketch found, and a picture of it under results/figures.

    [bold]Examples[/bold]

    run_benchmark.py show seed0-1a2b3c4d

    run_benchmark.py show seed0-1a2b3c4d --metrics map@100/min_k_r,p@50

    run_benchmark.py show seed0-1a2b3c4d --query 12
    """
    stored = find_run(run, results_dir)
    metric_ids = options.words(metrics)
    if query is not None:
        _show_query(stored, query, metric_ids, data_root, cache_dir, results_dir, as_json=as_json)
    elif metric_ids is not None:
        _show_metrics(stored, metric_ids, as_json=as_json)
    else:
        _show_record(stored, as_json=as_json)


def _show_record(run: StoredRun, *, as_json: bool) -> None:
    from rich.console import Console

    record = run.record.model_dump()
    if as_json:
        typer.echo(json.dumps(record, indent=2, sort_keys=True))
        return
    console = Console()
    for name, value in record.items():
        if value not in ({}, [], None, ""):
            _print_field(console, name, value)
    typer.echo(f"folder: {run.folder}")


def _show_metrics(run: StoredRun, metric_ids: Sequence[str], *, as_json: bool) -> None:
    from benchmark.rescore import rescore

    measured = rescore(run, metric_ids)
    origins = {"stored": "stored", "rankings": "from the stored rankings"}
    if as_json:
        found = {
            name: {**own.score.model_dump(), "origin": origins[own.origin]} for name, own in measured.items()
        }
        typer.echo(json.dumps({"run_id": run.record.run_id, "metrics": found}, indent=2))
        return
    typer.echo(_headline(run.record))
    lines = [("metric", "query mean", "95 % interval", "class-balanced mean", "chance", "queries", "origin")]
    for name, own in measured.items():
        score = own.score
        interval = f"[{score.ci_low:.4f}, {score.ci_high:.4f}]"
        means = f"{score.value:.4f}", interval, f"{score.class_balanced:.4f}", f"{score.chance:.4f}"
        lines.append((name, *means, str(score.n_queries_used), origins[own.origin]))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def _show_query(
    run: StoredRun,
    text: str,
    metric_ids: Sequence[str] | None,
    data_root: Path | None,
    cache_dir: Path | None,
    results_dir: Path,
    *,
    as_json: bool,
) -> None:
    from benchmark.commands.plot import index_of
    from benchmark.reporting.query_result import find_query, query_result

    index, no_picture = None, ""
    try:
        index = index_of(run, data_root, cache_dir)
    except BenchmarkError as error:
        no_picture = str(error)
    query = find_query(run.per_query(), text, index, run.record.protocol.modalities[0])
    result = query_result(run, query, metric_ids, index)
    if as_json:
        run_of = {name: getattr(run.record, name) for name in ("run_id", "method", "variant", "seed")}
        where = {name: getattr(run.record.protocol, name) for name in ("dataset", "split")}
        typer.echo(json.dumps({**run_of, **where, **dataclasses.asdict(result)}, indent=2))
        return
    _print_query(run.record, result)
    if index is not None:
        from benchmark.reporting.plots import save_figure
        from benchmark.reporting.retrieval_plot import one_query

        protocol, record = run.record.protocol, run.record
        name = f"{protocol.dataset}-{protocol.split}-{record.method}-{record.run_id}-query{query}"
        try:
            figure = one_query(run, index, query)
        except BenchmarkError as error:
            no_picture = str(error)
        else:
            for path in save_figure(figure, results_dir / "figures" / name):
                typer.echo(path)
    if no_picture:
        typer.echo(f"No picture: {no_picture}", err=True)


def _print_query(record: Record, result: QueryResult) -> None:
    def called(class_name: str | None, label: int) -> str:
        return class_name or f"class {label}"

    own_class = called(result.class_name, result.label)
    typer.echo(_headline(record))
    typer.echo(
        f"query {result.query}: {result.name}, {own_class}; "
        f"{result.n_right} of {result.n_gallery} {_gallery(record)} are of its {_kind(record)}"
    )
    values = (f"{name} {'-' if value is None else f'{value:.3f}'}" for name, value in result.metrics.items())
    typer.echo("  ".join(values))
    shown = result.photos[:_N_PRINTED]
    width = max((len(called(photo.class_name, photo.label)) for photo in shown), default=0)
    for photo in shown:
        verdict = "right" if photo.is_right else "wrong"
        name = called(photo.class_name, photo.label)
        typer.echo(f"{photo.rank:>3}  {verdict}  {name:<{width}}  {photo.name}")


def _gallery(record: Record) -> str:
    from datasets.settings import PLURALS

    return PLURALS[record.protocol.modalities[1]]


def _kind(record: Record) -> str:
    return "class" if record.protocol.relevance == "category" else "instance"


def _headline(record: Record) -> str:
    from benchmark.reporting.joining import row_name

    where = f"{record.protocol.dataset}, {record.protocol.split}"
    return f"{row_name(record)}, {where}, seed {record.seed} ({record.run_id})"


def _print_field(console: Console, name: str, value: object, indent: int = 0) -> None:
    blanks = " " * indent
    if isinstance(value, dict) and value:
        console.print(f"{blanks}{name}:", style="bold" if not indent else None, markup=False)
        for key, part in value.items():
            _print_field(console, key, part, indent + 2)
        return
    if isinstance(value, list) and any(str(part).endswith(".") for part in value):  # sentences
        console.print(f"{blanks}{name}:", markup=False)
        for part in value:
            console.print(f"{blanks}  - {part}", markup=False, highlight=False, soft_wrap=True)
        return
    if isinstance(value, list):
        value = ", ".join(f"{part:.4g}" if isinstance(part, float) else str(part) for part in value)
    elif isinstance(value, float):
        value = f"{value:.4g}"
    console.print(f"{blanks}{name}: {value}", markup=False, highlight=False, soft_wrap=True)
