"""Reference results from finished runs: all of them, or a refusal that names those that lack."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from benchmark.display import SuiteDisplay
from benchmark.errors import BenchmarkError
from benchmark.identity import source_sha256
from benchmark.prepare import Where
from benchmark.records import StoredRun
from benchmark.reference import collect as collecting
from benchmark.reference.collect import collect
from benchmark.reference.rulers import readings_of
from benchmark.reference.store import (
    FOLDER,
    read_reference,
    reference_datasets,
    reference_path,
    write_reference,
)
from benchmark.reference.views import older_in_words
from benchmark.registry import load_plugin
from benchmark.runner import prepare_suite, run_suite
from benchmark.suite import Suite
from datasets.splits import committed_split

Finish = Callable[[], dict[str, StoredRun]]


@pytest.fixture
def where(picture_root: Path, tmp_path: Path) -> Where:
    return Where(tmp_path / "cache", tmp_path / "results", picture_root)


@pytest.fixture
def display() -> SuiteDisplay:
    return SuiteDisplay(Console(file=open(os.devnull, "w")))  # noqa: PTH123


@pytest.fixture
def finish(
    open_registries: None,
    write_plugin: Callable[..., Path],
    where: Where,
    display: SuiteDisplay,
    monkeypatch: pytest.MonkeyPatch,
) -> Finish:
    """Make every suite one of two methods on a small data set, one of which fails, and run it."""
    load_plugin(write_plugin("mean_colour"))
    load_plugin(write_plugin("broken", 'raise RuntimeError("no memory for this")'))
    suite = Suite(name="t", title="t", dataset="folder", methods=("mean_colour", "broken"))
    monkeypatch.setattr(collecting, "load_suite", lambda name: (suite,))

    def run() -> dict[str, StoredRun]:
        found = run_suite(prepare_suite(suite, where, display), display).runs
        return {one.record.method: one for one in found}

    return run


def test_finished_and_failed_runs_are_taken_over(
    finish: Finish, where: Where, display: SuiteDisplay, tmp_path: Path
) -> None:
    runs = finish()
    (path,) = collect(where, display, tmp_path)
    assert path.parent == tmp_path / FOLDER
    found = {run.record.method: run.record for run in read_reference(path).runs}
    assert {method: record.status for method, record in found.items()} == {
        "mean_colour": "complete",
        "broken": "failed",
    }
    made = runs["mean_colour"].record
    assert found["mean_colour"].identity == made.identity
    of_classes = made.per_class["map@all"]
    assert len(of_classes) > 1
    assert found["mean_colour"].per_class["map@all"] == pytest.approx(of_classes, abs=1e-4)


@pytest.mark.parametrize("dataset", reference_datasets())
def test_classes_of_the_results_are_the_unseen_ones(dataset: str) -> None:
    for run in read_reference(dataset).runs:
        unseen = committed_split(dataset, run.record.protocol.split).unseen
        assert set(run.record.per_class["map@all"]) == set(unseen)


def test_a_run_without_a_record_is_named_and_nothing_is_written(
    finish: Finish, where: Where, display: SuiteDisplay, tmp_path: Path
) -> None:
    shutil.rmtree(finish()["mean_colour"].folder)
    with pytest.raises(
        BenchmarkError, match=r"suite 'full' has no record of 1 runs.*mean_colour, .*--suite full"
    ):
        collect(where, display, tmp_path)
    assert not (tmp_path / FOLDER).exists()


def test_a_run_by_an_older_version_of_its_code_is_taken_and_named(
    finish: Finish, where: Where, display: SuiteDisplay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = finish()["mean_colour"].record
    monkeypatch.setattr(
        "benchmark.plan.source_sha256",
        lambda method: "changed" if method.card.id == "mean_colour" else source_sha256(method),
    )
    (path,) = collect(where, display, tmp_path)
    reference = read_reference(path)
    assert reference.of_older_source == {old.identity}
    assert older_in_words(reference) == "The code of `mean_colour` has changed since its runs."


def test_runs_that_are_no_longer_there_stay_as_they_stand_in_the_results(
    finish: Finish, where: Where, display: SuiteDisplay, tmp_path: Path
) -> None:
    runs = finish()
    (path,) = collect(where, display, tmp_path)
    first = path.read_bytes()
    shutil.rmtree(runs["mean_colour"].folder)
    assert collect(where, display, tmp_path) == (path,)
    assert path.read_bytes() == first


def test_a_run_made_anew_takes_the_place_of_the_one_that_stands(
    finish: Finish, where: Where, display: SuiteDisplay, tmp_path: Path
) -> None:
    finish()
    (path,) = collect(where, display, tmp_path)
    before = read_reference(path)
    shutil.rmtree(where.runs_dir)
    runs = finish()
    collect(where, display, tmp_path)
    started = {run.record.method: run.record.started for run in read_reference(path).runs}
    assert started == {method: run.record.started for method, run in runs.items()}
    assert started != {run.record.method: run.record.started for run in before.runs}


def test_an_older_run_that_stands_there_is_taken_and_named(
    finish: Finish, where: Where, display: SuiteDisplay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = finish()["mean_colour"]
    (path,) = collect(where, display, tmp_path)
    shutil.rmtree(old.folder)
    monkeypatch.setattr(
        "benchmark.plan.source_sha256",
        lambda method: "changed" if method.card.id == "mean_colour" else source_sha256(method),
    )
    collect(where, display, tmp_path)
    assert read_reference(path).of_older_source == {old.record.identity}


def test_a_row_of_which_some_runs_alone_have_rankings_is_refused(
    finish: Finish, where: Where, display: SuiteDisplay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmark.reference.rulers.wanted_ids", lambda *sizes: ("map@all", "p@1"))
    runs = finish()
    (path,) = collect(where, display, tmp_path)
    stored, before = read_reference(path), runs["mean_colour"]
    (kept,) = (run for run in stored.runs if run.record.method == "mean_colour")
    other = StoredRun(before.folder, before.record.model_copy(update={"seed": 1}))
    with pytest.raises(BenchmarkError, match=r"rankings of mean_colour .*--suite full --methods mean_colour"):
        readings_of([kept, other], stored.readings)
    with pytest.raises(BenchmarkError, match="rankings of mean_colour"):
        readings_of([kept], {})
    readings = readings_of([kept], stored.readings)
    assert readings == stored.readings
    assert len(readings["mean_colour"]) == 4


def test_results_that_cannot_be_read_are_made_anew_from_runs(
    finish: Finish, where: Where, display: SuiteDisplay, tmp_path: Path
) -> None:
    finish()
    (path,) = collect(where, display, tmp_path)
    first = path.read_bytes()
    path.write_bytes(first[:100])
    collect(where, display, tmp_path)
    assert path.read_bytes() == first


def test_results_of_a_newer_schema_are_left_alone(
    finish: Finish, where: Where, display: SuiteDisplay, tmp_path: Path
) -> None:
    finish()
    (path,) = collect(where, display, tmp_path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "schema": 99}))
    with pytest.raises(BenchmarkError, match="has schema 99"):
        collect(where, display, tmp_path)
    assert json.loads(path.read_text())["schema"] == 99


@pytest.mark.parametrize("dataset", reference_datasets())
def test_what_is_read_and_written_again_is_the_same_file(dataset: str, tmp_path: Path) -> None:
    stored = read_reference(dataset)
    path = write_reference(
        tmp_path / "again.json", stored.suites, stored.readings, of_older_source=stored.of_older_source
    )
    assert path.read_bytes() == reference_path(dataset).read_bytes()


def test_a_run_of_other_terms_is_not_taken_for_one_by_an_older_version(
    finish: Finish, where: Where, display: SuiteDisplay, tmp_path: Path
) -> None:
    stored = finish()["mean_colour"]
    record = json.loads((stored.folder / "record.json").read_text())
    record["identity"] = "0" * 64  # what other terms would give
    (stored.folder / "record.json").write_text(json.dumps(record))
    with pytest.raises(BenchmarkError, match="mean_colour"):
        collect(where, display, tmp_path)
