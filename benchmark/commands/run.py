"""`run`: execute a suite, or a grid given by flags, then show the comparison."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.codes.term import CodeKind
from benchmark.commands import options
from benchmark.commands.options import RESULTS_DIR, CacheDir, DataRoot, Device, Plugins, ResultsDir, Threads
from benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmark.display import SuiteDisplay
    from benchmark.prepare import PreparedData, Where
    from benchmark.suite import Suite


class Rerun(StrEnum):
    """Which finished runs are executed again."""

    MISSING = "missing"
    FAILED = "failed"
    ALL = "all"


GRID = "What to run"
TEST = "How it is tested"
NETWORK = "Which features"
RUN_FAILED = 2
N_NAMED = 5


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
        str | None,
        typer.Option(
            help="Split ids, comma-separated, or all. Default: the data set's first.", rich_help_panel=GRID
        ),
    ] = None,
    setting: Annotated[
        str | None,
        typer.Option(help="zs, or gzs/heldout, all_seen, sem_pcyc, open_search.", rich_help_panel=TEST),
    ] = None,
    direction: Annotated[
        str | None,
        typer.Option(help="sketch2photo, photo2sketch, sketch2sketch, photo2photo.", rich_help_panel=TEST),
    ] = None,
    queries: Annotated[
        str | None,
        typer.Option(help="all, or sake10; within one modality loo, or sake10.", rich_help_panel=TEST),
    ] = None,
    relevance: Annotated[
        str | None, typer.Option(help="What counts as found: category or instance.", rich_help_panel=TEST)
    ] = None,
    preprocessing: Annotated[
        str | None,
        typer.Option(help="stretch, sake, sem_pcyc, zse, sketch_lvm.", rich_help_panel=TEST),
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds, comma-separated.", rich_help_panel=GRID)] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            help="Backbone id (`list backbones`), such as resnet50 or timm:MODEL.", rich_help_panel=NETWORK
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Weights file of the backbone, or random.", rich_help_panel=NETWORK),
    ] = None,
    finetune: Annotated[
        str | None,
        typer.Option(
            help="seen: first fine-tune the backbone on the seen classes, once a modality. Or none.",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            help="tuned (committed for the split, else defaults), default, paper, smoke, or a TOML file.",
            rich_help_panel=GRID,
        ),
    ] = None,
    class_vectors: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Word vectors or vectors of class names (word2vec, GloVe, fastText, .npz, .npy, .mat). "
            "Default: the committed ones, all_minilm_l6_v2.",
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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run, what is cached, what it would take.")
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

    run_benchmark.py run --dataset precomputed --data-root DIR

    run_benchmark.py run --methods centred,zscmr --codes itq --bits 32

    run_benchmark.py run --backbone resnet50 --finetune seen --methods frozen,centred,zscmr

    run_benchmark.py run --methods ridge,zscmr --class-vectors GoogleNews-vectors-negative300.bin

    run_benchmark.py run --plugin my_method.py --methods centred,my_method

    run_benchmark.py run --suite paper --data-root DIR --dry-run

    run_benchmark.py run --dataset sketchy_ext --data-root DIR --splits sake25 --setting gzs/heldout

    run_benchmark.py run --dataset emoji54 --direction photo2photo --preprocessing zse
    """
    options.load_plugins(plugin)
    from benchmark.commands.flagged_grids import changed, fitting, given
    from benchmark.names import check_names
    from benchmark.suite import load_suite

    base = load_suite(suite or "default")
    flags = given(
        methods=options.words(methods),
        dataset=dataset,
        protocol=protocol,
        splits=options.words(splits),
        setting=setting,
        direction=direction,
        queries=queries,
        relevance=relevance,
        preprocessing=preprocessing,
        seeds=_numbers(seeds),
        backbone=backbone,
        weights=weights,
        finetune=_known("finetune", finetune, ("none", "seen")),
        config=config,
        class_vectors=class_vectors,
        codes=codes,
        bits=bits,
    )
    chosen = changed(base, flags)
    for suite_of_flags in chosen:
        check_names(suite_of_flags)
    options.check_folders(cache_dir, results_dir)
    if not dry_run:
        for suite_of_flags in chosen:
            _open_dataset(suite_of_flags, chosen, options.cache_folder(cache_dir), data_root)
    device = options.set_up(device, threads)
    from benchmark.display import SuiteDisplay
    from benchmark.runner import check_fine_tuning, grids_of

    where = options.make_where(
        cache_dir=cache_dir,
        results_dir=results_dir,
        data_root=data_root,
        device=device,
        skip_corrupt=skip_corrupt,
        limit=limit,
        may_fetch=not dry_run,
    )
    display = SuiteDisplay(options.progress_console())
    kept, chosen_by = fitting(base, flags)
    if chosen_by:
        left_out = [grid.part for grid in base if grid not in kept]
        named = "; ".join(left_out[:N_NAMED]) + ("; …" if len(left_out) > N_NAMED else "")
        display.message(
            f"--{' --'.join(chosen_by)}: {len(kept)} of the {len(base)} grids of suite '{base[0].name}' fit. "
            f"Left out: {named}."
        )
    for suite_of_flags in chosen:
        check_fine_tuning(suite_of_flags)
    if dry_run:
        from benchmark.commands.dry_run import dry_run as say

        return say(chosen, where, display, rerun=rerun.value)
    return _run_all(grids_of(chosen, where), base, where, display, rerun)


def _run_all(
    grids: Sequence[Suite], base: Sequence[Suite], where: Where, display: SuiteDisplay, rerun: Rerun
) -> int:
    from benchmark.commands.flagged_grids import is_of, own_name
    from benchmark.commands.report import report
    from benchmark.runner import prepare_suite, run_suite

    prepared: list[PreparedData] = []
    for suite in grids:  # all of them before the first run: a data set that is not there is said at once
        with _other_datasets_named(suite, grids):
            prepared.append(prepare_suite(suite, where, display, before=prepared))
    has_failed = False
    for data in prepared:
        result = run_suite(data, display, rerun=rerun.value)
        is_named = any(is_of(data.suite, own) for own in base)
        name = data.suite.file_name if is_named else own_name(data)
        report(result, name, where.results_dir, display)
        has_failed |= bool(result.failed)
    return RUN_FAILED if has_failed else 0


def _open_dataset(suite: Suite, grids: Sequence[Suite], cache_dir: Path, data_root: Path | None) -> None:
    """Refuse a data set that lacks its --data-root, or has none."""
    from benchmark.registry import DATASETS

    with _other_datasets_named(suite, grids):
        DATASETS.get(suite.dataset)(root=data_root, cache_dir=cache_dir)


@contextmanager
def _other_datasets_named(suite: Suite, grids: Sequence[Suite]) -> Iterator[None]:
    """Let an error say with which flag the other grids run."""
    try:
        yield
    except BenchmarkError as error:
        others = sorted({grid.dataset for grid in grids} - {suite.dataset})
        hint = f" Without it: --dataset {', or --dataset '.join(others)}." if others else ""
        raise BenchmarkError(f"{error}{hint}") from error


def _known(flag: str, value: str | None, known: tuple[str, ...]) -> str | None:
    if value is not None and value not in known:
        raise BenchmarkError(f"--{flag} {value}: known are {', '.join(known)}.")
    return value


def _numbers(text: str | None) -> tuple[int, ...] | None:
    parts = options.words(text)
    if parts is None:
        return None
    if not parts or not all(part.isdecimal() for part in parts):
        raise BenchmarkError(f"--seeds {text}: give whole numbers from 0, comma-separated, such as 0,1,2.")
    return tuple(int(part) for part in parts)
