"""The peak of a run is its own, not that of a run before it."""

import platform

import numpy as np
import pytest

from benchmark.memory import PeakMemory

N_MIB = 300


def take(n_mib: int) -> None:
    np.ones(n_mib * 1024**2, dtype=np.uint8).sum()


def test_memory_that_was_given_back_counts():
    peak = PeakMemory("cpu")
    before = peak.process_mib()
    take(N_MIB)
    assert peak.process_mib() - before > 0.9 * N_MIB


@pytest.mark.skipif(platform.system() != "Linux", reason="only Linux forgets the peak of a process")
def test_an_earlier_peak_is_forgotten():
    take(N_MIB)
    first = PeakMemory("cpu").process_mib()
    peak = PeakMemory("cpu")
    take(N_MIB)
    assert peak.process_mib() - first > 0.9 * N_MIB


def test_a_cpu_has_no_memory_of_a_gpu():
    assert PeakMemory("cpu").device_mib() is None


def test_where_the_kernel_does_not_forget_the_peak_is_that_since_the_start(monkeypatch):
    monkeypatch.setattr("benchmark.memory._forget_peak", lambda: False)
    take(N_MIB)
    assert PeakMemory("cpu").process_mib() > N_MIB
