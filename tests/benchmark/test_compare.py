"""The verb `compare` from outside, on runs that the test stores."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark import cli
from benchmark.records import PerQuery, Protocol, Rankings, Record, Score, StoredRun, digest, write_run

ROOT = Path(__file__).parents[2]
CLASSES = ("ant", "bee", "cat", "dog", "eel", "fox")
GAINS = (0.1, 0.2, -0.05, 0.15, 0.3, 0.05)

Call = Callable[..., int]
Captured = pytest.CaptureFixture[str]


def _store(results: Path, method: str, gains: Any, split: str = "fold0", **changes: Any) -> StoredRun:
    """A run with two queries a class, at 0.5 plus the gain of the class. changes: of fields of the record."""
    old = json.loads((ROOT / "tests" / "data" / "record_schema_1.json").read_text())
    protocol = {
        **old["protocol"],
        "split": split,
        "split_sha256": digest(split),
        **changes.pop("protocol", {}),
    }
    block = Protocol(**protocol)
    means = 0.5 + np.asarray(gains, dtype=np.float32)
    value = float(means.mean())
    score = Score(
        value=value, ci_low=0, ci_high=1, class_balanced=value, chance=0.1, n_queries_used=2 * means.size
    )
    fields = {
        "run_id": f"seed0-{digest([method, split, protocol])[:8]}",
        "method": method,
        "protocol": block,
        "fingerprint": block.fingerprint,
        "split_family": "fold" if split.startswith("fold") else "",
        "scores": {"map@all": score},
        "per_class": {"map@all": dict(zip(CLASSES, means.tolist(), strict=False))},
        "card": {**old["card"], "is_random": False},
    }
    rankings = changes.pop("rankings", None)
    record = Record(**{**old, **fields, **changes})
    per_query = PerQuery(
        metric_ids=np.array(["map@all"]),
        values=np.repeat(means, 2)[None, :],
        labels=np.repeat(np.arange(means.size), 2),
        names=np.array([f"{split}/{i}.png" for i in range(2 * means.size)]),
    )
    return write_run(results / "runs", record, per_query=per_query, rankings=rankings)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A reference, a row that gains in five of six classes, and one that loses as much in all."""
    for method, gains in (("centred", np.zeros(6)), ("zscmr", GAINS), ("frozen", -np.abs(GAINS))):
        _store(tmp_path, method, gains)
    return tmp_path


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch, results: Path) -> Call:
    """Call the verb in process on all stored runs of the data set; returns the exit code."""

    def call(*arguments: object, chosen: tuple[str, ...] = ("--dataset", "shapes")) -> int:
        arguments = ("compare", *arguments, *chosen, "--results-dir", results)
        monkeypatch.setattr(sys, "argv", ["run_benchmark.py", *map(str, arguments)])
        return cli.main()

    return call


def test_two_rows_are_a_table_classes_and_a_sentence(compare: Call, capsys: Captured) -> None:
    assert compare("zscmr", "centred") == 0
    printed = capsys.readouterr().out
    assert "+0.125 [" in printed
    assert "least attainable p 0.031" in printed
    assert "classes better 5, worse 1" in printed
    assert printed.index("eel") < printed.index("ant ") < printed.index("cat ")
    assert "On these 6 classes of" in printed
    assert "\x1b" not in printed


