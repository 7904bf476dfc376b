"""Features made elsewhere, from files to tables: the same scores as the pictures behind them give."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from PIL import Image
from rich.console import Console

from benchmark import cli
from benchmark.dataset_ids import is_of_kind, kind_of
from benchmark.display import SuiteDisplay
from benchmark.errors import BenchmarkError
from benchmark.prepare import PreparedData, Where
from benchmark.records import StoredRun, stored_runs
from benchmark.registry import load_plugin
from benchmark.runner import prepare_suite, run_suite
from benchmark.suite import Suite, load_suite
from datasets.folder import Folder
from datasets.precomputed import Precomputed
from datasets.settings import Modality
from datasets.sketchy import Sketchy, SketchyExt
from datasets.splits import committed_split

Call = Callable[..., int]
Captured = pytest.CaptureFixture[str]
Runs = Callable[[], dict[str, StoredRun]]
METHODS = load_suite("default")[0].methods
CLASSES = ("ant", "bat", "bear", "bee", "camel", "cat", "cow", "crab", "deer", "dog")
N_ITEMS: dict[Modality, int] = {"sketch": 5, "photo": 6}


@pytest.fixture
def where(tmp_path: Path, pixels: None) -> Where:
    """Cache and results of one test, without a root."""
    return Where(tmp_path / "cache", tmp_path / "results")


@pytest.fixture
def call(where: Where, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call the command line in process, with the places that the command takes; return its exit code."""

    def call(verb: str, *arguments: object) -> int:
        flags: list[object] = []
        if verb in ("run", "show", "plot", "check-data"):
            flags += ["--cache-dir", where.cache_dir]
        if verb in ("run", "show", "plot", "table"):
            flags += ["--results-dir", where.results_dir]
        monkeypatch.setattr(sys, "argv", ["run_benchmark.py", verb, *map(str, (*arguments, *flags))])
        return cli.main()

    return call


@pytest.fixture
def runs(where: Where) -> Runs:
    """Read the finished runs, by method."""
    return lambda: {run.record.method: run for run in stored_runs(where.runs_dir)}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder data set of ten classes whose names have vectors: noise around a pattern of each class."""
    root, rng = tmp_path_factory.mktemp("data") / "animals", np.random.default_rng(0)
    for name in CLASSES:
        pattern = rng.uniform(60, 190, (8, 8, 3))
        for modality, n in N_ITEMS.items():
            folder = root / modality / name
            folder.mkdir(parents=True)
            for i in range(n):
                pixels = pattern + rng.normal(0, 45, pattern.shape) + (30 if modality == "photo" else 0)
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{i}.png")
    (root / "split.toml").write_text('unseen = ["bat", "cow", "dog"]\nvalidation = ["bee"]\n')
    return root


@contextlib.contextmanager
def silent(title: str) -> Iterator[Callable[[int, int], None]]:
    yield lambda done, total: None


@pytest.fixture
def extracted(pictures: Path, where: Where) -> dict[str, dict[str, Any]]:
    """What our own extraction gives for the pictures: the arrays of each modality, as one would save them."""
    suite = Suite(name="t", title="t", dataset="folder", methods=("frozen",), backbone="pixels")
    data = PreparedData(suite, replace(where, data_root=pictures))
    features = data.features.of(data.splits()[0], "run", is_finetuned=False, stage=silent)
    found = {}
    for modality, rows in zip(N_ITEMS, features, strict=True):
        labels = data.index.items(modality).labels
        values = rows.rows(np.arange(len(labels)))
        found[modality] = {"features": values, "labels": labels, "class_names": np.array(CLASSES)}
    return found


@pytest.fixture
def root(extracted: dict[str, dict[str, Any]], pictures: Path, tmp_path: Path) -> Path:
    """The features as .npz files, with the split of the pictures."""
    root = tmp_path / "vgg"
    root.mkdir()
    for modality, arrays in extracted.items():
        np.savez(root / f"{modality}.npz", **arrays)
    shutil.copy(pictures / "split.toml", root)
    return root


@pytest.fixture
def mat_root(extracted: dict[str, dict[str, Any]], pictures: Path, tmp_path: Path) -> Path:
    """The same as MATLAB files like ZSCMR's: one column an item, in double, labels from 1 in files apart."""
    root = tmp_path / "matlab"
    root.mkdir()
    for modality, stem, label in (("sketch", "sketchmat", "label_sk"), ("photo", "Imgmat", "label_im")):
        arrays = extracted[modality]
        scipy.io.savemat(root / f"{stem}.mat", {"feature": arrays["features"].T.astype(float)})
        scipy.io.savemat(root / f"{label}.mat", {label: arrays["labels"][None] + 1.0})
    (root / "classes.txt").write_text("\n".join(CLASSES))
    shutil.copy(pictures / "split.toml", root)
    return root


