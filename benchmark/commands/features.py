"""`features`: extract ahead of time what runs will read."""

from __future__ import annotations

import dataclasses
import itertools
import json
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.commands import options
from benchmark.commands.options import CacheDir, DataRoot, Device, Plugins, Threads
from benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from benchmark.ahead import Extracted


def features(
    datasets: Annotated[
        str, typer.Option(help="Data set ids, comma-separated (`list datasets`).")
    ] = "emoji54",
    backbones: Annotated[
        str, typer.Option(help="Backbone ids, comma-separated (`list backbones`).")
    ] = "efficientnet_lite0",
    weights: Annotated[
        str, typer.Option(help="Weights file of the one backbone, or random. Default: published.")
    ] = "published",
    preprocessing: Annotated[str, typer.Option(help="A preset (`list preprocessing`).")] = "stretch",
    skip_corrupt: Annotated[
        bool, typer.Option("--skip-corrupt", help="Leave unreadable pictures out, as runs with this flag do.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: JSON on stdout.")] = False,
    plugin: Plugins = None,
    device: Device = None,
    threads: Threads = None,
    data_root: DataRoot = None,
    cache_dir: CacheDir = None,
) -> int:
    """Extract features for a list of data sets and backbones, and keep them for the runs to come.

    Kept in shards: after Ctrl-C or a crash the same command goes on where it stopped. A picture that is
    added or changed is noticed: the features of its data set's sketches, or photos, are then made anew. What
    is kept depends on contents, preprocessing and weights alone.

    [bold]Examples[/bold]

    run_benchmark.py features --backbones resnet50,vgg16,timm:vit_small_patch8_224.dino

    run_benchmark.py features --datasets sketchy_ext,tuberlin_ext --backbones resnet50 --data-root DIR

    run_benchmark.py features --datasets folder --data-root DIR --device cuda:0,1
    """
    options.load_plugins(plugin)
    from benchmark.names import check_names
    from benchmark.suite import Suite

    of_datasets, of_backbones = options.words(datasets) or (), options.words(backbones) or ()
    for flag, named in (("datasets", of_datasets), ("backbones", of_backbones)):
        if not named:
            raise BenchmarkError(f"--{flag} names none. `list {flag}` shows what there is.")
    if weights not in ("published", "random") and len(of_backbones) != 1:
        raise BenchmarkError("--weights FILE is of one backbone. Name one with --backbones.")
    suites = [
        Suite(
            name="features",
            title="features",
            dataset=dataset,
            backbone=backbone,
            weights=weights,
            preprocessing=preprocessing,
            methods=("frozen",),
        )
        for dataset, backbone in itertools.product(of_datasets, of_backbones)
    ]
    for suite in suites:
        check_names(suite)
    device = options.set_up(device, threads)
    from benchmark.ahead import extract_ahead
    from benchmark.display import SuiteDisplay

    where = options.make_where(
        cache_dir=cache_dir,
        results_dir=options.RESULTS_DIR,
        data_root=data_root,
        device=device,
        skip_corrupt=skip_corrupt,
    )
    done = []
    for one in extract_ahead(suites, where, SuiteDisplay(options.progress_console())):
        done.append(one)
        if not as_json:
            typer.echo(_line(one))
    if as_json:
        typer.echo(json.dumps([{**dataclasses.asdict(one), "mib": one.mib} for one in done], indent=2))
    return 0


def _line(one: Extracted) -> str:
    head = f"{one.dataset}, {one.backbone}: {one.n_pictures:,} pictures, {one.dim}-d, {one.mib:,.0f} MiB"
    if not one.n_extracted:
        return f"{head}; all there already"
    speed = one.n_extracted / max(one.seconds, 1e-9)
    return f"{head}; {one.n_extracted:,} extracted in {one.seconds:.1f} s, {speed:,.0f} pictures/s"
