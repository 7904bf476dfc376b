"""`prepare doodle101`: from two downloads to a data set that `run` finds, said in a few lines."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest

from benchmark import cli
from datasets.doodle101 import drawing
from datasets.doodle101.contents import Contents, Photo, Sketch, read_contents

Call = Callable[..., int]
Captured = pytest.CaptureFixture[str]
N_CLASSES = 49
N_PICTURES = 2 * N_CLASSES


def one_of_each_class(items):
    return [next(of_class) for _, of_class in groupby(items, key=lambda item: item.class_name)]


@pytest.fixture(scope="module")
def downloads(tmp_path_factory) -> tuple[Path, Path, Contents]:
    """A drawing and a photo of each class, and the lists that name them."""
    quickdraw, caltech101 = tmp_path_factory.mktemp("quickdraw"), tmp_path_factory.mktemp("caltech")
    whole = read_contents()
    sketches, photos = [], []
    for i, sketch in enumerate(one_of_each_class(whole.sketches)):
        strokes = [[(0, 0), (255, 5 * i)], [(i, 3)]]
        row = {
            "word": sketch.class_name,
            "key_id": sketch.key_id,
            "drawing": [[[0, 255], [0, 5 * i]], [[i], [3]]],
        }
        (quickdraw / f"{sketch.class_name}.ndjson").write_text(json.dumps(row) + "\n", encoding="utf-8")
        digest = hashlib.sha256(drawing.png_of(strokes)).hexdigest()
        sketches.append(Sketch(sketch.class_name, sketch.key_id, digest, ""))
    for photo in one_of_each_class(whole.photos):
        path = caltech101 / "101_ObjectCategories" / photo.original
        path.parent.mkdir(parents=True)
        path.write_bytes(b"\xff\xd8\xff" + photo.name.encode() + b"\xff\xd9")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        photos.append(Photo(photo.class_name, photo.source, photo.number, digest))
    return quickdraw, caltech101, Contents(tuple(sketches), tuple(photos))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the platform keeps data."""
    return tmp_path / "home"


