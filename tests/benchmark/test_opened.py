"""Which files code opened: each way of reading one, what is left out, and when one has changed since."""

import contextlib
import hashlib
import importlib
import json
import linecache
import os
import sqlite3
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark import opened
from benchmark.opened import ABSENT, ROOT, changed_files, is_of_environment, read_by_modules, watched
from benchmark.syntax import code_sha256


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


def load(folder, name, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()
    monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module(name)


def test_a_module_counts_as_its_code_also_when_its_bytecode_is_read(tmp_path, monkeypatch):
    source = tmp_path / "zs_opened_helper.py"
    source.write_text("x = 1")
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for _ in range(2):
        with watched() as files:
            load(tmp_path, "zs_opened_helper", monkeypatch)
        assert files == {str(source): code_sha256(b"x = 1")}
    assert list(tmp_path.glob("__pycache__/*.pyc"))
    source.write_text("x = 1  # a comment")
    assert changed_files(files) == ()
    source.write_text("x = 2")
    assert changed_files(files) == (str(source),)


def test_what_the_top_level_of_a_module_reads_belongs_to_it_whoever_imports_it(tmp_path, file, monkeypatch):
    inner, outer = tmp_path / "zs_inner.py", tmp_path / "zs_outer.py"
    inner.write_text(f"WEIGHT = open({str(file)!r}).read()")
    outer.write_text("import importlib\nimportlib.import_module('zs_inner')")
    monkeypatch.setattr(opened, "_by_module", defaultdict(dict))
    monkeypatch.delitem(sys.modules, "zs_inner", raising=False)
    with watched() as first:
        load(tmp_path, "zs_outer", monkeypatch)
    with watched() as second:  # everything is loaded: nothing is opened
        importlib.import_module("zs_outer")
    assert list(first) == [str(outer)]
    assert second == {}
    assert set(read_by_modules([outer])) == {str(inner), str(file)}
    assert set(read_by_modules([inner])) == {str(file)}
    assert read_by_modules([tmp_path / "another.py"]) == {}


def test_what_the_block_wrote_itself_is_no_input(tmp_path):
    with watched() as files:
        (tmp_path / "cache.txt").write_text("made here")
        (tmp_path / "cache.txt").read_text()
        # torch saves in C, unseen, and reads in Python.
        torch.save(torch.ones(2), tmp_path / "best.pt")
        torch.load(tmp_path / "best.pt")
        with (tmp_path / "log.txt").open("a") as log:
            log.write("a line")
    assert files == {}


def test_a_log_that_is_added_to_is_no_input(file):
    with watched() as files, file.open("a") as log:
        log.write("a line")
    assert files == {}


def test_a_file_that_is_not_there_is_one_that_may_come(tmp_path):
    path = tmp_path / "prior.txt"
    with watched() as files, contextlib.suppress(FileNotFoundError):
        path.read_text()
    assert files == {str(path): ABSENT}
    assert changed_files(files) == ()
    path.write_text("here")
    assert changed_files(files) == (str(path),)


def test_a_cache_that_was_not_there_and_is_made_is_no_input(tmp_path):
    path = tmp_path / "cache.txt"
    with watched() as files:
        if not path.exists():
            with contextlib.suppress(FileNotFoundError):
                path.read_text()
            path.write_text("made here")
    assert files == {}


def test_the_hash_is_that_of_what_was_read_not_of_what_came_later(file):
    before = sha(file)
    with watched() as files:
        file.read_text()
        file.write_text("changed while the block runs")
    assert files == {str(file): before}
    assert changed_files(files) == (str(file),)


def test_a_file_that_cannot_be_read_or_is_a_folder_stops_nothing(tmp_path):
    with watched() as files:
        for path in (tmp_path, tmp_path / "a\0b"):
            with contextlib.suppress(OSError, ValueError):
                path.read_bytes()
    assert files == {}


def test_code_that_a_warning_or_a_traceback_shows_is_no_input(tmp_path):
    source = tmp_path / "zs_shown.py"
    source.write_text("1 / 0")
    linecache.checkcache()
    with watched() as files:
        assert linecache.getline(str(source), 1) == "1 / 0\n"
    assert files == {}


def test_a_repository_that_is_reached_by_a_link_is_the_same(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(ROOT, target_is_directory=True)
    code = """
import sys
from benchmark.registry import METHODS
from benchmark.imports import source_files
from benchmark.identity import source_sha256
print(len(source_files(METHODS.get("frozen"))), source_sha256(METHODS.get("frozen")))
"""
    command = [sys.executable, "-c", code]
    found = set()
    for place in (ROOT, link):
        own = {**os.environ, "PYTHONPATH": str(place)}
        done = subprocess.run(command, cwd=place, env=own, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    assert len(found) == 1


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


def test_blocks_within_blocks_both_see(file):
    with watched() as outer, watched() as inner:
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