def run_all(where: Where, **terms: Any) -> dict[str, StoredRun]:
    """Run the methods of the default suite, trained for a moment."""
    suite = Suite(name="t", title="t", methods=METHODS, config="smoke", **terms)
    display = SuiteDisplay(Console(file=io.StringIO()))
    return {run.record.method: run for run in run_suite(prepare_suite(suite, where, display), display).runs}


@pytest.mark.parametrize("kind", ["root", "mat_root"])
def test_scores_are_those_of_a_run_on_the_pictures(
    kind: str, pictures: Path, where: Where, request: pytest.FixtureRequest
) -> None:
    of_pictures = run_all(replace(where, data_root=pictures), dataset="folder", backbone="pixels")
    given = request.getfixturevalue(kind)
    of_features = run_all(replace(where, data_root=given), dataset="precomputed")
    assert set(of_features) == set(of_pictures) == set(METHODS)
    for method, run in of_features.items():
        record, expected = run.record, of_pictures[method].record
        assert record.status == expected.status == "complete"
        assert record.protocol.split_sha256 == expected.protocol.split_sha256
        assert record.protocol.dataset != expected.protocol.dataset
        assert record.scores.keys() == expected.scores.keys()
        for metric, score in record.scores.items():
            assert score.value == pytest.approx(expected.scores[metric].value, abs=1e-6)
    values = {round(run.record.scores["map@all"].value, 4) for run in of_features.values()}
    assert len(values) > len(METHODS) / 2  # two methods may agree, not all of them


def test_the_record_says_what_is_known_of_the_features(
    root: Path, call: Call, runs: Runs, capsys: Captured
) -> None:
    assert call("run", "--dataset", "precomputed", "--data-root", root, "--methods", "centred") == 0
    record = runs()["centred"].record
    assert (record.backbone, record.supervised_on) == ("precomputed", "unknown")
    assert record.backbone_preprocessing.startswith("features as given (192-d sketches, 192-d photos)")
    assert record.protocol.dataset == "precomputed_vgg"
    assert record.protocol.preset == "given"
    assert record.protocol.special_terms == ()
    with np.load(root / "photo.npz") as file:
        assert file["features"].shape == (60, 192)
    printed = capsys.readouterr().out
    assert "the network behind the features was trained on unknown data: not strictly zero-shot." in printed
    assert "retrieval" not in printed
    assert "pr.png" in printed


def test_a_method_on_pictures_is_skipped_with_the_reason(
    root: Path,
    call: Call,
    runs: Runs,
    write_plugin: Callable[..., Path],
) -> None:
    load_plugin(write_plugin("mean_colour"))
    assert (
        call("run", "--dataset", "precomputed", "--data-root", root, "--methods", "centred,mean_colour") == 0
    )
    found = runs()
    assert found["centred"].record.status == "complete"
    assert found["mean_colour"].record.status == "skipped"
    assert found["mean_colour"].record.reason == (
        "needs pictures, and data set 'precomputed_vgg' holds features alone"
    )