@pytest.fixture
def call(downloads, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call a verb in process, with the small lists and a data folder of its own; return its exit code."""
    monkeypatch.setattr("datasets.doodle101.read_contents", lambda: downloads[2])
    monkeypatch.setattr("platformdirs.user_data_dir", lambda name: str(home / name))

    def call(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["run_benchmark.py", *words, "--cache-dir", str(tmp_path / "cache")])
        return cli.main()

    return call


@pytest.fixture
def prepare(call: Call, downloads) -> Call:
    """Call `prepare doodle101` with the downloads."""

    def prepare(*flags: str) -> int:
        quickdraw, caltech101, _ = downloads
        return call(
            "prepare", "doodle101", "--quickdraw", str(quickdraw), "--caltech101", str(caltech101), *flags
        )

    return prepare


def pictures(root: Path) -> list[Path]:
    return sorted(root.rglob("*.??g"))


def test_what_was_made_is_where_runs_look_for_it(
    prepare: Call, call: Call, home: Path, capsys: Captured
) -> None:
    assert prepare() == 0
    printed = capsys.readouterr()
    root = home / "zs-sbir-benchmark" / "doodle101"
    assert len(pictures(root)) == N_PICTURES
    assert f"Caltech-101: 49 class folders in {prepare_folder(printed.err)}" in printed.err
    assert f"To make in {root}: 49 sketches and 49 photos (0 pictures are there)" in printed.err
    assert "Findings: none" in printed.out
    assert printed.out.splitlines()[-1].startswith("Ready: `run_benchmark.py run --dataset doodle101")
    assert "--data-root" not in printed.out.splitlines()[-1]
    attribution = (root / "ATTRIBUTION.txt").read_text(encoding="utf-8")
    assert "Google, Inc., CC BY 4.0" in attribution
    assert "L. Fei-Fei, R. Fergus and P. Perona 2004, CC BY 4.0" in attribution
    assert call("check-data", "doodle101") == 0


def prepare_folder(err: str) -> str:
    (line,) = [line for line in err.splitlines() if line.startswith("Caltech-101: ")]
    folder = line.split(" class folders in ")[1]
    assert Path(folder).name == "101_ObjectCategories"
    return folder


def test_a_folder_of_ones_own_may_be_named(
    prepare: Call, tmp_path: Path, home: Path, capsys: Captured
) -> None:
    assert prepare("--data-root", str(tmp_path / "mine")) == 0
    assert len(pictures(tmp_path / "mine")) == N_PICTURES
    assert not home.exists()
    assert f"--data-root {tmp_path / 'mine'}" in capsys.readouterr().out.splitlines()[-1]


def test_a_whole_copy_is_left_as_it_is(prepare: Call, call: Call, home: Path) -> None:
    assert prepare() == 0
    root = home / "zs-sbir-benchmark" / "doodle101"
    (root / "ATTRIBUTION.txt").unlink()
    before = sorted(path.name for path in root.iterdir())
    assert call("prepare", "doodle101") == 0
    assert sorted(path.name for path in root.iterdir()) == before


def test_ctrl_c_loses_nothing_that_was_made(
    prepare: Call, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    drawn: list[object] = []
    png_of = drawing.png_of

    def interrupted(strokes):
        if len(drawn) == 30:
            raise KeyboardInterrupt
        drawn.append(strokes)
        return png_of(strokes)

    monkeypatch.setattr("datasets.doodle101.build.png_of", interrupted)
    assert prepare() == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert len(pictures(home)) == 30
    again: list[object] = []
    monkeypatch.setattr(
        "datasets.doodle101.build.png_of", lambda strokes: again.append(strokes) or png_of(strokes)
    )
    assert prepare() == 0
    assert "(30 pictures are there)" in capsys.readouterr().err
    assert len(again) == N_CLASSES - 30
    assert len(pictures(home)) == N_PICTURES


def test_without_the_downloads_nothing_is_made(call: Call, home: Path, capsys: Captured) -> None:
    assert call("prepare", "doodle101") == 1
    err = capsys.readouterr().err
    assert "--quickdraw DIR is needed: the drawings of 49 classes are missing" in err
    assert "--caltech101 DIR is needed: photos of 49 of its class folders are missing" in err
    assert not home.exists()


def test_a_wrong_photo_is_named_and_gives_1(prepare: Call, downloads, capsys: Captured) -> None:
    path = downloads[1] / "101_ObjectCategories" / downloads[2].photos[0].original
    good = path.read_bytes()
    path.write_bytes(b"another")
    try:
        assert prepare() == 1
    finally:
        path.write_bytes(good)
    err = capsys.readouterr().err
    assert "97 of 98 pictures of doodle101 are in" in err
    assert f"{path} has other bytes than the photo of Caltech-101" in err


def test_another_data_set_is_refused(call: Call, capsys: Captured) -> None:
    assert call("prepare", "sketchy") == 1
    assert capsys.readouterr().err == (
        "prepare makes doodle101 only, not 'sketchy'. How to get other data sets: `list datasets`.\n"
    )


def test_a_disk_that_cannot_be_written_is_the_users_error(
    prepare: Call, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("datasets.doodle101.build.write_whole", full)
    assert prepare() == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "No space" in line]
    assert "cannot be written: No space left on device. Free the disk" in line


@pytest.mark.parametrize("words", [("run", "--dataset", "doodle101"), ("run", "--suite", "doodle101")])
def test_a_run_without_data_says_in_one_line_how_to_get_them(
    call: Call, words: tuple[str, ...], tmp_path: Path, home: Path, capsys: Captured
) -> None:
    assert call(*words, "--results-dir", str(tmp_path / "results")) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"data set 'doodle101' is not in {home}")
    assert "run_benchmark.py prepare doodle101 --quickdraw DIR --caltech101 DIR" in line


def test_check_data_without_data_says_so_too(call: Call, capsys: Captured) -> None:
    assert call("check-data", "doodle101") == 1
    assert "prepare doodle101 --quickdraw DIR --caltech101 DIR" in capsys.readouterr().out