def test_without_rows_all_are_held_against_the_reference(compare: Call, capsys: Captured) -> None:
    assert compare("--format", "json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["reference"]["row"] == "centred"
    by_row = {pair["row"]: pair for pair in content["pairs"]}
    # All six lose: 2 of 64 patterns, times two comparisons. The gains sum to 0.75 of at most 0.85: at least
    # as far lie the patterns in which none, or one of the two of size 0.05, points the other way.
    assert (by_row["frozen"]["p"], by_row["frozen"]["p_holm"]) == (2 / 64, 4 / 64)
    assert by_row["zscmr"]["p"] == 6 / 64
    assert by_row["zscmr"]["p_holm"] == 6 / 64


def test_another_reference_can_be_named(compare: Call, capsys: Captured) -> None:
    assert compare("--reference", "frozen", "--format", "json") == 0
    content = json.loads(capsys.readouterr().out)
    assert [pair["row"] for pair in content["pairs"]] == ["zscmr", "centred"]


def test_csv_has_a_line_for_every_class(compare: Call, capsys: Captured) -> None:
    assert compare("zscmr", "centred", "--format", "csv") == 0
    whole, *classes = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert {line["class"]: round(float(line["difference"]), 6) for line in classes} == dict(
        zip(CLASSES, GAINS, strict=True)
    )
    assert float(whole["p"]) == 6 / 64


def test_markdown_holds_the_conclusion(compare: Call, capsys: Captured) -> None:
    assert compare("zscmr", "centred", "--format", "markdown") == 0
    assert "\n- On these 6 classes of" in capsys.readouterr().out


def test_a_metric_that_was_not_measured_is_read_off_the_rankings(
    compare: Call, results: Path, capsys: Captured
) -> None:
    own = np.repeat(np.arange(6), 2)  # one photo a class: first in one row, last in the other
    others = np.array([[photo for photo in range(6) if photo != label] for label in own])
    tops = {"sae": np.column_stack([own, others]), "cca": np.column_stack([others, own])}
    for method, top in tops.items():
        photos = {"names": np.array([f"{i}.jpg" for i in range(6)]), "labels": np.arange(6)}
        rankings = Rankings(top=top.astype(np.int32), tied=np.zeros(top.shape, dtype=bool), **photos)
        _store(results, method, np.zeros(6), rankings=rankings)
    assert compare("sae", "cca", "--metric", "p@1", "--format", "json", "--methods", "sae,cca") == 0
    (pair,) = json.loads(capsys.readouterr().out)["pairs"]
    assert pair["difference"]["value"] == 1.0


@pytest.mark.parametrize("text", ["itq", "itq, 32 bits"])
def test_codes_are_chosen_by_their_first_words(
    text: str, compare: Call, results: Path, capsys: Captured
) -> None:
    for codes in ("itq, 32 bits", "itq/gallery, 32 bits, transductive: fitted on test photos"):
        for method in ("centred", "zscmr"):
            _store(results, method, GAINS if method == "zscmr" else np.zeros(6), protocol={"codes": codes})
    assert compare("zscmr", "centred", "--codes", text) == 0
    assert (
        "to 32 bits, compared by Hamming distance: each modality's mean over seen" in capsys.readouterr().out
    )
    assert compare("zscmr", "centred", "--codes", "itq/gallery") == 0
    assert "fitted on the test gallery (transductive), 50 iterations" in capsys.readouterr().out


def test_codes_that_fit_several_are_refused_with_these(
    compare: Call, results: Path, capsys: Captured
) -> None:
    for n_bits in (32, 64):
        _store(results, "zscmr", GAINS, protocol={"codes": f"itq, {n_bits} bits"})
    assert compare("zscmr", "centred", "--codes", "itq") == 1
    assert "--codes itq fits itq, 32 bits; itq, 64 bits." in " ".join(capsys.readouterr().err.split())


def test_two_runs_are_compared_by_id_and_by_folder(compare: Call, results: Path, capsys: Captured) -> None:
    smoke = _store(results, "zscmr", np.array(GAINS) / 2, variant="smoke", run_id="seed0-5abcdef0")
    whole = _store(results, "zscmr", GAINS, run_id="seed1-0fedcba5", seed=1)
    for names in ((whole.record.run_id, "seed0-5abc"), (whole.folder, smoke.folder)):
        assert compare(*names, "--format", "json", chosen=()) == 0
        content = json.loads(capsys.readouterr().out)
        assert content["pairs"][0]["row"] == "zscmr (seed1-0fedcba5)"
        assert content["reference"]["row"] == "zscmr (smoke, seed0-5abcdef0)"
        assert content["pairs"][0]["difference"]["value"] == pytest.approx(0.0625)


def test_a_folder_with_a_broken_record_says_what_is_wrong_with_it(
    compare: Call, results: Path, capsys: Captured
) -> None:
    whole, broken = (_store(results, "zscmr", GAINS, run_id=f"seed0-{n}") for n in (11111111, 22222222))
    (broken.folder / "record.json").write_text("{ half")
    assert compare(whole.folder, broken.folder, chosen=()) == 1
    assert f"{broken.folder / 'record.json'} cannot be read" in capsys.readouterr().err


def test_runs_of_two_metric_engines_are_told_apart_by_a_suite(
    compare: Call, results: Path, capsys: Captured
) -> None:
    _store(results, "centred", GAINS, protocol={"metric_engine": "0"}, run_id="seed0-33333333")
    assert compare("zscmr", "centred") == 1
    assert "Keep one with --suite, or" in capsys.readouterr().err


def test_runs_of_other_terms_are_refused_with_the_field(
    compare: Call, results: Path, capsys: Captured
) -> None:
    ids = {
        "centred": _store(results, "centred", GAINS).record.run_id,
        "split": _store(results, "zscmr", GAINS, split="fold1").record.run_id,
        "pairs": _store(results, "zscmr", GAINS, protocol={"pairs": "instance"}).record.run_id,
    }
    for field, values in {"split": "split is 'fold0' in", "pairs": "pairs is 'class' in"}.items():
        assert compare(ids["centred"], ids[field], chosen=()) == 1
        printed = capsys.readouterr().err
        assert "not measured the same way" in printed
        assert values in printed


def test_a_run_that_is_not_complete_is_refused(compare: Call, results: Path, capsys: Captured) -> None:
    _store(results, "zscmr", GAINS, status="partial", run_id="seed0-11111111")
    _store(results, "centred", GAINS, run_id="seed0-22222222")
    assert compare("seed0-1", "seed0-2", chosen=()) == 1
    assert "run seed0-11111111 of 'zscmr' is partial (--limit)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("zscm", "centred"), "Close names: zscmr. Rows: centred, frozen, zscmr"),
        (("zscmr", "zscmr"), "cannot be compared with itself"),
        (("zscmr",), "compare takes two rows, A and B"),
        (("zscmr", "frozen", "--reference", "centred"), "--reference centred"),
        (("zscmr", "centred", "--metric", "map@200"), "map@200/min_k_r"),
        (("zscmr", "centred", "--metric", "mrr"), "rankings.npz cannot be read"),
        (("--reference", "centered"), "Close names: centred"),
        (("seed0-12", "centred"), "name two rows, or two runs"),
        (("seed0-12", "seed0-34"), "what they were run on: leave out --dataset."),
        (("zscmr", "centred", "--format", "latex"), "latex"),
    ],
)
def test_a_wrong_call_is_one_message_and_exit_code_1(
    arguments: tuple[str, ...], message: str, compare: Call, capsys: Captured
) -> None:
    assert compare(*arguments) == 1
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed


def test_a_row_without_a_value_in_a_split_is_refused(compare: Call, results: Path, capsys: Captured) -> None:
    _store(results, "centred", np.zeros(6), split="fold1")
    assert compare("zscmr", "centred") == 1
    assert "'zscmr' has no mean of map@all over fold0, fold1: fold1, no run" in capsys.readouterr().err
    assert compare("zscmr", "centred", "--splits", "fold0") == 0


def test_rows_of_one_class_are_refused(compare: Call, results: Path, capsys: Captured) -> None:
    for method in ("centred", "zscmr"):
        _store(results, method, [0.1], split="single")
    assert compare("zscmr", "centred", "--splits", "single") == 1
    assert "in one class only" in capsys.readouterr().err


def test_two_data_sets_are_no_comparison(compare: Call, results: Path, capsys: Captured) -> None:
    _store(results, "zscmr", GAINS, protocol={"dataset": "other"})
    assert compare("zscmr", "centred", chosen=("--methods", "zscmr,centred")) == 1
    assert "Choose one, such as with --dataset" in capsys.readouterr().err


def test_the_help_is_there_without_torch() -> None:
    code = (
        "import sys; sys.argv = ['x', 'compare', '--help']; from benchmark.cli import main; code = main(); "
        "assert not {'torch', 'numpy'} & set(sys.modules); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--reference" in done.stdout
