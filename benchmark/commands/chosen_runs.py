"""The flags that say which finished runs a verb is about, and the runs they choose."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.commands import options
from benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from benchmark.records import StoredRun

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
Codes = Annotated[
    str | None, typer.Option("--codes", help='real, sign, "itq, 64 bits", or a beginning such as itq.')
]


def choose_runs(
    results_dir: Path,
    suite: str | None,
    dataset: str | None,
    splits: str | None,
    methods: str | None,
    protocol: str | None,
    backbone: str | None,
    codes: str | None,
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
        "codes": codes,
    }
    if codes is not None:
        flags["codes"] = _codes_of(codes, {run.record.protocol.codes for run in runs})
    given = {name: value for name, value in flags.items() if value is not None}
    stored = {
        "methods": {run.record.method for run in runs},
        "splits": {run.record.protocol.split for run in runs},
        "protocol": {run.record.protocol.protocol for run in runs},
        "backbone": {run.record.backbone for run in runs},
        "codes": {run.record.protocol.codes for run in runs},
    }
    for name, known in stored.items():
        wanted = given.get(name, ())
        unknown = [
            value for value in ((wanted,) if isinstance(wanted, str) else wanted) if value not in known
        ]
        if unknown and known:
            there = "; " if name == "codes" else ", "  # whose names hold commas
            raise BenchmarkError(
                f"--{name} {', '.join(unknown)}: no stored run has it. There are {there.join(sorted(known))}."
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


def _codes_of(text: str, known: set[str]) -> str:
    """Return the stored codes of which a text is the whole or the first words, else the text itself."""
    # Up to a comma: "itq" is never one of the transductive kinds.
    fitting = sorted(codes for codes in known if f"{codes}, ".startswith(f"{text}, "))
    if text in known or not fitting:
        return text
    if len(fitting) > 1:
        raise BenchmarkError(f"--codes {text} fits {'; '.join(fitting)}. Give enough of one to fit it alone.")
    return fitting[0]


def find_run(text: str, results_dir: Path) -> StoredRun:
    """Return the run of a folder, or of a name or its beginning. Raises BenchmarkError unless one fits."""
    from benchmark.records import read_run, stored_runs

    if (Path(text) / "record.json").is_file():
        try:
            return read_run(Path(text))
        except ValueError as error:
            raise BenchmarkError(str(error)) from error
    stored = list(stored_runs(results_dir / "runs"))
    if not stored:
        raise BenchmarkError(
            f"no run '{text}': there are no runs under {results_dir / 'runs'}. --results-dir names another "
            "results folder; `run_benchmark.py run` makes runs."
        )
    name = Path(text).name
    found = [run for run in stored if name and run.record.run_id.startswith(name)]
    if len(found) == 1:
        return found[0]
    named = ", ".join(
        f"{run.record.run_id} ({run.record.method}, {run.record.protocol.split})"
        for run in (found or stored)[:8]
    )
    raise BenchmarkError(
        f"'{text}' fits {len(found)} runs{'' if found else '; there are'}: {named}. "
        f"Give enough of the id to fit one; the folders under {results_dir / 'runs'} carry them."
    )
