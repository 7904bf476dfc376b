"""`run`: execute a suite, or a grid given by flags, then show the comparison."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.codes.term import CodeKind
from benchmark.commands import options
from benchmark.commands.options import RESULTS_DIR, CacheDir, DataRoot, Device, Plugins, ResultsDir, Threads
from benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from benchmark.suite import Suite


class Rerun(StrEnum):
    """Which finished runs are executed again."""

    MISSING = "missing"
    FAILED = "failed"
    ALL = "all"


GRID = "What to run"
RUN_FAILED = 2


def run(
    suite: Annotated[
        str | None,
        typer.Option(
            help="Suite by name (`list suites`) or TOML file. Default: default.", rich_help_panel=GRID
        ),
    ] = None,
    methods: Annotated[
        str | None, typer.Option(help="Method ids, comma-separated, or all.", rich_help_panel=GRID)
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Data set id (`list datasets`).", rich_help_panel=GRID)
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Protocol of the data set.", rich_help_panel=GRID)
    ] = None,
    splits: Annotated[
        str | None, typer.Option(help="Split ids, comma-separated, or all.", rich_help_panel=GRID)
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds, comma-separated.", rich_help_panel=GRID)] = None,
    backbone: Annotated[str | None, typer.Option(help="Backbone id.", rich_help_panel=GRID)] = None,
    config: Annotated[
        str | None,
        typer.Option(
            help="tuned (committed for the split, else defaults), default, paper, smoke, or a TOML file.",
            rich_help_panel=GRID,
        ),
    ] = None,
    codes: Annotated[
        CodeKind | None,
        typer.Option(help="What embeddings become before they are compared.", rich_help_panel=GRID),
    ] = None,
    bits: Annotated[
        int | None, typer.Option(min=1, help="Length of an ITQ code. Default: 64.", rich_help_panel=GRID)
    ] = None,
    plugin: Plugins = None,
    rerun: Annotated[Rerun, typer.Option(help="Which finished runs to execute again.")] = Rerun.MISSING,
    limit: Annotated[
        int, typer.Option(min=0, help="Pictures per class, for a trial: the runs stay out of tables. 0: all.")
    ] = 0,
    skip_corrupt: Annotated[
        bool, typer.Option("--skip-corrupt", help="Leave unreadable pictures out; the record lists them.")
    ] = False,
    device: Device = None,
    threads: Threads = None,
    data_root: DataRoot = None,
    cache_dir: CacheDir = None,
    results_dir: ResultsDir = RESULTS_DIR,
) -> int:
    """Run a suite and show its comparison table.

    Finished runs are kept under results/runs and not repeated: after Ctrl-C or a crash, the same command goes
    on where it stopped. Flags change the suite they stand beside.

    [bold]Examples[/bold]

    run_benchmark.py run --suite smoke

    run_benchmark.py run --methods frozen,centred,zscmr --splits fold0 --seeds 0,1,2

    run_benchmark.py run --dataset folder --data-root DIR --methods frozen,centred,zscmr

    run_benchmark.py run --methods centred,zscmr --codes itq --bits 32

    run_benchmark.py run --plugin my_method.py --methods centred,my_method
    """
    device = options.set_up(device, threads, plugin)
    from benchmark.commands.report import report
    from benchmark.display import SuiteDisplay
    from benchmark.records import digest
    from benchmark.runner import run_suite
    from benchmark.suite import load_suite

    base = load_suite(suite or "default")
    chosen = _changed(
        base,
        methods=options.words(methods),
        dataset=dataset,
        protocol=protocol,
        splits=options.words(splits),
        seeds=_numbers(seeds),
        backbone=backbone,
        config=config,
        codes=codes,
        bits=bits,
    )
    where = options.make_where(
        cache_dir=cache_dir,
        results_dir=results_dir,
        data_root=data_root,
        device=device,
        skip_corrupt=skip_corrupt,
        limit=limit,
    )
    display = SuiteDisplay(options.progress_console())
    result = run_suite(chosen, where, display, rerun=rerun.value)
    # A grid of one's own does not overwrite the tables and figures of a suite or of another grid.
    terms = digest(chosen.model_dump(mode="json"))[:6]
    name = base.name if chosen == base else f"{result.data.dataset.id}-{terms}"
    report(result, name, results_dir, display)
    return RUN_FAILED if result.failed else 0


def _changed(suite: Suite, **flags: Any) -> Suite:
    """Return the suite with the flags that were given."""
    changes: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    for name in ("methods", "splits"):
        if changes.get(name) == ("all",):
            changes[name] = "all"
    if changes.get("dataset", suite.dataset) != suite.dataset:
        # Splits and protocol of the suite's data set mean nothing on another one.
        changes = {"splits": "all", "protocol": None, **changes}
    if "methods" in changes:
        changes["variants"] = ()
    changed = suite.model_copy(update=changes)
    if "bits" in changes and not changed.codes.is_itq:
        raise BenchmarkError(
            f"--bits {changed.bits}: only ITQ has a number of bits, and codes are '{changed.codes}'. "
            "Add --codes itq."
        )
    return changed


def _numbers(text: str | None) -> tuple[int, ...] | None:
    parts = options.words(text)
    if parts is None:
        return None
    if not parts or not all(part.isdecimal() for part in parts):
        raise BenchmarkError(f"--seeds {text}: give whole numbers from 0, comma-separated, such as 0,1,2.")
    return tuple(int(part) for part in parts)
