"""The script that compares the engine with its peers runs, and refuses to compare different answers."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "speed"


def run_script(*arguments: str) -> list[list[str]]:
    """The cells of the table that it prints."""
    command = [sys.executable, str(FOLDER / "metrics.py"), "--markdown", *arguments]
    # ranx compiles for seconds what it then runs for milliseconds.
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A file of the folder as a module."""
    spec = importlib.util.spec_from_file_location(f"speed_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(sys.modules, f"speed_{name}", module)  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def test_every_peer_is_measured_or_named_with_what_to_install(monkeypatch):
    rows = {cells[0]: cells for cells in run_script("--quick")}
    for peer in load("peers", monkeypatch).PEERS:
        if importlib.util.find_spec(peer.module):
            assert rows[peer.name][1].endswith(")")
            assert float(rows[peer.name][2].split()[0]) > 0
        else:
            assert rows[peer.name][1:3] == ["not installed", f"pip install {peer.package}"]


def test_a_whole_shape_reports_time_and_memory():
    (_, cpu, wall, *_), (_, over, peak, *_) = run_script("--shape", "quick", "--threads", "1")
    assert cpu.endswith("s CPU")
    assert wall.endswith("s wall")
    assert 0 <= float(over.split()[0]) < float(peak.split()[0])


def test_two_threads_are_compared_by_the_medians_of_their_wall_times(monkeypatch):
    script = load("metrics", monkeypatch)
    walls = iter([2.0, 1.0, 9.0, 1.5, 2.2, 1.1])  # one thread and two, in turns
    monkeypatch.setattr(script, "in_a_new_process", lambda shape, threads: {"wall": next(walls)})
    found = script.two_threads("sketchy", 3)
    assert (found.measured, found.ratio, found.met) == ("2.20 s and 1.10 s wall", "2.00 x as fast", "yes")


def test_a_peer_whose_answers_differ_ends_the_comparison(monkeypatch):
    peers, script = load("peers", monkeypatch), load("metrics", monkeypatch)
    monkeypatch.setitem(sys.modules, "peers", peers)
    honest = peers.PEERS[0]

    def off_by_a_little(data):
        run = honest.prepare(data)
        return lambda: run() + np.eye(len(data.queries))[3] * 1e-4

    monkeypatch.setattr(peers, "PEERS", (honest._replace(prepare=off_by_a_little),))
    with pytest.raises(ValueError, match=f"{honest.name} and we differ.* for query 3"):
        list(script.engine_and_peers(script.QUICK))


def test_the_made_up_gallery_is_imbalanced_and_its_order_says_nothing(monkeypatch):
    data = load("peers", monkeypatch).made_up(50, 1000, 5, 8)
    counts = np.bincount(data.gallery_labels)
    assert counts.sum() == 1000
    assert counts.max() == pytest.approx(4 * counts.min(), rel=0.05)
    for labels in (data.query_labels, data.gallery_labels):
        assert np.count_nonzero(np.diff(labels)) > labels.size / 2
