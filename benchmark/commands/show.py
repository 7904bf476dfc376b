"""`show`: one finished run, everything that its record says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.commands.options import RESULTS_DIR, ResultsDir
from benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from rich.console import Console


def show(
    run: Annotated[str, typer.Argument(help="Folder of a run, or its name, or the beginning of it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print record.json.")] = False,
    results_dir: ResultsDir = RESULTS_DIR,
) -> None:
    """Print the record of one run: what was measured, on what, with which configuration.

    [bold]Example[/bold]: run_benchmark.py show seed0-1a2b3c4d
    """
    from rich.console import Console

    from benchmark.records import stored_runs

    stored = list(stored_runs(results_dir / "runs"))
    name = Path(run).name
    found = [run_ for run_ in stored if run_.record.run_id.startswith(name)]
    if Path(run).is_dir():
        found = [run_ for run_ in stored if run_.folder.resolve() == Path(run).resolve()]
    if len(found) != 1:
        named = ", ".join(
            f"{r.record.run_id} ({r.record.method}, {r.record.protocol.split})" for r in (found or stored)[:8]
        )
        raise BenchmarkError(
            f"'{run}' fits {len(found)} runs{'' if found else '; there are'}: {named or 'none'}. "
            f"Give enough of the id to fit one; the folders under {results_dir / 'runs'} carry them."
        )
    record = found[0].record.model_dump()
    if as_json:
        typer.echo(json.dumps(record, indent=2, sort_keys=True))
        return
    console = Console()
    for name, value in record.items():
        if value not in ({}, [], None, ""):
            _print_field(console, name, value)
    typer.echo(f"folder: {found[0].folder}")


def _print_field(console: Console, name: str, value: object, indent: int = 0) -> None:
    blanks = " " * indent
    if isinstance(value, dict) and value:
        console.print(f"{blanks}{name}:", style="bold" if not indent else None, markup=False)
        for key, part in value.items():
            _print_field(console, key, part, indent + 2)
        return
    if isinstance(value, list):
        value = ", ".join(f"{part:.4g}" if isinstance(part, float) else str(part) for part in value)
    elif isinstance(value, float):
        value = f"{value:.4g}"
    console.print(f"{blanks}{name}: {value}", markup=False, highlight=False, soft_wrap=True)