def test_features_of_two_widths_skip_the_methods_that_need_one(root: Path, call: Call, runs: Runs) -> None:
    with np.load(root / "photo.npz") as file:
        content = dict(file)
    np.savez(root / "photo.npz", **{**content, "features": content["features"][:, :100]})
    assert call("run", "--dataset", "precomputed", "--data-root", root, "--methods", "frozen,cca") == 0
    assert runs()["frozen"].record.reason == (
        "needs sketches and photos with features of one width, and these have 192 and 100"
    )
    assert runs()["cca"].record.status == "complete"


@pytest.mark.parametrize(
    ("flag", "value", "is_refused"),
    [
        ("--backbone", "pixels", True),
        ("--backbone", "efficientnet_lite0", True),
        ("--preprocessing", "zse", True),
        ("--preprocessing", "stretch", False),
    ],
)
def test_flags_about_pictures_are_the_users_error(
    flag: str, value: str, is_refused: bool, root: Path, call: Call, capsys: Captured
) -> None:
    own = ("run", "--dataset", "precomputed", "--data-root", root, "--methods", "centred")
    assert call(*own, flag, value) == int(is_refused)
    message = f"{flag} {value}: this data set brings features that were made elsewhere"
    assert (message in " ".join(capsys.readouterr().err.split())) == is_refused


@pytest.mark.parametrize(("field", "value"), [("backbone", "pixels"), ("preprocessing", "zse")])
def test_a_suite_file_may_not_name_them_either(field: str, value: str, root: Path, where: Where) -> None:
    suite = Suite(name="mine", title="t", dataset="precomputed", methods=("centred",), **{field: value})
    with pytest.raises(BenchmarkError, match=rf"suite 'mine' asks for {field} '{value}'.*Leave {field} out"):
        PreparedData(suite, replace(where, data_root=root))


def test_what_a_suite_of_another_data_set_says_of_them_is_dropped(
    root: Path, call: Call, runs: Runs, tmp_path: Path
) -> None:
    suite = tmp_path / "mine.toml"
    suite.write_text('title = "t"\nbackbone = "pixels"\npreprocessing = "zse"\nmethods = ["centred"]\n')
    assert call("run", "--suite", suite, "--dataset", "precomputed", "--data-root", root) == 0
    assert runs()["centred"].record.backbone == "precomputed"


def test_a_suite_file_finds_its_runs_again(root: Path, call: Call, tmp_path: Path, capsys: Captured) -> None:
    suite = tmp_path / "mine.toml"
    suite.write_text('title = "t"\ndataset = "precomputed"\nmethods = ["centred", "cca"]\n')
    for executed in ("2 runs executed, 0 kept", "0 runs executed, 2 kept"):
        assert call("run", "--suite", suite, "--data-root", root) == 0
        assert executed in capsys.readouterr().err
    assert call("table", "--suite", suite, "--format", "json") == 0
    assert printed_rows(capsys) == {"centred", "cca"}


def printed_rows(capsys: Captured) -> set[str]:
    """Names of the rows of a table printed as JSON."""
    return {row["name"] for row in json.loads(capsys.readouterr().out)["rows"]}


def test_the_table_of_a_suite_follows_it_to_another_data_set(
    root: Path, call: Call, tmp_path: Path, capsys: Captured
) -> None:
    suite = tmp_path / "mine.toml"
    suite.write_text('title = "t"\nsplits = ["fold0"]\nmethods = ["centred", "cca"]\n')
    assert call("run", "--suite", suite, "--dataset", "precomputed", "--data-root", root) == 0
    capsys.readouterr()
    assert call("table", "--suite", suite, "--dataset", "precomputed", "--format", "json") == 0
    assert printed_rows(capsys) == {"centred", "cca"}
    assert call("plot", "bars", "--suite", suite, "--dataset", "precomputed") == 0
    assert "mine-precomputed-bars.png" in capsys.readouterr().out
    assert call("table", "--suite", suite) == 1
    assert "no stored run fits" in capsys.readouterr().err
    assert call("table", "--suite", suite, "--dataset", "precomptued") == 1
    assert "Close names: precomputed" in capsys.readouterr().err


