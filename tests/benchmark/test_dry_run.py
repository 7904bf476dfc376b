"""`run --dry-run`: says what would run, what is there and what is lacking, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmark import cli
from benchmark.display import SuiteDisplay
from benchmark.prepare import Where
from benchmark.records import StoredRun
from benchmark.registry import load_plugin, register_backbone, register_dataset
from benchmark.runner import prepare_suite, run_suite
from benchmark.suite import Suite
from datasets.backbones import Backbone, BackboneCard
from datasets.backbones.weights import WeightsFile
from datasets.folder import Folder
from datasets.preprocessing import NORMALISATIONS, PRESETS, Preprocessing

Say = Callable[..., tuple[int, str]]
Run = Callable[..., StoredRun]
WritePlugin = Callable[..., Path]


class Tiny(Backbone):
    """The mean of each channel: features without a network."""

    family, layers = "tiny", ("mean",)
    card = BackboneCard("tiny@mean", "Tiny", 3, 8, NORMALISATIONS["unit"], "mean", "nothing", "none", ())

    def weights_file(self) -> WeightsFile:
        return WeightsFile(None, "0" * 64, "none", is_published=True)

    def load(self, device: str, normalisation: object) -> Any:
        return lambda pictures: pictures.float().mean((2, 3))


class Small(Folder):
    """The small data set, found without --data-root."""

    card = replace(Folder.card, id="small", needs_root=False)
    place = Path()

    def __init__(self, **places: Any) -> None:
        super().__init__(**{**places, "root": None})
        self.root = self.place


@pytest.fixture(autouse=True)
def registered(open_registries: None, picture_root: Path, write_plugin: WritePlugin) -> None:
    """Two methods on pictures, of which `dice` runs every seed; a quick backbone; two data sets of files."""
    dice = write_plugin("dice")
    dice.write_text(dice.read_text().replace("is_random=False", "is_random=True"))
    for path in (write_plugin("mean_colour"), dice):
        load_plugin(path)
    register_backbone(Tiny)
    register_dataset(type("Here", (Small,), {"place": picture_root}))


@pytest.fixture
def say(picture_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Say:
    """Call `run --dry-run` in process; return exit code and what was printed on stdout."""

    def call(*flags: object, root: Path | None = picture_root) -> tuple[int, str]:
        places = ("--cache-dir", tmp_path / "cache", "--results-dir", tmp_path / "results")
        data = ("--data-root", root) if root else ()
        arguments = ("run", "--dry-run", "--backbone", "tiny", *places, *data, *flags)
        monkeypatch.setattr(sys, "argv", ["run_benchmark.py", *map(str, arguments)])
        capsys.readouterr()
        return cli.main(), capsys.readouterr().out

    return call


@pytest.fixture
def really_run(picture_root: Path, tmp_path: Path) -> Run:
    """Run one method in earnest in the places that `say` looks at."""

    def run(method: str, **terms: Any) -> StoredRun:
        suite = Suite(name="t", title="t", dataset="folder", methods=(method,), backbone="tiny", **terms)
        where = Where(tmp_path / "cache", tmp_path / "results", picture_root)
        display = SuiteDisplay(Console(file=open(os.devnull, "w")))  # noqa: SIM115, PTH123
        return run_suite(prepare_suite(suite, where, display), display).runs[0]

    return run


def write_suite(tmp_path: Path, *datasets: str) -> Path:
    path = tmp_path / "mine.toml"
    grids = "".join(f'[[grid]]\ndataset = "{dataset}"\n' for dataset in datasets)
    path.write_text(f'title = "Several"\nmethods = ["mean_colour"]\n{grids}')
    return path


def of_grids(say: Say, tmp_path: Path, *methods: str) -> list[str]:
    """What is printed of grids of one method each on the same pictures, in other settings."""
    path = tmp_path / "mine.toml"
    settings = ("zs", "gzs/heldout")
    grids = (
        f'[[grid]]\nsetting = "{own}"\nmethods = ["{name}"]\n'
        for own, name in zip(settings, methods, strict=True)
    )
    path.write_text('title = "Several"\ndataset = "folder"\n' + "".join(grids))
    return say("--suite", path)[1].split("mine, ")[1:]


FOLDER = ("--dataset", "folder")


def test_nothing_is_left_in_results_and_no_feature_in_the_cache(say: Say, tmp_path: Path) -> None:
    code, _ = say(*FOLDER, "--methods", "frozen,centred,mean_colour")
    assert code == 0
    assert [path for path in (tmp_path / "results").rglob("*") if path.is_file()] == []
    assert list((tmp_path / "cache").rglob("*.npy")) == []


def test_every_run_is_printed_and_a_method_without_randomness_once(say: Say) -> None:
    _, printed = say(*FOLDER, "--methods", "mean_colour,dice", "--seeds", "0,5")
    assert "runs: 0 finished, 3 to run" in printed
    found = re.findall(r"^ +(\w+), split, seed (\d): ", printed, re.M)
    assert found == [("mean_colour", "0"), ("dice", "0"), ("dice", "5")]
    assert printed.rstrip().endswith("Nothing was run.")


def test_data_and_terms_are_printed(say: Say) -> None:
    terms = ("--setting", "gzs/heldout", "--direction", "photo2photo", "--preprocessing", "zse")
    _, printed = say(*FOLDER, "--methods", "mean_colour", *terms)
    assert "data: folder_shapes, protocol standard, 15 sketches, 15 photos" in printed
    assert "test: gzs/heldout, photo2photo, queries loo, relevance category, preprocessing zse" in printed


def test_features_are_counted_as_cached_once_a_run_has_made_them(say: Say, really_run: Run) -> None:
    flags = (*FOLDER, "--methods", "centred")
    assert "features: 0 of 30 different pictures cached, 30 to extract, about" in say(*flags)[1]
    really_run("frozen")
    assert "features: 30 of 30 different pictures cached\n" in say(*flags)[1]


def test_a_preset_that_changes_sketches_alone_finds_the_photos_cached(
    say: Say, really_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRESETS, "inverted", Preprocessing("inverted", "", invert_sketch=True))
    really_run("frozen", preprocessing="stretch")
    _, printed = say(*FOLDER, "--methods", "centred", "--preprocessing", "inverted")
    assert "features: 15 of 30 different pictures cached, 15 to extract" in printed


def test_methods_that_read_pictures_wait_for_no_feature(say: Say) -> None:
    _, printed = say(*FOLDER, "--methods", "mean_colour")
    assert "features: 0 of 30 different pictures cached\n" in printed


def test_features_that_two_grids_share_are_to_be_extracted_once(say: Say, tmp_path: Path) -> None:
    first, second = of_grids(say, tmp_path, "frozen", "centred")
    assert "30 to extract, about" in first
    assert "to extract, about" not in second


def test_a_grid_that_needs_no_feature_leaves_them_to_the_next(say: Say, tmp_path: Path) -> None:
    first, second = of_grids(say, tmp_path, "mean_colour", "frozen")
    assert "to extract" not in first
    assert "30 to extract, about" in second


def test_a_picture_that_lies_in_two_places_is_counted_once(
    say: Say, picture_root: Path, tmp_path: Path
) -> None:
    root = tmp_path / "shapes"
    shutil.copytree(picture_root, root)
    shutil.copyfile(root / "photo" / "star" / "star-0.png", root / "photo" / "star" / "star-1.png")
    _, printed = say(*FOLDER, "--methods", "centred", root=root)
    assert "features: 0 of 29 different pictures cached, 29 to extract" in printed


def test_finished_runs_are_counted_and_not_listed(say: Say, really_run: Run) -> None:
    really_run("mean_colour")
    _, printed = say(*FOLDER, "--methods", "mean_colour,dice")
    assert "runs: 1 finished, 1 to run" in printed
    assert "mean_colour, split" not in printed
    assert "dice, split, seed 0" in printed


def test_with_rerun_all_nothing_counts_as_finished(say: Say, really_run: Run) -> None:
    really_run("mean_colour")
    _, printed = say(*FOLDER, "--methods", "mean_colour", "--rerun", "all")
    assert "runs: 0 finished, 1 to run" in printed


def test_the_time_of_a_method_that_never_ran_is_that_of_others(say: Say, really_run: Run) -> None:
    really_run("mean_colour")
    _, printed = say(*FOLDER, "--methods", "mean_colour,dice", "--rerun", "all")
    assert re.search(r"^ +mean_colour, split, seed 0: [^,]+, about \d+ s$", printed, re.M)
    assert re.search(r"^ +dice, split, seed 0: [^,]+, about \d+ s, judged by other methods$", printed, re.M)
    assert "1 run of methods that never ran judged by others" in printed


def test_a_method_that_never_ran_here_takes_what_the_reference_results_took(say: Say) -> None:
    _, printed = say(*FOLDER, "--methods", "centred")
    assert re.search(r"centred, split, seed 0: default, about \d+ s, judged by the reference", printed)
    assert "never ran" not in printed


def test_the_time_of_an_earlier_run_is_scaled_by_what_each_phase_works_on(say: Say, really_run: Run) -> None:
    # Here 9 sketches and 9 photos train, 6 queries rank 6 photos. The earlier run was on twice as many of
    # each: half of 100 s to fit, half of 20 s to embed, and no more than its 4 s to compare fewer pairs.
    path = really_run("mean_colour").folder / "record.json"
    record = json.loads(path.read_text())
    assert [record["counts"][name] for name in ("n_train_sketches", "n_train_photos")] == [9, 9]
    assert [record["counts"][name] for name in ("n_queries", "n_gallery")] == [6, 6]
    record["counts"] |= {"n_train_sketches": 20, "n_train_photos": 16, "n_queries": 12, "n_gallery": 12}
    record["phases_s"] = {"fit": 100.0, "embed": 20.0, "evaluate": 4.0}
    path.write_text(json.dumps(record))
    _, printed = say(*FOLDER, "--methods", "mean_colour", "--rerun", "all")
    assert "mean_colour, split, seed 0: default, about 1 min 04 s" in printed
    assert "In all about 1 min 04 s. Nothing was run." in printed


def test_a_time_is_judged_by_the_same_configuration_where_there_is_one(say: Say, really_run: Run) -> None:
    paths = [really_run("mean_colour", seeds=(seed,)).folder / "record.json" for seed in (0, 1)]
    for path, config, seconds in zip(paths, ({}, {"other": 1}), (200.0, 3000.0), strict=True):
        record = json.loads(path.read_text())
        record |= {"config": config, "phases_s": {"fit": seconds}}
        path.write_text(json.dumps(record))
    flags = (*FOLDER, "--methods", "mean_colour", "--rerun", "all")
    assert "mean_colour, split, seed 0: default, about 3 min 20 s\n" in say(*flags)[1]
    shutil.rmtree(paths[0].parent)
    assert "about 50 min 00 s, judged by another configuration\n" in say(*flags)[1]


def test_a_missing_data_root_is_named_and_the_next_grid_still_printed(say: Say, tmp_path: Path) -> None:
    code, printed = say("--suite", write_suite(tmp_path, "folder", "small"), root=None)
    assert code == 1
    first, second = printed.split("mine, small: ")
    assert (
        "mine, folder: changed by --backbone\n  cannot run: data set 'folder' needs --data-root DIR" in first
    )
    assert "15 sketches, 15 photos" in second
    assert "1 of 2 grids cannot run as they are" in second


@pytest.mark.parametrize(
    ("lacking", "named"), [("split.toml", "no split file"), ("photo", "photo does not exist")]
)
def test_what_is_missing_below_the_data_root_is_named_and_the_next_grid_still_printed(
    say: Say, picture_root: Path, tmp_path: Path, lacking: str, named: str
) -> None:
    root = tmp_path / "shapes"
    shutil.copytree(picture_root, root, ignore=lambda folder, names: {lacking} & set(names))
    code, printed = say("--suite", write_suite(tmp_path, "folder", "small"), root=root)
    assert code == 1
    assert re.search(rf"^  cannot run: .*{named}", printed, re.M)
    assert "15 sketches, 15 photos" in printed.split("mine, small: ")[1]


def test_a_dry_run_in_which_nothing_lacks_ends_well(say: Say, tmp_path: Path) -> None:
    code, printed = say("--suite", write_suite(tmp_path, "small"), root=None)
    assert (code, "cannot run" in printed) == (0, False)


@pytest.mark.parametrize(
    ("flag", "value"),
    [("methods", "zcmr"), ("preprocessing", "zs"), ("protocol", "all"), ("backbone", "resnet")],
)
def test_a_name_that_there_is_not_ends_the_call_at_once(say: Say, flag: str, value: str) -> None:
    assert say(*FOLDER, "--methods", "mean_colour", f"--{flag}", value) == (1, "")


def test_the_same_reason_is_printed_once(say: Say, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    grids = "".join(f'[[grid]]\nsetting = "{setting}"\n' for setting in ("zs", "gzs/heldout"))
    path.write_text(f'title = "x"\ndataset = "folder"\nmethods = ["mean_colour"]\n{grids}')
    code, printed = say("--suite", path, root=None)
    assert code == 1
    assert printed.count("needs --data-root DIR") == 1
    assert "cannot run: for the same reason" in printed
    assert "2 of 2 grids cannot run as they are" in printed
