"""Every number of the findings against one worked by hand, by brute force or by scipy."""

import itertools

import numpy as np
import pytest
from scipy.stats import kendalltau

from benchmark.reporting.findings.evidence import PublishedValue, UnderDefinition, study
from benchmark.reporting.findings.groups import side_information, spread
from benchmark.reporting.findings.orders import halves, order, shared_order
from benchmark.reporting.findings.ruler import headline, rulers, wanted_ids
from benchmark.reporting.findings.steps import published_steps

_RISING = 0.01 * np.arange(10)


def test_rank_correlation_is_kendalls():
    one, other = np.random.default_rng(0).random((2, 12))
    found = order(one, other)
    assert found.tau == pytest.approx(kendalltau(one, other).statistic)
    assert found.n_same + found.n_opposite == found.n_pairs == 66


def test_scores_that_tie_stand_in_no_order():
    found = order([0.1, 0.1, 0.3], [0.1, 0.2, 0.3])
    assert (found.n_pairs, found.n_same, found.n_opposite) == (3, 2, 0)


def test_the_reference_is_one_of_the_methods_in_order(world):
    one = study(world({"cca": _RISING, "ridge": -_RISING})).main
    other = study(world({"cca": -_RISING, "ridge": -2 * _RISING}, dataset="other")).main
    found = shared_order(one, other)
    # cca > centred > ridge against centred > cca > ridge.
    assert (found.n_methods, found.n_pairs, found.n_same, found.n_opposite) == (3, 3, 2, 1)


def test_halves_of_classes_that_all_agree_correlate_by_one_and_reversed_data_by_minus_one(world):
    gains = np.full(10, 0.1)
    one = study(world({"cca": gains, "ridge": -gains})).main
    other = study(world({"cca": -gains, "ridge": gains}, dataset="other")).main
    found = halves(one, other)
    assert found.within == (1.0, 1.0)
    assert found.across == -1.0


def test_halves_of_pure_noise_do_not_correlate(world):
    rng = np.random.default_rng(1)
    names = [f"m{i}" for i in range(8)]
    found = halves(
        *(
            study(world({n: rng.normal(0, 0.1, 40) for n in names}, dataset=dataset)).main
            for dataset in ("toy", "other")
        )
    )
    assert abs(found.across) < 0.25
    assert all(within < 0.25 for within in found.within)


def test_side_information_is_the_difference_of_group_means_over_classes(world):
    cards = {"a": {"side_information": ["class vectors"]}, "b": {"side_information": ["class vectors"]}}
    evidence = world({"a": 0.1 + _RISING, "b": 0.3 + _RISING, "c": 0.05 + 0 * _RISING}, cards=cards)
    found = side_information(study(evidence).main)
    assert [pair.row.name for pair in found.with_any] == ["b", "a"]
    assert found.difference.value == pytest.approx(0.2 + 0.045 - 0.05, abs=1e-6)
    assert found.difference.ci_low < found.difference.value < found.difference.ci_high


def test_rows_that_learn_nothing_or_read_pictures_are_in_no_group(world):
    cards = {
        "a": {"side_information": ["class vectors"]},
        "b": {"input": "images"},
        "c": {"is_transductive": True},
    }
    assert side_information(study(world(dict.fromkeys("abc", _RISING), cards=cards)).main) is None


def test_seed_spread_is_pooled_over_methods(world):
    seeds = {"a": (-0.01, 0.0, 0.01), "b": (-0.03, 0.0, 0.03)}
    found = spread(study(world({"a": _RISING, "b": -_RISING}, seeds=seeds)).main)
    assert found.seeds == pytest.approx(np.sqrt((0.01**2 + 0.03**2) / 2), abs=1e-6)
    assert (found.n_methods, found.n_seeds) == (2, (3, 3))
    # Half an interval over 1.96: the plain standard error, made larger by Student's t and the studentising.
    plain = _RISING.std(ddof=1) / np.sqrt(10)
    assert plain < found.classes < 1.4 * plain


def test_one_seed_has_no_spread(world):
    assert spread(study(world({"a": _RISING})).main) is None


def _readings(values, definitions):
    return {
        row: [UnderDefinition(m, v, a) for (m, a), v in zip(definitions, own, strict=True)]
        for row, own in values.items()
    }


