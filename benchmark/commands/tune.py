"""`tune`: search a method's hyper-parameters on the validation classes of each split."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmark.commands import options
from benchmark.commands.options import RESULTS_DIR, CacheDir, DataRoot, Device, Plugins, Threads


def tune(
    method: Annotated[str, typer.Argument(help="Method id (`list methods`).")],
    dataset: Annotated[str, typer.Option(help="Data set id (`list datasets`).")] = "emoji54",
    splits: Annotated[str, typer.Option(help="Split ids, comma-separated, or all.")] = "all",
    trials: Annotated[int, typer.Option(min=1, help="Trials a split; the protocol says 30.")] = 30,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Search again where a configuration exists.")
    ] = False,
    plugin: Plugins = None,
    device: Device = None,
    threads: Threads = None,
    data_root: DataRoot = None,
    cache_dir: CacheDir = None,
) -> int:
    """Search a method's hyper-parameters; `run` uses what is found.

    Training sees the seen classes without the validation ones, scoring the validation ones: no unseen class
    is looked at. The defaults are the first trial; the best three are repeated on three seeds. Written to
    methods/configs/METHOD/DATASET/SPLIT.toml after each split, with the log beside it: after Ctrl-C, the same
    command goes on with the next split.

    [bold]Examples[/bold]

    run_benchmark.py tune zscmr

    run_benchmark.py tune my_method --plugin my_method.py --splits fold0 --trials 10
    """
    options.load_plugins(plugin)
    from benchmark.names import check_names
    from benchmark.suite import Suite

    chosen = options.words(splits) or ()
    suite = Suite(
        name="tune",
        title=f"Search for {method}",
        dataset=dataset,
        methods=(method,),
        splits="all" if chosen == ("all",) else chosen,
    )
    check_names(suite)
    device = options.set_up(device, threads)
    from benchmark.display import SuiteDisplay
    from benchmark.tuning import tune_method

    where = options.make_where(
        cache_dir=cache_dir, results_dir=RESULTS_DIR, data_root=data_root, device=device
    )
    display = SuiteDisplay(options.progress_console())
    tune_method(method, suite, where, display, n_trials=trials, overwrite=overwrite)
    return 0
