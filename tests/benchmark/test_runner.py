"""The runner: finished runs are kept, failures are records, a kill costs one run."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from benchmark import runner
from benchmark.claims import claimed
from benchmark.display import SuiteDisplay
from benchmark.errors import BenchmarkError
from benchmark.plan import PlannedRun
from benchmark.prepare import Where
from benchmark.records import stored_runs
from benchmark.registry import METHODS, load_plugin
from benchmark.runner import SuiteResult, prepare_suite, run_suite
from benchmark.suite import Suite, Variant
from methods.base import FitProgress

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("open_registries")

Run = Callable[..., SuiteResult]


@pytest.fixture
def run(picture_root: Path, tmp_path: Path) -> Run:
    """Run methods on the small data set; keyword arguments change suite, places or rerun."""

    def call(*methods: str, rerun: str = "missing", limit: int = 0, **suite: object) -> SuiteResult:
        chosen = Suite(name="t", title="t", dataset="folder", methods=methods, **suite)  # type: ignore[arg-type]
        where = Where(
            cache_dir=tmp_path / "cache",
            results_dir=tmp_path / "results",
            data_root=picture_root,
            limit=limit,
        )
        display = SuiteDisplay(Console(file=open(os.devnull, "w")))  # noqa: SIM115, PTH123
        return run_suite(prepare_suite(chosen, where, display), display, rerun=rerun)  # type: ignore[arg-type]

    return call


def test_a_second_call_executes_nothing(run: Run, write_plugin: Callable[..., Path]) -> None:
    load_plugin(write_plugin("mean_colour"))
    assert run("mean_colour").n_executed == 1
    again = run("mean_colour")
    assert again.n_executed == 0
    assert again.runs[0].record.status == "complete"


def test_rerun_all_executes_everything_again(run: Run, write_plugin: Callable[..., Path]) -> None:
    load_plugin(write_plugin("mean_colour"))
    run("mean_colour")
    assert run("mean_colour", rerun="all").n_executed == 1


def test_changed_code_is_another_run_and_a_changed_comment_is_none(
    run: Run, write_plugin: Callable[..., Path]
) -> None:
    path = write_plugin("mean_colour")
    load_plugin(path)
    first = run("mean_colour").runs[0].record
    path.write_text(path.read_text().replace('"""Mean colour', '# A comment.\n"""The mean colour'))
    assert run("mean_colour").n_executed == 0
    path.write_text(path.read_text().replace("dim=(2, 3)", "dim=(3, 2)"))
    second = run("mean_colour")
    assert second.n_executed == 1
    assert second.runs[0].record.identity != first.identity


READS = {
    "in fit": "self.weight = float((Path(__file__).parent / 'weight.txt').read_text())",
    "in a helper that fit looks for": (
        "import importlib, sys; sys.path.insert(0, str(Path(__file__).parent / 'elsewhere')); "
        "self.weight = importlib.import_module('zs_weight').WEIGHT"
    ),
    "when it is imported": "pass\n\nWEIGHT = float((Path(__file__).parent / 'weight.txt').read_text())",
}


@pytest.mark.parametrize("fit", READS.values(), ids=READS)
def test_a_run_is_current_while_what_it_read_is_unchanged(
    run: Run, write_plugin: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fit: str
) -> None:
    weight, helper = tmp_path / "weight.txt", tmp_path / "elsewhere" / "zs_weight.py"
    helper.parent.mkdir()
    weight.write_text("1.5")
    helper.write_text("WEIGHT = 1.5")
    statement, _, at_import = fit.partition("\n\n")
    path = write_plugin("mean_colour", statement)
    path.write_text(path.read_text().replace("\n\n@register", f"\n\n{at_import}\n\n@register"))
    path.write_text(path.read_text().replace("is_random=False", "is_random=True"))
    sys.modules.pop("zs_weight", None)
    load_plugin(path)
    first, second = (stored.record for stored in run("mean_colour", seeds=(0, 1)).runs)
    assert first.status == "complete", first.reason
    (name,) = first.files_used
    assert Path(name) in (weight, helper)
    assert second.files_used == first.files_used  # though the process had read it before
    assert run("mean_colour", seeds=(0, 1)).n_executed == 0
    Path(name).write_text(Path(name).read_text().replace("1.5", "2.25"))
    monkeypatch.setattr(METHODS, "_is_frozen", False)  # as in a new process
    sys.modules.pop("zs_weight", None)
    load_plugin(path)
    told: list[str] = []
    monkeypatch.setattr(SuiteDisplay, "message", lambda display, text: told.append(text))
    again = run("mean_colour", seeds=(0, 1))
    assert f"mean_colour, split, seed 0: runs again, since what it read has changed: {name}" in told
    assert again.n_executed == 2
    for stored in again.runs:
        assert stored.record.files_used[name] != first.files_used[name]
    assert run("mean_colour", seeds=(0, 1)).n_executed == 0