def test_flips_are_pairs_whose_order_is_not_the_same_under_all_definitions():
    rng = np.random.default_rng(2)
    definitions = [("map@20/hits", "query"), ("map@20/k", "query"), ("map@20/voc", "query")]
    values = {f"m{i}": tuple(rng.random(3)) for i in range(9)}
    (found,) = rulers(_readings(values, definitions))
    expected = sum(
        len({np.sign(a - b) for a, b in zip(one, other, strict=True)}) > 1
        for one, other in itertools.combinations(values.values(), 2)
    )
    assert (found.n_flips, found.n_pairs) == (expected, 36)
    assert found.median_range == pytest.approx(np.median([max(v) - min(v) for v in values.values()]))


def test_a_tie_under_one_definition_is_no_change_of_places():
    definitions = [("map@20/hits", "query"), ("map@20/k", "query")]
    (found,) = rulers(_readings({"a": (0.3, 0.2), "b": (0.1, 0.2)}, definitions))
    assert (found.n_flips, found.widest_flip) == (0, None)


def test_only_definitions_of_published_code_that_all_rows_have_are_compared():
    definitions = [("map@20/k", "query"), ("map@20/r", "query"), ("map@20/hits", "class"), ("p@100", "query")]
    assert rulers(_readings({"a": (0.1, 0.2, 0.3, 0.4)}, definitions)) == ()
    readings = {
        "a": [UnderDefinition("map@20/k", 0.1), UnderDefinition("map@20/hits", 0.2)],
        "b": [UnderDefinition("map@20/k", 0.1)],
    }
    assert rulers(readings) == ()


def test_a_definition_that_makes_most_of_the_range_is_found():
    definitions = [("map@20/hits", "query"), ("map@20/k", "query"), ("map@20/voc", "query")]
    (found,) = rulers(_readings({"a": (0.5, 0.2, 0.21), "b": (0.6, 0.2, 0.23)}, definitions))
    assert found.dominant == (("map@20/hits", "query"), pytest.approx(0.02))
    (even,) = rulers(_readings({"a": (0.1, 0.2, 0.3)}, definitions))
    assert even.dominant is None


def test_the_headline_is_the_largest_cut_that_a_class_fills():
    definitions = [(f"map@{k}/{kind}", "query") for k in (10, 20, 200) for kind in ("hits", "k")]
    found = rulers(_readings({"a": (0.1,) * 6}, definitions))
    assert headline(found, 27.0).name == "map@20"
    assert headline(found, 5.0).name == "map@10"
    assert headline((), 5.0) is None


def test_wanted_ids_are_those_of_published_code_at_two_cuts():
    ids = wanted_ids(50.0, 602)
    assert set(ids) == {f"map@{k}/{kind}" for k in (20, 200) for kind in ("hits", "k", "voc")}
    assert {parsed.split("@")[1].split("/")[0] for parsed in wanted_ids(27.0, 150)} == {"10"}


def test_steps_are_rises_of_the_record_between_years():
    values = [(2018, 0.2), (2019, 0.3), (2019, 0.25), (2020, 0.28), (2021, 0.36), (2023, 0.5)]
    found = published_steps(PublishedValue("a", "map@200", year, value, "m") for year, value in values)
    assert found["map@200"].rises == pytest.approx((0.1, 0.06, 0.14))
    assert found["map@200"].median == pytest.approx(0.1)
    assert found["map@200"].n_below(0.12) == 2


def test_tests_of_another_name_are_no_steps_of_each_other():
    values = [PublishedValue(test, "map@all", year, 0.1 * year, "m") for test, year in (("a", 1), ("b", 2))]
    assert published_steps(values) == {}


def test_codes_are_a_table_of_their_own(world, make_run):
    evidence = world({"zscmr": _RISING})
    coded = [
        make_run(method, scores={"map@all": [0.2] * 4}, protocol={"codes": "itq, 64 bits"})
        for method in ("centred", "zscmr")
    ]
    found = study(type(evidence)((*evidence.runs, *coded)))
    assert [table.protocol.codes for table in found.coded] == ["itq, 64 bits"]
    assert found.main.comparison.protocol.codes == "real"
