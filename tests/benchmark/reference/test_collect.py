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
from benchmark.reference.store import FOLDER, read_reference
from benchmark.reference.views import older_in_words
from benchmark.registry import load_plugin
from benchmark.runner import prepare_suite, run_suite
from benchmark.suite import Suite

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
    assert found["mean_colour"].identity == runs["mean_colour"].record.identity


def test_a_run_without_a_record_is_named_and_nothing_is_written(
    finish: Finish, where: Where, display: SuiteDisplay, tmp_path: Path
) -> None:
    shutil.rmtree(finish()["mean_colour"].folder)
    with pytest.raises(
        BenchmarkError, match=r"suite 'full' has no record in .* of 1 runs.*mean_colour, .*--suite full"
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


def test_a_run_of_other_terms_is_not_taken_for_one_by_an_older_version(
    finish: Finish, where: Where, display: SuiteDisplay, tmp_path: Path
) -> None:
    stored = finish()["mean_colour"]
    record = json.loads((stored.folder / "record.json").read_text())
    record["identity"] = "0" * 64  # what other terms would give
    (stored.folder / "record.json").write_text(json.dumps(record))
    with pytest.raises(BenchmarkError, match="mean_colour"):
        collect(where, display, tmp_path)