def test_methods_of_this_repository_read_no_file_beside_their_code(run: Run) -> None:
    runs = run("frozen", "procrustes").runs
    assert [stored.record.files_used for stored in runs] == [{}, {}]


def test_a_failing_method_is_recorded_and_the_others_go_on(
    run: Run, write_plugin: Callable[..., Path]
) -> None:
    load_plugin(write_plugin("broken", 'raise RuntimeError("no memory for this")'))
    load_plugin(write_plugin("mean_colour"))
    result = run("broken", "mean_colour")
    assert [r.record.status for r in result.runs] == ["failed", "complete"]
    assert result.runs[0].record.reason == "RuntimeError: no memory for this"
    assert "no memory for this" in (result.runs[0].folder / "log.txt").read_text()
    assert len(result.failed) == 1


def test_an_unchanged_failure_stays_a_failure_without_being_repeated(
    run: Run, write_plugin: Callable[..., Path]
) -> None:
    load_plugin(write_plugin("broken", "1 / 0"))
    run("broken")
    again = run("broken")
    assert (again.n_executed, len(again.failed)) == (0, 1)
    assert run("broken", rerun="failed").n_executed == 1


def test_a_skipped_method_is_tried_again(run: Run, write_plugin: Callable[..., Path]) -> None:
    fit = 'from benchmark.errors import NotRunnable; raise NotRunnable("weights missing")'
    load_plugin(write_plugin("needy", fit))
    assert run("needy").runs[0].record.reason == "weights missing"
    again = run("needy")
    assert (again.n_executed, again.failed) == (1, ())


def test_limited_runs_are_partial_and_do_not_stand_for_whole_ones(
    run: Run, write_plugin: Callable[..., Path]
) -> None:
    load_plugin(write_plugin("mean_colour"))
    assert run("mean_colour", limit=2).runs[0].record.status == "partial"
    whole = run("mean_colour")
    assert (whole.n_executed, whole.runs[0].record.status) == (1, "complete")


def test_a_limit_above_every_class_is_a_whole_run(run: Run, write_plugin: Callable[..., Path]) -> None:
    load_plugin(write_plugin("mean_colour"))
    assert run("mean_colour", limit=100).runs[0].record.status == "complete"
    assert run("mean_colour").n_executed == 0


def test_a_plugin_that_exits_is_a_failure_and_not_the_end(
    run: Run, write_plugin: Callable[..., Path]
) -> None:
    load_plugin(write_plugin("leaver", "raise SystemExit(0)"))
    load_plugin(write_plugin("mean_colour"))
    assert [r.record.status for r in run("leaver", "mean_colour").runs] == ["failed", "complete"]


def test_a_method_named_twice_is_run_once(run: Run, write_plugin: Callable[..., Path]) -> None:
    load_plugin(write_plugin("mean_colour"))
    assert len(run("mean_colour", "mean_colour", seeds=(0, 0)).runs) == 1


def test_a_variant_of_the_same_configuration_is_a_run_of_its_own(
    run: Run, write_plugin: Callable[..., Path]
) -> None:
    load_plugin(write_plugin("mean_colour"))
    result = run("mean_colour", variants=(Variant(method="mean_colour", name="again"),))
    assert [r.record.variant for r in result.runs] == ["", "again"]
    assert len(list(result.runs[0].folder.parent.glob("seed0-*"))) == 2


def test_two_methods_of_one_suite_share_the_fingerprint(run: Run, write_plugin: Callable[..., Path]) -> None:
    load_plugin(write_plugin("one"))
    load_plugin(write_plugin("two"))
    fingerprints = {r.record.fingerprint for r in run("one", "two").runs}
    assert len(fingerprints) == 1


def test_a_variant_changes_the_configuration_and_the_row(run: Run, write_plugin: Callable[..., Path]) -> None:
    path = write_plugin("mean_colour")
    knob = "    @dataclass(frozen=True)\n    class Config:\n        x: int = 1\n\n    def fit"
    text = path.read_text().replace("    def fit", knob, 1)
    path.write_text(text.replace("import time", "import time\nfrom dataclasses import dataclass", 1))
    load_plugin(path)
    variant = Variant(method="mean_colour", name="x is 2", config={"x": 2})
    plain, changed = run("mean_colour", variants=(variant,)).runs
    assert (plain.record.variant, plain.record.config) == ("", {"x": 1})
    assert (changed.record.variant, changed.record.config) == ("x is 2", {"x": 2})


