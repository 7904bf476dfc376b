"""What may not be concluded, and what limits the agreement of data sets, follows cards and records."""

import numpy as np

from benchmark.reporting.findings.evidence import study
from benchmark.reporting.findings.page import page as findings_page

_GAINS = np.full(10, 0.1)


def findings(references, published=()):
    """The page, from the runs of each data set."""
    return findings_page([study(one) for one in references], published)


def test_fidelity_and_deviations_are_those_of_the_cards(world):
    cards = {
        "ridge": {"fidelity": "reimplementation", "deviations": ["a", "b"]},
        "zscmr": {"fidelity": "reimplementation", "deviations": ["a"] * 5},
    }
    page = findings([world({"ridge": _GAINS, "zscmr": _GAINS}, cards=cards)])
    assert (
        "By their cards: 2 reimplementations, 1 baseline of our own and none of the authors' own code."
        in page
    )
    assert "lists 3.5 deviations from its paper in the median, `zscmr` the most, 5." in page


def test_all_cards_that_list_the_most_deviations_are_named(world):
    cards = {name: {"fidelity": "reimplementation", "deviations": ["a"] * 3} for name in ("ridge", "zscmr")}
    page = findings([world({"ridge": _GAINS, "zscmr": 2 * _GAINS}, cards=cards)])
    assert "in the median, `zscmr` and `ridge` the most, 3." in page


def test_a_port_is_the_authors_code(world):
    page = findings([world({"zscmr": _GAINS}, cards={"zscmr": {"fidelity": "port", "deviations": []}})])
    assert "none of the authors' own code" not in page
    assert "A reimplementation lists" not in page


def test_tuned_methods_and_wide_rows_are_counted(world):
    page = findings([world({"ridge": _GAINS, "zscmr": _GAINS})])
    assert "Tuned were 2 of 3 methods on" in page
    assert "Equal terms are not equal sizes" not in page  # every embedding has the width of the suite


def test_few_classes_and_many_are_told_apart(world):
    assert "With as few classes as toy has" in findings([world({"zscmr": _GAINS})])
    assert "With as few classes" not in findings([world({"zscmr": np.full(40, 0.1)})])


def test_data_sets_of_papers_are_known(world):
    assert "None of this is measured on a data set that papers report." in findings(
        [world({"zscmr": _GAINS})]
    )
    page = findings([world({"zscmr": _GAINS}, dataset="sketchy_ext")])
    assert "None of this is measured on a data set that papers report." not in page


def test_reversed_orders_depend_on_the_data_and_equal_ones_do_not(world):
    here = world({"ridge": _GAINS, "zscmr": -_GAINS})
    reversed_ = findings([here, world({"ridge": -_GAINS, "zscmr": _GAINS}, dataset="other")])
    assert "correlate by 1.00 within toy, 1.00 within other, and -1.00 across" in reversed_
    assert "the order depends on the data." in reversed_
    equal = findings([here, world({"ridge": 2 * _GAINS, "zscmr": -_GAINS}, dataset="other")])
    assert "an order that depends on the data set is not shown" in equal
    assert "the order depends on the data." not in equal


def test_seeds_that_scatter_more_than_classes_limit_what_can_be_said(world):
    seeds = {"zscmr": (-0.1, 0.0, 0.1)}
    assert "The seeds limit what can be said" in findings(
        [world({"zscmr": 0.01 * np.arange(10)}, seeds=seeds)]
    )
    seeds = {"zscmr": (-0.001, 0.0, 0.001)}
    assert "The classes, not the seeds, limit" in findings(
        [world({"zscmr": 0.01 * np.arange(10)}, seeds=seeds)]
    )