def test_a_stray_run_of_other_bits_does_not_make_the_codes_of_a_suite_unclear(
    root: Path, call: Call, tmp_path: Path, capsys: Captured
) -> None:
    suite = tmp_path / "mine.toml"
    text = 'title = "t"\ndataset = "precomputed"\nmethods = ["centred"]\n[[grid]]\n[[grid]]\ncodes = "itq"\n'
    suite.write_text(f"{text}bits = 2\n")
    flags = ("--dataset", "precomputed", "--data-root", root, "--methods", "centred", "--codes", "itq")
    assert call("run", "--suite", suite, "--data-root", root) == 0
    assert call("run", *flags, "--bits", "1") == 0
    capsys.readouterr()
    assert call("table", "--suite", suite, "--codes", "itq") == 0
    assert "itq, 2 bits" in capsys.readouterr().out
    assert call("table", "--dataset", "precomputed", "--codes", "itq") == 1
    assert "fits itq, 1 bits; itq, 2 bits" in " ".join(capsys.readouterr().err.split())


def test_show_names_classes_and_rows_and_says_that_there_is_no_picture(
    root: Path, call: Call, runs: Runs, capsys: Captured
) -> None:
    call("run", "--dataset", "precomputed", "--data-root", root, "--methods", "centred")
    capsys.readouterr()
    assert call("show", runs()["centred"].record.run_id, "--query", "4", "--data-root", root) == 0
    shown = capsys.readouterr()
    assert "query 4: sketch/9, bat; 6 of 18 photos are of its class" in shown.out
    found = [line.split() for line in shown.out.splitlines()[3:]]
    assert len(found) == 10
    for _, verdict, class_name, name in found:
        assert class_name == CLASSES[int(name.removeprefix("photo/")) // 6]
        assert verdict == ("right" if class_name == "bat" else "wrong")
    assert "holds features alone, no pictures to draw" in " ".join(shown.err.split())


def test_a_retrieval_figure_is_refused(root: Path, call: Call, capsys: Captured) -> None:
    call("run", "--dataset", "precomputed", "--data-root", root, "--methods", "centred")
    capsys.readouterr()
    flags = ("--dataset", "precomputed_vgg", "--data-root", root)
    assert call("plot", "retrieval", *flags) == 1
    assert "'precomputed_vgg' holds features alone" in " ".join(capsys.readouterr().err.split())


def test_limit_keeps_the_first_rows_of_each_class(root: Path, call: Call, runs: Runs) -> None:
    call("run", "--dataset", "precomputed", "--data-root", root, "--methods", "centred", "--limit", "2")
    run = runs()["centred"]
    assert run.record.status == "partial"
    assert run.per_query().names.tolist() == [f"sketch/{row}" for row in (5, 6, 30, 31, 45, 46)]


def test_a_dry_run_counts_rows_and_extracts_nothing(root: Path, call: Call, capsys: Captured) -> None:
    own = ("--dataset", "precomputed", "--data-root", root, "--methods", "centred,zscmr")
    assert call("run", "--dry-run", *own) == 0
    printed = capsys.readouterr().out
    assert "data: precomputed_vgg, protocol standard, 50 sketches, 60 photos" in printed
    assert "preprocessing given" in printed
    assert "features: those that the data set brings" in printed
    assert "runs: 0 finished, 2 to run" in printed


# check-data


def check(call: Call, root: Path, capsys: Captured) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = call("check-data", "precomputed", "--data-root", root, "--json")
    return code, json.loads(capsys.readouterr().out)


def test_check_data_counts_rows_and_is_ready(root: Path, call: Call, capsys: Captured) -> None:
    code, found = check(call, root, capsys)
    assert (code, found["is_ready"], found["n_files"], found["has_pictures"]) == (0, True, 110, False)
    counts = [(own["part"], own["n_found"]) for own in found["counts"]]
    assert counts == [("sketch", 5)] * 10 + [("photo", 6)] * 10
    assert found["splits"][0]["n_queries"] == 15
    assert found["found"].startswith("50 sketches (192-d) from 'features' and 'labels' of sketch.npz")
    assert call("check-data", "precomputed", "--data-root", root) == 0
    printed = capsys.readouterr().out
    assert "all 110 rows of features were looked at for nan and infinity" in printed
    assert "icture" not in printed


def test_check_data_names_rows_that_no_run_can_use_and_copies_across_the_split(
    root: Path, call: Call, capsys: Captured
) -> None:
    with np.load(root / "photo.npz") as file:
        content = dict(file)
    content["features"][4] = np.nan
    content["features"][8] = content["features"][59]  # a bat, which is unseen, and a dog, which is too
    content["features"][0] = content["features"][40]  # an ant, which trains, and a cow, which is unseen
    np.savez(root / "photo.npz", **content)
    code, found = check(call, root, capsys)
    assert code == 1
    assert found["corrupt"] == [{"name": "photo/4", "reason": "it holds nan or infinity"}]
    assert found["shared"] == [{"split": "split", "unseen": ["photo/40"], "seen": ["photo/0"]}]
    assert "4 rows" in [finding["where"] for finding in found["findings"]]


# The splits of a built-in data set.


@pytest.fixture
def sketchy_root(tmp_path: Path) -> Path:
    """Two sketches and two photos of every class of Sketchy, of features near those of the class."""
    root = tmp_path / "sketchy"
    root.mkdir()
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((125, 16))
    for modality in ("sketch", "photo"):
        rows = centres.repeat(2, axis=0) + 0.3 * rng.standard_normal((250, 16))
        np.savez(root / f"{modality}.npz", features=rows, labels=np.arange(125).repeat(2) + 1)
    (root / "split.toml").write_text('like = "sketchy"\nsupervised_on = "imagenet1k"\n')
    return root


def test_a_published_split_is_used_with_class_vectors_and_what_imagenet_knows(
    sketchy_root: Path, call: Call, runs: Runs, capsys: Captured
) -> None:
    own = ("--dataset", "precomputed", "--data-root", sketchy_root)
    assert call("run", *own, "--methods", "centred,ridge", "--splits", "sempcyc25") == 0
    record = runs()["ridge"].record
    assert record.status == "complete"
    assert record.protocol.split_sha256 == committed_split("sketchy", "sempcyc25").sha256
    assert record.counts is not None
    assert (record.counts.n_queries, record.counts.n_unseen_classes) == (50, 25)
    assert record.supervised_on == "imagenet1k"
    printed = capsys.readouterr().out
    assert "precomputed was trained on ILSVRC-1k:" in printed
    assert "of 25 unseen classes of sempcyc25 bear the name" in printed


def test_without_a_choice_the_default_split_of_that_data_set_is_run(
    sketchy_root: Path, call: Call, runs: Runs
) -> None:
    assert call("run", "--dataset", "precomputed", "--data-root", sketchy_root, "--methods", "frozen") == 0
    assert runs()["frozen"].record.protocol.split == "sake25"


def test_its_splits_are_listed_with_its_root(sketchy_root: Path, call: Call, capsys: Captured) -> None:
    assert call("list", "splits", "--dataset", "precomputed", "--data-root", sketchy_root, "--json") == 0
    first = json.loads(capsys.readouterr().out)["splits"][0]
    assert (first["id"], first["dataset"]) == ("sake25", "precomputed_sketchy")


@pytest.mark.parametrize(
    ("dataset_id", "kind"),
    [
        ("precomputed_shapes", Precomputed),
        ("folder_a_b", Folder),
        ("folder", Folder),
        ("sketchy", Sketchy),
        ("sketchy_ext", SketchyExt),
        ("sketchy_mine", None),
        ("nothing", None),
    ],
)
def test_the_kind_behind_an_id(dataset_id: str, kind: type | None) -> None:
    assert kind_of(dataset_id) is kind


def test_a_kind_stands_for_every_root_of_it() -> None:
    assert is_of_kind("precomputed_vgg", "precomputed")
    assert is_of_kind("sketchy", "sketchy")
    assert not is_of_kind("sketchy_ext", "sketchy")
    assert not is_of_kind("folder_shapes", "precomputed")