def test_instance_pairs_without_instances_fail_with_the_reason(
    run: Run, write_plugin: Callable[..., Path]
) -> None:
    load_plugin(write_plugin("mean_colour"))
    with pytest.raises(BenchmarkError, match="has none"):
        run("mean_colour", pairs="instance")


def test_an_unknown_method_stops_before_the_first_run(run: Run, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="no method named 'frozzen'. Close names: frozen"):
        run("frozzen")
    assert list(stored_runs(tmp_path / "results" / "runs")) == []


def test_a_killed_suite_goes_on_where_it_stopped(
    picture_root: Path, tmp_path: Path, write_plugin: Callable[..., Path]
) -> None:
    quick = write_plugin("quick")
    marker = tmp_path / "started"
    hanging = write_plugin("hanging", f"Path({str(marker)!r}).touch(); time.sleep(60)")
    command = command_on(picture_root, tmp_path, quick, hanging)
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not marker.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [r.record.method for r in stored_runs(tmp_path / "results" / "runs")] == ["quick"]
    write_plugin("hanging")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 of 2 runs have a record already" in done.stderr
    assert {r.record.method for r in stored_runs(tmp_path / "results" / "runs")} == {"quick", "hanging"}


def command_on(picture_root: Path, tmp_path: Path, *methods: Path) -> list[str]:
    plugins = [part for path in methods for part in ("--plugin", str(path))]
    return [
        *(sys.executable, "run_benchmark.py", "run", "--dataset", "folder", "--data-root", str(picture_root)),
        *(*plugins, "--methods", ",".join(path.stem for path in methods), "--threads", "1"),
        *("--cache-dir", str(tmp_path / "cache"), "--results-dir", str(tmp_path / "results")),
    ]


@pytest.mark.slow  # 8 s: two processes that load torch
def test_two_processes_share_the_runs_of_a_suite(
    picture_root: Path, tmp_path: Path, write_plugin: Callable[..., Path]
) -> None:
    methods = [write_plugin(f"method_{i}", "time.sleep(1)") for i in range(6)]
    command = command_on(picture_root, tmp_path, *methods)
    both = [
        subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for _ in range(2)
    ]
    told = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    n_executed = [int(re.search(r"^(\d+) runs? executed", text, re.M)[1]) for text in told]
    assert sum(n_executed) == 6, told
    assert min(n_executed) > 0, told
    assert len(list(stored_runs(tmp_path / "results" / "runs"))) == 6


def test_runs_that_another_process_has_claimed_come_last(
    run: Run, write_plugin: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        load_plugin(write_plugin(name))
    identity = {stored.record.method: stored.record.identity for stored in run("one", "two").runs}
    executed, waits = [], []
    own_execute = runner.execute

    def execute(planned, data, progress):
        executed.append(planned.method.card.id)
        return own_execute(planned, data, progress)

    with contextlib.ExitStack() as other_process:
        other_process.enter_context(claimed(tmp_path / "results" / "runs", identity["one"]))

        def wait(seconds: float) -> None:
            waits.append(tuple(executed))
            other_process.close()

        monkeypatch.setattr(runner, "execute", execute)
        monkeypatch.setattr(runner, "time", SimpleNamespace(sleep=wait))
        result = run("one", "two", rerun="all")
    assert waits == [("two",)]
    assert executed == ["two", "one"]
    assert result.n_executed == 2


@pytest.mark.parametrize("during", ["features", "a run"])
@pytest.mark.parametrize("rerun", ["missing", "all"])
def test_a_run_that_another_process_executed_meanwhile_is_taken_over(
    run: Run, write_plugin: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, rerun: str, during: str
) -> None:
    for name in ("one", "two"):
        load_plugin(write_plugin(name))
    known: list[PlannedRun] = []
    own_execute, own_plan = runner.execute, runner.plan

    data_of_suite = []

    def plan(cells, data):
        known[:], data_of_suite[:] = own_plan(cells, data), [data]
        return tuple(known)

    def features_of(missing):
        if during == "features":
            own_execute(known[1], data_of_suite[0], FitProgress())
        return []

    def execute(planned, data, progress):
        if during == "a run":
            own_execute(known[1], data, FitProgress())
        return own_execute(planned, data, progress)

    monkeypatch.setattr(runner, "plan", plan)
    monkeypatch.setattr(runner, "features_of", features_of)
    monkeypatch.setattr(runner, "execute", execute)
    result = run("one", "two", rerun=rerun)
    assert [stored.record.status for stored in result.runs] == ["complete", "complete"]
    assert (result.n_executed, result.n_of_others) == (1, 1)
