"""`prepare`: make a data set from public downloads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.commands import options
from benchmark.commands.check_data import check_data
from benchmark.commands.options import CacheDir
from benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from benchmark.display import SuiteDisplay
    from datasets.base import DatasetCard
    from datasets.doodle101.build import Plan

KNOWN = "doodle101"


def prepare(
    dataset: Annotated[str, typer.Argument(help="Data set id: doodle101.", show_default=False)],
    quickdraw: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the simplified drawings of Quick, Draw!: airplane.ndjson, cell phone.ndjson, …"
        ),
    ] = None,
    caltech101: Annotated[
        Path | None,
        typer.Option(help="Folder of Caltech-101, unpacked: 101_ObjectCategories, or the one above it."),
    ] = None,
    data_root: Annotated[
        Path | None,
        typer.Option(
            "--data-root",
            help="Folder to make it in. Default: in the platform's data folder, where `run` looks for it.",
            rich_help_panel=options.WHERE,
        ),
    ] = None,
    cache_dir: CacheDir = None,
) -> int:
    """Make doodle101 from its two downloads, then check it as `check-data doodle101` does.

    [bold]Downloads[/bold], both under CC BY 4.0

    Quick, Draw! (Google), the simplified drawings of 49 classes:
    https://console.cloud.google.com/storage/quickdraw_dataset/full/simplified

    Caltech-101 (Fei-Fei, Fergus, Perona 2004), 101_ObjectCategories.tar.gz unpacked:
    https://data.caltech.edu/records/mzrjq-6wc02

    What is there already is not made again: after Ctrl-C or a crash the same command goes on.

    [bold]Examples[/bold]

    run_benchmark.py prepare doodle101 --quickdraw ~/Downloads --caltech101 ~/Downloads/caltech-101

    run_benchmark.py prepare doodle101 --quickdraw DIR --caltech101 DIR --data-root DIR
    """
    if dataset != KNOWN:
        raise BenchmarkError(
            f"prepare makes {KNOWN} only, not '{dataset}'. How to get other data sets: `list datasets`."
        )
    from benchmark.display import SuiteDisplay
    from datasets.doodle101 import Doodle101, default_root
    from datasets.doodle101.build import build, plan
    from datasets.files import write_whole

    root = data_root or default_root()
    display = SuiteDisplay(options.progress_console())
    try:
        work = plan(Doodle101.contents(), root, quickdraw=quickdraw, caltech101=caltech101)
        _say(work, display)
        if work.sketches or work.photos:  # a whole copy may lie where nothing can be written
            write_whole(root / "ATTRIBUTION.txt", _attribution(Doodle101.card))
            with display.stage(f"making {dataset}") as progress:
                build(work, progress)
    except OSError as error:
        raise BenchmarkError(
            f"{error.filename or root} cannot be written: {error.strerror or error}. Free the disk, or name "
            "another folder with --data-root; the same command goes on from there."
        ) from error
    return check_data(dataset, data_root=data_root, cache_dir=cache_dir)


def _say(work: Plan, display: SuiteDisplay) -> None:
    """In which folders the downloads were found, and what is to be made of them."""
    if work.sketches:
        n_classes = len({sketch.class_name for sketch in work.sketches})
        display.message(f"Quick, Draw!: drawings of {n_classes} classes in {work.quickdraw}")
    if work.photos:
        n_sources = len({photo.source for photo in work.photos})
        display.message(f"Caltech-101: {n_sources} class folders in {work.categories}")
    display.message(
        f"To make in {work.root}: {len(work.sketches):,} sketches and {len(work.photos):,} photos "
        f"({work.n_there:,} pictures are there)"
    )


def _attribution(card: DatasetCard) -> str:
    """What the licence asks for, to lie beside the pictures wherever they are taken."""
    lines = [f"{card.title}, made for the zero-shot sketch retrieval benchmark from:", *card.attributions]
    return "\n\n".join([*lines, "CC BY 4.0: https://creativecommons.org/licenses/by/4.0/"]) + "\n"
