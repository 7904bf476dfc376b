"""The page says what the numbers show, whatever they are: made-up worlds with other outcomes."""

import itertools
import re

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from benchmark.reporting.findings.evidence import PublishedValue, UnderDefinition, study
from benchmark.reporting.findings.page import DEFINITIONS, DIFFERENCES
from benchmark.reporting.findings.page import page as findings_page

N_CLASSES = 10
_GAINS = 0.1 + 0.01 * np.arange(N_CLASSES)  # all one way: p = 2/1024
_MIXED = 0.1 * np.array([1, -1, 1, -1, 1, -1, 1, -1, 1, -1.2])


def findings(references, published=()):
    """The page, from the runs of each data set."""
    return findings_page([study(one) for one in references], published)


def _summary(page):
    return page.split("**How to read.**")[0]


def _cells(page, label):
    line = next(line for line in page.splitlines() if line.startswith(f"| {label} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_where_every_method_is_better_the_page_says_all(world):
    page = findings([world({"ridge": _GAINS, "zscmr": 2 * _GAINS})])
    assert "all 2 methods are better than `centred`." in _summary(page)
    assert _cells(page, "better") == ["`zscmr` +0.290, `ridge` +0.145"]
    assert "| worse |" not in page
    assert "`zscmr`, the paper's method, is better than `centred` on toy." in page


def test_where_no_method_is_better_the_page_says_none(world):
    page = findings([world({"ridge": -_GAINS, "zscmr": _MIXED})])
    assert "none of 2 methods is shown to be better than `centred`" in _summary(page)
    assert _cells(page, "better") == ["none"]
    assert _cells(page, "worse") == ["`ridge` -0.145"]
    assert _cells(page, "not told apart") == ["`zscmr`"]
    assert "`zscmr`, the paper's method, is not told apart from `centred` on toy." in page
    assert not re.search(r"is better than `centred`|are better than `centred`", page)


def test_numbers_are_those_of_the_classes_and_p_is_holms(world):
    page = findings([world({"cca": _GAINS, "ridge": _MIXED, "zscmr": 2 * _GAINS})])
    # By enumeration: all ten classes one way is 2 of 1,024 patterns; Holm multiplies the two least by 3.
    least = 3 * 2 / 2**N_CLASSES
    sums = np.abs([np.dot(signs, _MIXED) for signs in itertools.product((1, -1), repeat=N_CLASSES)])
    p_mixed = np.mean(sums >= abs(_MIXED.sum()) - 1e-9)
    line = next(line for line in page.splitlines() if line.startswith("- `cca`, CCA, better"))
    assert f"+{_GAINS.mean():.3f} [" in line
    assert f"p = {least:.2g}, better in 10 and worse in 0 of 10 classes." in line
    row = next(line for line in page.splitlines() if line.startswith("| `ridge` |"))
    assert f"| {p_mixed:.2g} | 5/5 |" in row


def test_an_interval_without_the_test_is_open(world):
    # Four classes: the interval leaves out 0, but 2/16 is the least p there is.
    page = findings([world({"zscmr": [0.1, 0.11, 0.12, 0.13]})])
    assert _cells(page, "open") == ["`zscmr` +0.115"]
    assert "`zscmr`, the paper's method, is undecided against `centred` on toy." in page
    assert "its one method is not shown to be better than `centred`; 1 is open." in _summary(page)


def test_a_method_without_any_difference_is_said_to_be_the_same(world):
    page = findings([world({"ridge": np.zeros(N_CLASSES), "zscmr": _GAINS})])
    assert _cells(page, "the same in every class") == ["`ridge`"]


def test_a_method_that_wins_on_one_data_set_and_loses_on_the_other_is_named(world):
    here = world({"ridge": _GAINS, "zscmr": -_GAINS})
    there = world({"ridge": -_GAINS, "zscmr": -2 * _GAINS}, dataset="other")
    assert "`ridge` is better than `centred` on one and worse on the other." in findings([here, there])
    both = findings([here, world({"ridge": _GAINS, "zscmr": -_GAINS}, dataset="other")])
    assert "No method is better than `centred` on one and worse on the other." in both


def test_one_data_set_has_nothing_to_agree_with(world):
    assert "Do the data sets agree?" not in findings([world({"zscmr": _GAINS})])


def test_an_ablation_names_the_variants_that_differ_and_the_room_for_the_others(world):
    gains = {"zscmr": _GAINS, "zscmr (without a)": _GAINS - 0.2, "zscmr (without b)": _GAINS + _MIXED}
    page = findings([world(gains)])
    assert "Of its 2 variants, 1 is shown to differ from the whole: “without a” (-0.200" in page
    assert "| without b | -0.002 [" in page
    none = findings([world({"zscmr": _GAINS, "zscmr (without b)": _GAINS + _MIXED})])
    assert "None of its 1 variant is shown to differ from the whole" in none


def test_variants_are_no_methods_of_the_comparison(world):
    page = findings([world({"zscmr": _GAINS, "zscmr (without a)": 2 * _GAINS})])
    assert "its one method is better than `centred`." in _summary(page)
    assert "10 classes in 1 split, 1 method" in page


def test_readings_and_published_numbers_decide_what_is_said_of_the_ruler(world):
    readings = {
        row: [UnderDefinition("map@10/k", low), UnderDefinition("map@10/hits", high)]
        for row, low, high in (("centred", 0.20, 0.50), ("zscmr", 0.25, 0.45))
    }
    small = [PublishedValue("t", "map@200", year, value, "m") for year, value in ((2018, 0.3), (2020, 0.35))]
    large = [PublishedValue("t", "map@200", year, value, "m") for year, value in ((2018, 0.1), (2020, 0.6))]
    evidence = [world({"zscmr": _GAINS}, readings=readings)]
    page = findings(evidence, small)
    assert "| toy, `map@10` | 0.200 `/k` | 0.500 `/hits` | 0.250 | 1 of 1 |" in page
    assert "`centred` is up to 0.050 ahead of `zscmr` by one definition and up to 0.050 behind" in page
    assert "1 of these 1 `map@200` rises are smaller" in page
    assert "cannot tell a gain of the usual size" in page
    other = findings(evidence, large)
    assert "0 of these 1 `map@200` rises are smaller" in other
    assert "cannot explain most of them" in other
    assert "cannot tell a gain" not in other


def test_codes_are_another_ruler_where_there_are_runs_with_them(world, make_run):
    evidence = world({"zscmr": np.full(N_CLASSES, 0.1)})
    coded = [
        make_run(method, scores={"map@all": [value] * 4}, protocol={"codes": "itq, 64 bits"})
        for method, value in (("centred", 0.45), ("zscmr", 0.4))
    ]
    page = findings([type(evidence)((*evidence.runs, *coded))])
    # 0.5 becomes 0.45 and 0.6 becomes 0.4: the two change places.
    assert "scores change by -0.200 to -0.050 on toy (itq, 64 bits, 2 methods), where 1 of 1 pairs" in page
    assert "hold nothing with binary codes, another gallery" in findings([evidence])


def test_without_readings_and_published_numbers_nothing_is_said_of_them(world):
    page = findings([world({"zscmr": _GAINS})])
    assert "The records hold no ranking under several definitions." in page
    assert "No published numbers were given to compare with." in page
    assert "map@200" not in page


def test_figures_are_shown_where_there_is_something_to_draw(world):
    readings = {"centred": [UnderDefinition("map@10/k", 0.2), UnderDefinition("map@10/hits", 0.5)]}
    page = findings([world({"zscmr": _GAINS}, readings=readings)])
    assert f"({DIFFERENCES})" in page
    assert f"({DEFINITIONS})" in page
    assert DEFINITIONS not in findings([world({"zscmr": _GAINS})])


def test_the_same_runs_give_the_same_page(world):
    evidence = [world({"ridge": _MIXED, "zscmr": _GAINS})]
    assert findings(evidence) == findings(evidence)


def test_runs_of_two_data_sets_are_refused_as_one(world):
    runs = (*world({"zscmr": _GAINS}).runs, *world({"zscmr": _GAINS}, dataset="other").runs)
    with pytest.raises(BenchmarkError, match="one data set at a time, got other, toy"):
        findings([type(world({"zscmr": _GAINS}))(runs)])
