"""Where the code lies: names of ours are also names of popular packages, and tests must not hide them."""

from pathlib import Path

import datasets
import metrics

ROOT = Path(__file__).parents[1]


def test_datasets_is_the_package_of_this_repository():
    assert Path(datasets.__file__).parent == ROOT / "datasets"


def test_metrics_is_the_package_of_this_repository():
    assert Path(metrics.__file__).parent == ROOT / "metrics"


def test_importing_the_harness_alone_costs_nothing():
    assert (ROOT / "benchmark" / "__init__.py").read_text() == ""


def test_no_folder_of_tests_is_a_package():
    assert not list((ROOT / "tests").rglob("__init__.py"))
