"""doodle101 made from its downloads: what is written, going on after an interruption, and what is refused."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.errors import BenchmarkError
from datasets.doodle101 import build as build_module
from datasets.doodle101.build import plan
from datasets.doodle101.drawing import pixel_digest

ROOT = Path(__file__).parents[3]
NAMES = [
    "photo/chair/chair_0001.jpg",
    "photo/chair/windsor_chair_0002.jpg",
    "photo/lobster/lobster_0001.jpg",
    "photo/lobster/lobster_0041.jpg",
    "sketch/chair/5054250176479232.png",
    "sketch/lobster/5540600327700480.png",
]


def files(root):
    """Content of every file by name, the lock aside."""
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in sorted(found.items()) if name != ".prepare.lock"}


def require_whole(root, downloads):
    assert list(files(root)) == NAMES
    for sketch in downloads.contents.sketches:
        assert pixel_digest(root / sketch.name) == sketch.pixels
    for photo in downloads.contents.photos:
        assert (root / photo.name).read_bytes() == (downloads.caltech101 / photo.original).read_bytes()


def change(path, old, new):
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_the_listed_files_are_made_and_no_others(downloads, tmp_path):
    downloads.build(tmp_path / "made")
    require_whole(tmp_path / "made", downloads)


def test_packed_drawings_will_do(downloads, gzipped, tmp_path):
    downloads.build(tmp_path / "made")
    require_whole(tmp_path / "made", downloads)


def test_progress_counts_every_picture_once(downloads, tmp_path):
    told = []
    downloads.build(tmp_path / "made", lambda done, total: told.append((done, total)))
    assert told == [(done, 6) for done in range(1, 7)]


@pytest.mark.parametrize("n_before", range(1, 7))
def test_an_interrupted_call_is_continued(downloads, tmp_path, n_before):
    def interrupt(done, total):
        if done == n_before:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        downloads.build(tmp_path / "made", interrupt)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "made").rglob("*.??g")}
    assert len(before) == n_before
    told = []
    downloads.build(tmp_path / "made", lambda done, total: told.append(done))
    assert told == list(range(n_before + 1, 7))
    assert {path: path.stat().st_mtime_ns for path in before} == before
    require_whole(tmp_path / "made", downloads)


KILLED_AMID_WRITING = """
import os, pathlib, sys
from datasets.doodle101.build import build, plan
from datasets.doodle101.contents import Contents, Photo, Sketch

def replace(path, target, n_left=[3]):
    n_left[0] -= 1
    if n_left[0] == 0:
        os.kill(os.getpid(), {signal})
    os.replace(path, target)

pathlib.Path.replace = replace
build(plan({contents!r}, pathlib.Path({root!r}), quickdraw=pathlib.Path({quickdraw!r}),
           caltech101=pathlib.Path({caltech101!r})))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_process_leaves_whole_pictures_and_the_next_call_sweeps_up(downloads, tmp_path):
    root = tmp_path / "made"
    script = KILLED_AMID_WRITING.format(
        signal=int(signal.SIGKILL),
        contents=downloads.contents,
        root=str(root),
        quickdraw=str(downloads.quickdraw),
        caltech101=str(downloads.caltech101),
    )
    killed = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert killed.returncode == -signal.SIGKILL
    left = files(root)
    assert sum(name in NAMES for name in left) == 2
    assert len(left) == 3  # the third was written whole, but has not got its name
    downloads.build(root)
    require_whole(root, downloads)


def test_a_complete_copy_needs_no_download(downloads, tmp_path):
    downloads.build(tmp_path / "made")
    done = plan(downloads.contents, tmp_path / "made", quickdraw=None, caltech101=None)
    assert (done.sketches, done.photos, done.n_there) == ((), (), 6)


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_is_made_again(downloads, tmp_path, name):
    downloads.build(tmp_path / "made")
    path = tmp_path / "made" / name
    path.write_bytes(path.read_bytes()[:-40])
    downloads.build(tmp_path / "made")
    require_whole(tmp_path / "made", downloads)


def test_a_photo_with_other_bytes_is_named_and_not_copied_and_the_rest_is_made(downloads, tmp_path):
    path = downloads.caltech101 / "lobster" / "image_0041.jpg"
    path.write_bytes(path.read_bytes() + b"!")
    with pytest.raises(
        BenchmarkError, match=r"5 of 6 pictures .*\n.*lobster/image_0041\.jpg has other bytes"
    ):
        downloads.build(tmp_path / "made")
    assert list(files(tmp_path / "made")) == [name for name in NAMES if "0041" not in name]


def test_a_drawing_that_is_not_found_is_named_and_the_rest_is_made(downloads, tmp_path):
    change(downloads.quickdraw / "chair.ndjson", "5054250176479232", "1")
    with pytest.raises(BenchmarkError, match=r"5 of 6 .*\n.*chair\.ndjson has 7 lines .*: 5054250176479232"):
        downloads.build(tmp_path / "made")
    assert list(files(tmp_path / "made")) == [name for name in NAMES if "5054250176479232" not in name]


def test_everything_that_the_downloads_lack_is_listed_in_one_error_before_anything_is_made(
    downloads, tmp_path
):
    (downloads.quickdraw / "chair.ndjson").unlink()
    (downloads.caltech101 / "lobster" / "image_0041.jpg").unlink()
    (downloads.caltech101 / "windsor_chair").rename(downloads.caltech101 / "elsewhere")
    with pytest.raises(BenchmarkError) as error:
        downloads.plan(tmp_path / "made")
    head, drawings, folders, photos, advice = str(error.value).split("\n")
    assert head == "doodle101 cannot be made:"
    assert drawings.endswith("lacks 1 of 2 files (it holds 1 files .ndjson): chair.ndjson.")
    assert folders.endswith("101_ObjectCategories lacks 1 of 3 class folders: windsor_chair.")
    assert photos.endswith("101_ObjectCategories lacks 1 photos: lobster/image_0041.jpg.")
    assert advice.startswith("Fetch what is missing")
    assert not (tmp_path / "made").exists()


def test_folders_that_are_not_named_or_not_there_are_said_together(downloads, tmp_path):
    with pytest.raises(BenchmarkError, match=r"--quickdraw DIR is needed.*\n.*--caltech101 DIR is needed"):
        plan(downloads.contents, tmp_path / "made", quickdraw=None, caltech101=None)
    nowhere, file = tmp_path / "nowhere", downloads.quickdraw / "chair.ndjson"
    with pytest.raises(
        BenchmarkError, match=r"quickdraw .*nowhere does not exist\.\n.*caltech101 .* is a file"
    ):
        plan(downloads.contents, tmp_path / "made", quickdraw=nowhere, caltech101=file)


def test_what_another_process_has_made_meanwhile_is_not_made_again(downloads, tmp_path, monkeypatch):
    work = downloads.plan(tmp_path / "made")
    downloads.build(tmp_path / "made")
    monkeypatch.setattr(build_module, "write_whole", lambda path, content: pytest.fail(f"{path} was written"))
    build_module.build(work)
