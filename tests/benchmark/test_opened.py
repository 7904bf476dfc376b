"""Which files code opened: each way of reading one, what is left out, and when one has changed since."""

import hashlib
import importlib
import json
import os
import sqlite3
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark.opened import ROOT, being_watched, changed_files, is_of_environment, watched


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "weight.txt"
    path.write_text("1.5")
    return path


def sha(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def by_open(path):
    with open(path) as lines:  # noqa: PTH123
        lines.read()


def by_descriptor(path):
    os.close(os.open(path, os.O_RDONLY))


def by_name_from_here(path):
    here = Path.cwd()
    try:
        os.chdir(path.parent)
        by_open(path.name)
    finally:
        os.chdir(here)


def by_bytes(path):
    by_open(os.fsencode(path))


def to_read_and_write(path):
    with path.open("r+") as lines:
        lines.read()


@pytest.mark.parametrize(
    "read", [by_open, Path.read_bytes, by_descriptor, by_name_from_here, by_bytes, to_read_and_write]
)
def test_a_file_that_was_read_is_named_with_its_hash(file, read):
    with watched() as files:
        read(file)
    assert files == {str(file): sha(file)}


@pytest.mark.parametrize(
    ("suffix", "write", "read"),
    [
        (".npy", lambda path: np.save(path, np.ones(2)), np.load),
        (".npy", lambda path: np.save(path, np.ones(2)), lambda path: np.load(path, mmap_mode="r")),
        (".pt", lambda path: torch.save(torch.ones(2), path), torch.load),
        (".png", lambda path: Image.new("L", (2, 2)).save(path), lambda path: Image.open(path).load()),
        (".db", lambda path: sqlite3.connect(path).execute("create table t (x)"), sqlite3.connect),
    ],
)
def test_files_that_libraries_read_are_seen(tmp_path, suffix, write, read):
    path = tmp_path / f"made{suffix}"
    write(path)
    with watched() as files:
        read(path)
    assert str(path) in files


def test_a_module_counts_as_its_source_also_when_its_bytecode_is_read(tmp_path, monkeypatch):
    (tmp_path / "zs_opened_helper.py").write_text("x = 1")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for _ in range(2):
        importlib.invalidate_caches()
        sys.modules.pop("zs_opened_helper", None)
        with watched() as files:
            importlib.import_module("zs_opened_helper")
        assert [Path(name).name for name in files] == ["zs_opened_helper.py"]
    assert list(tmp_path.glob("__pycache__/*.pyc"))


def test_what_the_block_wrote_itself_is_no_input(tmp_path):
    with watched() as files:
        (tmp_path / "cache.txt").write_text("made here")
        (tmp_path / "cache.txt").read_text()
    assert files == {}


def test_environment_system_harness_and_known_files_are_left_out(file):
    with watched(lambda path: path == file) as files:
        file.read_text()
        Path(json.__file__).read_bytes()
        Path(np.__file__).read_bytes()
        Path("/proc/self/status").read_text()
        (ROOT / "benchmark" / "opened.py").read_bytes()
        next((ROOT / "datasets" / "vectors").glob("*.npz")).read_bytes()
    assert files == {}


def test_a_file_of_the_repository_is_named_from_its_root():
    with watched() as files:
        (ROOT / "README.md").read_bytes()
    assert list(files) == ["README.md"]
    assert changed_files(files) == ()


def test_nothing_is_seen_outside_of_blocks_and_a_failure_loses_nothing(file):
    file.read_text()
    with pytest.raises(ZeroDivisionError), watched() as files:
        file.read_text().index("1.5") / 0
    assert list(files) == [str(file)]
    assert being_watched() == {}


def test_blocks_within_blocks_both_see(file):
    with watched() as outer, watched() as inner:
        assert being_watched() is inner
        file.read_text()
    assert inner == outer == {str(file): sha(file)}


def test_a_changed_a_lost_and_an_untouched_file(tmp_path):
    paths = [tmp_path / name for name in ("changed", "lost", "same")]
    for path in paths:
        path.write_text("before")
    files = {str(path): sha(path) for path in paths}
    assert changed_files(files) == ()
    paths[0].write_text("after")
    paths[1].unlink()
    os.utime(paths[2])
    assert changed_files(files) == (str(paths[0]), str(paths[1]))


def test_the_environment_is_that_of_python_and_of_packages(tmp_path):
    assert is_of_environment(Path(np.__file__))
    assert is_of_environment(Path(os.__file__))
    assert not is_of_environment(ROOT / "methods" / "frozen.py")
    assert not is_of_environment(tmp_path / "weight.txt")
