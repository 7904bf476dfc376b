"""The interval covers what it says at two cells of the simulation, and plain percentiles do not."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parent / "interval_coverage.py"
N_REPETITIONS = 1000
# Three Monte Carlo standard errors of a coverage near 95 %.
TOLERANCE = 3 * np.sqrt(0.95 * 0.05 / N_REPETITIONS)


@pytest.fixture(scope="module")
def simulation():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("interval_coverage", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["interval_coverage"] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    yield module
    del sys.modules["interval_coverage"]


@pytest.fixture(scope="module")
def coverage(simulation):
    """Coverage of the query mean of 12 classes with skewed effects, by kind of interval."""
    cell = simulation.Cell(effects="exponential", noise=0.5)
    intervals = {"before": simulation.before, "now": simulation.now}
    found = simulation.coverage(cell, intervals, n_repetitions=N_REPETITIONS, seed=0)
    return {name: own.share for name, own in found.items()}


def test_the_interval_covers_93_to_97_percent_of_twelve_skewed_classes(coverage):
    assert 0.93 - TOLERANCE < coverage["now"] < 0.97 + TOLERANCE


def test_plain_percentiles_of_twelve_skewed_classes_cover_less(coverage):
    assert coverage["before"] < 0.93 - TOLERANCE


def test_the_interval_of_a_mean_over_folds_covers_93_to_97_percent(simulation):
    cell = simulation.Cell(n_classes=13, n_folds=4, balanced=True, is_difference=True)
    found = simulation.coverage(cell, {"now": simulation.now}, n_repetitions=N_REPETITIONS, seed=0)
    assert 0.93 - TOLERANCE < found["now"].share < 0.97 + TOLERANCE
