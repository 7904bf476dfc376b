"""The flags that say which finished runs a verb is about, and the runs they choose."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.commands import options
from benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmark.records import StoredRun
    from benchmark.suite import Suite as SuiteGrid

Reference = Annotated[
    str | None,
    typer.Option("--reference", help="Row that differences are taken to. Default: that of the suite."),
]
Flags = dict[str, str | None]
"""Values of the flags below by name, None where they were not given."""

_HELP = {
    "Which runs": {
        "suite": "Rows, splits and seeds of a suite.",
        "dataset": "Data set id, as in the records.",
        "splits": "Split ids, comma-separated.",
        "methods": "Method ids, comma-separated.",
        "protocol": "Protocol of the data set.",
        "backbone": "Backbone id, with its layer.",
        "weights": "published, random, or the name of a weights file.",
        "finetune": "seen or none.",
        "codes": 'real, sign, "itq, 64 bits", or a beginning such as itq.',
    },
    "How they were tested": {
        "setting": "Such as zs (`list settings`).",
        "direction": "Such as sketch2photo.",
        "queries": "all, loo or sake10.",
        "relevance": "category or instance.",
        "preprocessing": "A preset, such as stretch.",
    },
}


def chooses_runs(verb: Callable[..., None]) -> Callable[..., None]:
    """Decorator that gives a verb the flags which choose runs; they reach it as one mapping, `flags`."""
    added = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[str | None, typer.Option(f"--{name}", help=text, rich_help_panel=panel)],
        )
        for panel, texts in _HELP.items()
        for name, text in texts.items()
    ]
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(verb, eval_str=True).parameters.values()
        if parameter.name != "flags"
    ]

    @functools.wraps(verb)
    def with_flags(**given: Any) -> None:
        verb(flags={parameter.name: given.pop(parameter.name) for parameter in added}, **given)

    # What typer reads: the two lists of parameters as one.
    with_flags.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
    with_flags.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *added)}
    return with_flags


@dataclass(frozen=True)
class Chosen:
    """The runs of one table. name: that of their files. reference: the row that differences are taken to."""

    name: str
    runs: tuple[StoredRun, ...]
    reference: str


def choose_runs(results_dir: Path, flags: Flags) -> tuple[Chosen, ...]:
    """Return the runs that the flags choose, table by table: each grid of a suite is one, each data set else.

    flags: as `chooses_runs` gives them; without any, the default suite is taken. Raises BenchmarkError when a
    flag names what no run has, and when no run is left.
    """
    from benchmark.codes.term import Codes
    from benchmark.commands.flagged_grids import changed
    from benchmark.dataset_ids import is_of_kind, kind_of
    from benchmark.records import stored_runs
    from benchmark.registry import DATASETS
    from benchmark.reporting.joining import by_dataset, by_family
    from benchmark.selection import Selection
    from benchmark.suite import load_suite
    from datasets.backbones import whole_id

    console = options.progress_console()

    def warn(text: str) -> None:
        console.print(text, style="yellow", markup=False, soft_wrap=True)

    suite = flags["suite"]
    runs = tuple(stored_runs(results_dir / "runs", warn=warn))
    stored = {
        "dataset": {run.record.protocol.dataset for run in runs},
        "methods": {run.record.method for run in runs},
        "splits": {run.record.protocol.split for run in runs},
        "backbone": {run.record.backbone for run in runs},
        "weights": {run.record.weights_choice for run in runs},
        "finetune": {run.record.finetune for run in runs},
        "preprocessing": {run.record.protocol.preset for run in runs},
        **{
            name: {getattr(run.record.protocol, name) for run in runs}
            for name in ("protocol", "setting", "direction", "queries", "relevance", "codes")
        },
    }
    given: dict[str, Any] = {}
    for name, value in flags.items():
        if value is None or name == "suite":
            continue
        given[name] = options.words(value) if name in ("methods", "splits") else value
        if name == "codes":
            of_suite = {str(Codes(grid.codes, grid.bits)) for grid in load_suite(suite)} if suite else set()
            # Those of the suite first: stored runs of other bits do not make its name unclear.
            given[name] = _codes_of(_codes_of(value, of_suite), stored[name])
        if name == "backbone" and value not in stored[name]:
            given[name] = whole_id(value)
        if name != "dataset":
            _require_known(name, given[name], stored[name])
    if suite is None and given:
        found = replace(Selection(), **given).of(runs)
        return tuple(Chosen(name, tuple(part), "centred") for name, part in by_dataset(found).items())

    chosen = []
    if "dataset" in given and not any(is_of_kind(known, given["dataset"]) for known in stored["dataset"]):
        DATASETS.get(given["dataset"])  # which names those there are
    every_grid = in_file = load_suite(suite or "default")
    if kind := kind_of(given.get("dataset", "")):  # `run` takes a suite to another data set in the same way
        every_grid = changed(in_file, {"dataset": kind.card.id})
    grids = [grid for grid in every_grid if _fits(grid, given)] or every_grid
    for grid in grids:
        selection = replace(Selection.of_suite(grid, runs), **given)
        if len(grids) > 1 and not any(selection.holds(run.record) for run in runs):
            warn(f"Suite '{grid.name}', {grid.part}: not run yet.")
            continue
        found = selection.of(runs)
        gaps = [] if given else selection.missing(found)
        if gaps:
            where = f"'{grid.name}'{f', {grid.part},' if grid.part else ''}"
            more = "; and every method without any run here" if grid.methods == "all" else ""
            warn(f"Suite {where} is not complete here. Not run yet: {'; '.join(gaps)}{more}.")
        families = by_family(found)
        for family, part in families.items():
            own = grid if len(families) == 1 else grid.of_family(family)
            name = own.file_name if grid in in_file else f"{own.file_name}-{given['dataset']}"
            chosen.append(Chosen(name, tuple(part), grid.reference))
    if not chosen:
        flag = f" --dataset {given['dataset']}" if "dataset" in given else ""
        raise BenchmarkError(
            f"no stored run fits suite '{suite}'{flag and ' with'}{flag}. "
            f"`run_benchmark.py run --suite {suite}{flag}` makes them."
        )
    return tuple(chosen)


def one_by_one(chosen: Sequence[Chosen], act: Callable[[Chosen], None]) -> None:
    """Call `act` for the runs of every table; a table that cannot be made does not stop the others.

    Raises BenchmarkError at the end, with the reason of each that could not.
    """
    faults = []
    for part in chosen:
        try:
            act(part)
        except BenchmarkError as error:
            faults.append(f"{part.name}: {error}" if len(chosen) > 1 else str(error))
    if faults:
        raise BenchmarkError("\n".join(faults))


def _fits(grid: SuiteGrid, given: Mapping[str, Any]) -> bool:
    """Whether a grid is among those that flags choose of a suite: other flags narrow its rows."""
    from benchmark.suite import CHOOSING, meets

    fields = (name for name in CHOOSING if name in given and name != "splits")
    return all(meets(grid, name, given[name]) or getattr(grid, name) is None for name in fields)


def _require_known(name: str, wanted: str | tuple[str, ...], known: set[str]) -> None:
    unknown = [value for value in ((wanted,) if isinstance(wanted, str) else wanted) if value not in known]
    if unknown and known:
        there = "; " if name == "codes" else ", "  # whose names hold commas
        raise BenchmarkError(
            f"--{name} {', '.join(unknown)}: no stored run has it. There are {there.join(sorted(known))}."
        )


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
