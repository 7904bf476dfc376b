"""The first stage on the command line: runs, tables of them, and what a dry run says of it."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from benchmark import cli
from benchmark.prepare import Where
from benchmark.records import stored_runs

Call = Callable[..., int]
Captured = pytest.CaptureFixture[str]
BEFORE = "before fine-tuning"
TWO = ("--methods", "frozen,centred")


@pytest.fixture
def call(where: Where, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call a verb of the command line in process; return its exit code."""

    def call(verb: str, *arguments: object) -> int:
        flags: list[object] = ["--results-dir", where.results_dir]
        if verb == "run":
            flags += ["--cache-dir", where.cache_dir, "--data-root", where.data_root, "--dataset", "folder"]
            flags += ["--backbone", "small_net", "--threads", "1"]
        monkeypatch.setattr(sys, "argv", ["run_benchmark.py", verb, *map(str, (*arguments, *flags))])
        return cli.main()

    return call


def words_of(text: str) -> str:
    return " ".join(text.split())


def test_the_flag_runs_both_rows_and_the_table_says_what_was_done(
    call: Call, where: Where, capsys: Captured
) -> None:
    assert call("run", *TWO, "--finetune", "seen") == 0
    printed = words_of(capsys.readouterr().out)
    assert "frozen (before fine-tuning)" in printed
    assert (
        "First stage: one backbone a modality was fine-tuned as a classifier of the seen classes" in printed
    )
    assert "passes over 15 (32-true, " in printed
    assert len(list(stored_runs(where.runs_dir))) == 3
    assert call("run", *TWO, "--finetune", "seen") == 0
    assert len(list(stored_runs(where.runs_dir))) == 3


def test_an_unknown_word_is_refused(call: Call, capsys: Captured) -> None:
    assert call("run", "--finetune", "all") == 1
    assert "--finetune all: known are none, seen." in words_of(capsys.readouterr().err)


@pytest.fixture
def both(call: Call, capsys: Captured) -> None:
    """Runs with fine-tuning and without."""
    for word in ("seen", "none"):
        assert call("run", *TWO, "--finetune", word) == 0
    capsys.readouterr()


def test_one_table_of_both_is_refused_and_the_flag_named(both: None, call: Call, capsys: Captured) -> None:
    assert call("table", "--dataset", "folder_shapes") == 1
    told = words_of(capsys.readouterr().err)
    assert "finetune is 'seen' in 3 (centred, frozen, frozen (before fine-tuning))" in told
    assert "and 'none' in 2 (centred, frozen). Keep one with --finetune" in told


def test_the_flag_of_a_table_chooses(both: None, call: Call, capsys: Captured) -> None:
    rows_of = {"seen": {"centred", "frozen", f"frozen ({BEFORE})"}, "none": {"centred", "frozen"}}
    for word, rows in rows_of.items():
        assert call("table", "--dataset", "folder_shapes", "--finetune", word, "--format", "csv") == 0
        lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        assert {line["row"] for line in lines} == {*rows, "chance"}
        assert {line["finetune"] for line in lines} == {word}


def test_every_form_of_a_table_tells_of_the_first_stage(call: Call, capsys: Captured) -> None:
    assert call("run", *TWO, "--finetune", "seen") == 0
    capsys.readouterr()
    for form in ("markdown", "latex", "json", "terminal"):
        assert call("table", "--dataset", "folder_shapes", "--format", form) == 0
        text = capsys.readouterr().out
        assert "before fine-tuning" in text
        assert "fine-tuned as a classifier of the seen classes" in words_of(text)
        if form == "json":
            (of_split,) = json.loads(text)["first_stage"].values()
            assert (of_split["sketch"]["n_trained"], of_split["photo"]["n_held_out"]) == (15, 3)


# Looking ahead.


def test_a_dry_run_says_what_would_be_fine_tuned_and_trains_nothing(
    call: Call, where: Where, capsys: Captured
) -> None:
    assert call("run", *TWO, "--finetune", "seen", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "features: 0 of 60 different pictures cached, 60 to extract, about" in printed
    assert (
        "first stage: 0 of 2 fine-tuned networks there, 2 to train, at most 20 passes each, time unknown"
        in printed
    )
    assert "split: a pass over 15 sketches, 15 photos" in printed
    assert "features after it: 0 of 60 rows cached, 60 to extract, about" in printed
    assert "and 2 networks to fine-tune" in printed
    assert printed.count("judged by the reference results, of another machine") == 3
    assert "and 2 networks of a kind never fine-tuned here" in printed
    assert not list(where.cache_dir.glob("finetuned/*/*/weights.safetensors"))
    assert not list(where.cache_dir.glob("features/*/*/*.npy"))


def test_after_a_run_a_dry_run_finds_everything_there(call: Call, capsys: Captured) -> None:
    call("run", *TWO, "--finetune", "seen")
    capsys.readouterr()
    assert call("run", *TWO, "--finetune", "seen", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "features: 60 of 60 different pictures cached\n" in printed
    assert "first stage: 2 of 2 fine-tuned networks there\n" in printed
    assert "features after it: 60 of 60 rows cached\n" in printed
    assert "runs: 3 finished, 0 to run" in printed


def test_networks_that_are_there_are_not_counted_again_for_another_method(
    call: Call, capsys: Captured
) -> None:
    call("run", *TWO, "--finetune", "seen")
    capsys.readouterr()
    assert call("run", "--methods", "cca", "--finetune", "seen", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "first stage: 2 of 2 fine-tuned networks there\n" in printed
    assert "features after it: 60 of 60 rows cached\n" in printed


def test_the_time_is_told_by_the_last_network_of_the_same_backbone(
    call: Call, where: Where, root: Path, capsys: Captured
) -> None:
    call("run", *TWO, "--finetune", "seen")
    for path in where.cache_dir.glob("finetuned/*/*/report.json"):
        report = json.loads(path.read_text())
        path.write_text(
            json.dumps({**report, "seconds": report["n_epochs"] * 15 * 0.5})
        )  # half a second each
    Image.new("RGB", (12, 12), "black").save(root / "photo" / "cross" / "0.png")
    capsys.readouterr()
    assert call("run", *TWO, "--finetune", "seen", "--dry-run") == 0
    printed = capsys.readouterr().out
    # 15 photos, 20 passes, half a second each.
    assert (
        "1 of 2 fine-tuned networks there, 1 to train, at most 20 passes each, at most about 2 min 30 s"
        in printed
    )
    assert "a pass over 15 photos\n" in printed


def test_what_two_grids_share_is_counted_once(
    where: Where, tmp_path: Path, capsys: Captured, call: Call
) -> None:
    path = tmp_path / "mine.toml"
    grids = "".join(f"[[grid]]\ndirection = '{own}'\n" for own in ("sketch2photo", "photo2sketch"))
    path.write_text(f'title = "Both"\nmethods = ["centred"]\nfinetune = "seen"\n{grids}')
    assert call("run", "--suite", path, "--dry-run") == 0
    first, second = capsys.readouterr().out.split("mine, ")[1:]
    assert "0 of 2 fine-tuned networks there, 2 to train" in first
    assert "2 of 2 fine-tuned networks there\n" in second
    assert "features after it: 0 of 60 rows cached, 60 to extract for a grid above\n" in second
