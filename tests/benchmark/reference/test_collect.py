"""Reference results from finished runs: all of them, or a refusal that names those that lack."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from benchmark.display import SuiteDisplay
from benchmark.errors import BenchmarkError
from benchmark.prepare import Where
from benchmark.records import StoredRun
from benchmark.reference import collect as collecting
from benchmark.reference.collect import collect
from benchmark.reference.store import FOLDER, read_reference
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
