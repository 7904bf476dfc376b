"""What is computed of two rows, and the sentence on it. Expected numbers are worked by hand."""

import csv
import dataclasses
import io
import itertools
import json

import numpy as np
import pytest
from rich.console import Console

from benchmark.errors import BenchmarkError
from benchmark.reporting.conclusions import conclusion, notes, p_text
from benchmark.reporting.fold_values import Interval
from benchmark.reporting.pairwise import pairwise
from benchmark.reporting.pairwise_text import render_pairwise, rich_pairwise
from metrics.significance import SignFlipTest


def _runs(make_run, gains, *, split="fold0", methods=("centred", "zscmr"), **changes):
    """A reference at 0.5 in every class, and a method that gains this much in each; two queries a class."""
    labels = np.repeat(np.arange(len(gains)), 2)
    base = np.full(len(labels), 0.5)
    per_row = {methods[0]: base, methods[1]: base + np.repeat(gains, 2)}
    return [
        make_run(method, split, scores={"map@all": values}, labels=labels, **changes)
        for method, values in per_row.items()
    ]


def _pair(runs, **choice):
    return pairwise(runs, **{"row": "zscmr", "reference": "centred", **choice}).pairs[0]


def _note(found, label):
    return next(note.text for note in notes(found) if note.label == label)


def _sentence(found, difference, *, p=0.001, p_holm=None, **changes):
    """The conclusion on the first comparison of `found`, with an interval and a p of the test's own."""
    pair = found.pairs[0]
    value = difference[0]
    test = SignFlipTest(
        statistic=changes.pop("by_class", value), p=p, smallest_p=1e-4, n_patterns=1, is_exact=True
    )
    changes = {"smallest_p_holm": 1e-4, **changes}
    pair = dataclasses.replace(
        pair, difference=Interval(*difference), test=test, p_holm=p if p_holm is None else p_holm, **changes
    )
    return conclusion(found, pair)


@pytest.fixture
def found(make_run):
    return pairwise(_runs(make_run, [0.1, 0.2, -0.1, 0.05]), row="zscmr", reference="centred")


def test_classes_count_alike_in_a_split_and_splits_count_alike(make_run):
    runs = [*_runs(make_run, [0.1, 0.3]), *_runs(make_run, [0.0, 0.3, 0.6], split="fold1")]
    pair = _pair(runs)
    # Labels 0 and 1 are the same classes in both splits: weights 1/2 + 1/3, differences are weighted means.
    assert pair.test.statistic == pytest.approx((0.2 + 0.3) / 2)
    assert pair.n_classes == 3


def test_queries_of_a_class_are_averaged_before_classes_are(make_run):
    labels = (0, 0, 0, 1)
    runs = [
        make_run("centred", scores={"map@all": [0.5] * 4}, labels=labels),
        make_run("zscmr", scores={"map@all": [0.6, 0.7, 0.8, 0.9]}, labels=labels),
    ]
    pair = _pair(runs)
    assert pair.difference.value == pytest.approx((0.1 + 0.2 + 0.3 + 0.4) / 4)
    assert pair.test.statistic == pytest.approx((0.2 + 0.4) / 2)
    assert [effect.n_queries for effect in pair.effects] == [1, 3]


def test_seeds_are_averaged_before_anything_else(make_run):
    runs = [make_run("centred", scores={"map@all": [0.5] * 4})]
    runs += [make_run("zscmr", seed=0, scores={"map@all": [0.9, 0.7, 0.4, 0.4]})]
    runs += [make_run("zscmr", seed=1, scores={"map@all": [0.7, 0.5, 0.6, 0.8]})]
    effects = {effect.class_name: effect.difference for effect in _pair(runs).effects}
    assert effects == pytest.approx({"class 0": 0.2, "class 1": 0.05}, abs=1e-6)


def test_p_is_the_share_of_sign_patterns_of_class_differences(make_run):
    gains = [0.11, 0.21, -0.13, 0.05, 0.31]
    sums = [abs(np.dot(signs, gains)) for signs in itertools.product((1, -1), repeat=5)]
    expected = np.mean(np.array(sums) >= abs(sum(gains)) - 1e-9)
    pair = _pair(_runs(make_run, gains))
    assert pair.test.p == pair.p_holm == expected
    assert (pair.n_classes, pair.n_better, pair.n_worse) == (5, 4, 1)


def test_a_class_of_several_splits_has_one_sign(make_run):
    runs = [*_runs(make_run, [0.1, 0.2, 0.3]), *_runs(make_run, [0.1, 0.2, 0.3], split="fold1")]
    found = pairwise(runs, row="zscmr", reference="centred")
    assert found.pairs[0].test.smallest_p == 2 / 2**3
    assert len(found.pairs[0].effects) == 6
    assert "3 classes are unseen in several splits: each has one sign" in _note(found, "Test")


def test_queries_without_a_value_are_left_out_of_their_class(make_run):
    values = {"centred": [0.0, np.nan, 0.0, 1.0], "zscmr": [1.0, np.nan, 0.0, 1.0]}
    runs = [make_run(method, scores={"acc@1": own}) for method, own in values.items()]
    effects = _pair(runs, metric="acc@1").effects
    assert [(effect.n_queries, effect.difference) for effect in effects] == [(1, 1.0), (2, 0.0)]


def test_queries_that_one_row_alone_has_a_value_for_are_left_out(make_run):
    values = {"centred": [0.5, np.nan, 0.5, 0.5], "zscmr": [0.6, 0.9, 0.8, np.nan]}
    runs = [make_run(method, scores={"map@all": own}) for method, own in values.items()]
    effects = _pair(runs).effects
    assert [(effect.n_queries, round(effect.difference, 6)) for effect in effects] == [(1, 0.3), (1, 0.1)]


def test_partial_runs_do_not_replace_whole_ones(make_run):
    runs = [*_runs(make_run, [0.1, 0.2]), *_runs(make_run, [-0.3, -0.4], status="partial")]
    assert _pair(runs).test.statistic == pytest.approx(0.15)


def test_classes_carry_the_names_of_the_record(make_run):
    means = {"map@all": {"ant": 0.5, "bee": 0.5}}
    runs = _runs(make_run, [0.1, 0.2], per_class=means)
    # Only the reference's means are those recorded, and it knows the labels of both.
    assert [effect.class_name for effect in _pair(runs).effects] == ["bee", "ant"]


def test_names_whose_recorded_means_are_others_are_not_used(make_run):
    runs = _runs(make_run, [0.1, 0.2], per_class={"map@all": {"ant": 0.1, "bee": 0.9}})
    assert [effect.class_name for effect in _pair(runs).effects] == ["class 1", "class 0"]


def test_holm_counts_the_comparisons_with_one_reference(make_run):
    gains = np.array([0.1, 0.2, 0.3, 0.15, 0.25])
    runs = _runs(make_run, gains)
    for method, sign in (("cca", -1), ("sae", 1)):
        runs += _runs(make_run, gains * sign, methods=("centred", method))[1:]
    found = pairwise(runs, reference="centred")
    assert {pair.row.name for pair in found.pairs} == {"zscmr", "cca", "sae"}
    assert [pair.test.p for pair in found.pairs] == [2 / 32] * 3
    assert [pair.p_holm for pair in found.pairs] == [6 / 32] * 3
    assert [pair.smallest_p_holm for pair in found.pairs] == [6 / 32] * 3


def test_a_row_without_a_mean_is_left_out_of_the_family_and_named(make_run):
    runs = _runs(make_run, [0.1, 0.2, 0.3])
    runs += [make_run("cca", status="failed", reason="singular matrix"), make_run("sae", status="partial")]
    found = pairwise(runs, reference="centred")
    assert [pair.row.name for pair in found.pairs] == ["zscmr"]
    assert found.left_out == {
        "cca": "fold0, failed: singular matrix",
        "sae": "partial runs only (--limit)",
    }
    assert "cca: fold0, failed: singular matrix" in _note(found, "Not compared")


def test_rows_beside_the_two_need_not_be_measured_alike(make_run):
    runs = [*_runs(make_run, [0.1, 0.2]), make_run("cca", protocol={"feature_norm": "raw"})]
    assert _pair(runs).row.name == "zscmr"


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"row": "zscm"}, "no row 'zscm' among the chosen runs. Close names: zscmr. Rows: centred, zscmr"),
        ({"reference": "frozen"}, "no row 'frozen'"),
        ({"row": "centred"}, "'centred' cannot be compared with itself"),
    ],
)
def test_rows_that_cannot_be_held_against_each_other_are_refused(make_run, choice, message):
    with pytest.raises(BenchmarkError, match=message):
        _pair(_runs(make_run, [0.1, 0.2]), **choice)


def test_a_row_that_lacks_a_split_is_refused(make_run):
    runs = [*_runs(make_run, [0.1, 0.2]), make_run("centred", "fold1")]
    with pytest.raises(
        BenchmarkError, match="'zscmr' has no mean of map@all over fold0, fold1: fold1, no run"
    ):
        _pair(runs)


def test_a_metric_that_one_row_lacks_is_refused(make_run):
    runs = [make_run("centred", scores={"map@all": [0.5] * 4, "mrr": [0.5] * 4}), make_run("zscmr")]
    with pytest.raises(
        BenchmarkError, match="'zscmr' has no mean of mrr over fold0: fold0, metric not measured"
    ):
        _pair(runs, metric="mrr")


def test_a_reference_alone_is_refused(make_run):
    with pytest.raises(BenchmarkError, match="no row with a mean of map@all stands beside 'centred'"):
        pairwise([make_run("centred")], reference="centred")


def test_one_class_is_refused(make_run):
    with pytest.raises(BenchmarkError, match="values of map@all in one class only"):
        _pair(_runs(make_run, [0.1]))


def test_a_row_that_needs_the_rest_of_the_gallery_is_marked(make_run):
    runs = _runs(make_run, [0.1, 0.2, 0.3], card={"is_transductive": True})
    text = render_pairwise(pairwise(runs, row="zscmr", reference="centred"), "plain")
    assert "zscmr (transductive)" in text
    assert "centred (transductive)" in text


@pytest.mark.parametrize(
    ("difference", "side"), [((-0.05, -0.07, -0.03), "lower"), ((0.05, 0.03, 0.07), "higher")]
)
def test_a_verdict_takes_interval_and_test(found, difference, side):
    sentence = _sentence(found, difference, p=0.002)
    assert f"On these 4 classes of toy, zscmr ranks {side} than centred in map@all" in sentence
    value, low, high = difference
    assert f"{value:+.3f} [{low:+.3f}, {high:+.3f}], sign-flip test of the class means: " in sentence
    assert "classes better 3, worse 1" in sentence


def test_p_stands_beside_the_mean_it_tests_and_on_what_terms(found):
    sentence = _sentence(found, (0.05, 0.03, 0.07), p=0.026, by_class=0.043)
    test = "sign-flip test of the class means: +0.043, p = 0.026 if this one comparison was planned, "
    assert test in sentence
    assert "several need Holm's correction, which `compare --reference`" in _note(found, "Test")


def test_of_several_comparisons_the_intervals_are_said_to_be_unadjusted(make_run, found):
    runs = _runs(make_run, [0.1, 0.2, 0.3])
    runs += _runs(make_run, [0.1, 0.2, 0.3], methods=("centred", "sae"))[1:]
    several = pairwise(runs, reference="centred")
    for one in (found, several):
        assert "intervals are not adjusted for the number of comparisons" in _note(one, "Test")
    assert "if this one comparison was planned" not in conclusion(several, several.pairs[0])


def test_no_difference_shown_is_not_called_equality(found):
    sentence = _sentence(found, (0.01, -0.01, 0.03), p=0.4)
    assert "no difference in map@all between zscmr and centred is shown" in sentence
    assert "does not make them equal: anything from -0.010 to +0.030 is compatible" in sentence
    assert "ranks" not in sentence


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (
            {"difference": (0.05, 0.01, 0.09), "p": 0.08},
            "the interval excludes 0, but the test over classes does not",
        ),
        (
            {"difference": (0.05, -0.01, 0.11), "p": 0.01},
            "speaks for a difference, but the interval includes 0",
        ),
        ({"difference": (0.05, 0.01, 0.09), "p": 0.03, "p_holm": 0.09}, "does not survive the correction"),
        (
            {"difference": (0.05, 0.01, 0.09), "p": 0.01, "by_class": -0.02},
            "over classes (-0.020) point opposite",
        ),
    ],
)
def test_without_agreement_the_question_stays_open(found, case, reason):
    sentence = _sentence(found, case.pop("difference"), **case)
    assert "whether zscmr and centred differ in map@all stays open" in sentence
    assert reason in sentence
    assert "ranks" not in sentence


def test_rows_without_any_difference_are_not_told_apart(make_run):
    found = pairwise(_runs(make_run, [0.0, 0.0, 0.0]), row="zscmr", reference="centred")
    assert found.pairs[0].test.p == 1.0
    assert "have the same map@all in every class: nothing here tells them apart" in conclusion(
        found, found.pairs[0]
    )


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.3141, "0.31"),
        (2 / 4096, "0.00049"),
        (0.0496, "0.0496"),
        (0.0504, "0.0504"),
        (7e-06, "0.000007"),
        (1, "1"),
    ],
)
def test_p_is_written_out_and_told_from_the_level(p, text):
    assert p_text(p) == text


def test_too_few_classes_for_the_level_are_said(make_run):
    found = pairwise(_runs(make_run, [0.1, 0.2, 0.3]), row="zscmr", reference="centred")
    sentence = conclusion(found, found.pairs[0])
    assert "with 3 classes that differ no p below 0.25 is attainable" in sentence
    assert "ranks" not in sentence


def test_the_least_attainable_p_is_named_when_reached(make_run):
    found = pairwise(_runs(make_run, np.linspace(0.1, 0.2, 12)), row="zscmr", reference="centred")
    assert "= 0.00049 if this one comparison was planned, the least attainable" in conclusion(
        found, found.pairs[0]
    )
    assert "12 classes (+ better, - worse), least attainable p 0.00049" in render_pairwise(found, "plain")


def test_a_single_seed_is_said_of_methods_that_depend_on_it(make_run):
    random, fixed = {"is_random": True}, {"is_random": False}
    runs = [make_run("centred", card=fixed), make_run("zscmr", card=random), make_run("sae", card=random)]
    runs.append(make_run("sae", seed=1, card=random))
    runs.append(make_run("frozen", card=fixed))
    found = pairwise(runs, reference="centred")
    said = {
        pair.row.name: "seed of zscmr, whose spread was not measured" in conclusion(found, pair)
        for pair in found.pairs
    }
    assert said == {"zscmr": True, "sae": False, "frozen": False}
    assert not any("seed of" in conclusion(found, pair) for pair in found.pairs if pair.row.name != "zscmr")


def test_a_single_seed_is_said_of_every_method_under_itq_codes(make_run):
    terms = {"card": {"is_random": False}, "protocol": {"codes": "itq, 64 bits"}}
    found = pairwise([make_run(name, **terms) for name in ("centred", "frozen")], reference="centred")
    assert "on one seed of frozen and of centred" in conclusion(found, found.pairs[0])


def test_splits_are_said_to_share_training_classes_and_where_so_queries(make_run):
    runs = [*_runs(make_run, [0.1, 0.2]), *_runs(make_run, [0.1, 0.2], split="fold1")]
    found = pairwise(runs, row="zscmr", reference="centred")
    assert "these 2 splits, which share training classes, their" in conclusion(found, found.pairs[0])
    names = list("abcd")
    runs = [
        run for split in ("fold0", "fold1") for run in _runs(make_run, [0.1, 0.2], split=split, names=names)
    ]
    found = pairwise(runs, row="zscmr", reference="centred")
    assert "which share training classes and queries" in conclusion(found, found.pairs[0])
    assert "share 4 queries" in _note(found, "Intervals")


def _terminal(found, width):
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(rich_pairwise(found, width=width))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_terminal_keeps_to_its_width_and_intervals_whole(make_run, width):
    gains = np.linspace(-0.2, 0.3, 20)
    runs = _runs(make_run, gains)
    runs += _runs(make_run, gains[::-1] / 2, methods=("centred", "siamese"))[1:]
    for found in (pairwise(runs, reference="centred"), pairwise(runs, row="zscmr", reference="centred")):
        text = _terminal(found, width)
        assert max(map(len, text.splitlines())) <= width
        for pair in found.pairs:
            interval = f"[{pair.difference.ci_low:+.3f}, {pair.difference.ci_high:+.3f}]"
            assert interval in text.split("Classes that")[0].split("map@all by")[0]


def test_plain_text_is_neither_wrapped_nor_coloured(found):
    text = render_pairwise(found, "plain")
    assert conclusion(found, found.pairs[0]) in text.splitlines()
    assert "\x1b" not in text
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_bars_show_gains_right_and_losses_left(found):
    lines = render_pairwise(found, "plain").splitlines()
    bars = {
        line.split("fold0")[0].strip(): line.split()[-1]
        for line in lines
        if "fold0  " in line and "│" in line
    }
    assert bars == {"class 1": "│████████", "class 0": "│████", "class 3": "│██", "class 2": "████│"}


def test_the_largest_gains_and_losses_are_shown_and_the_rest_counted(make_run):
    found = pairwise(_runs(make_run, np.linspace(-0.2, 0.3, 20)), row="zscmr", reference="centred")
    text = render_pairwise(found, "plain")
    shown = [line.split()[1] for line in text.splitlines() if line.startswith("class ") and "│" in line]
    assert shown == [str(i) for i in (*range(19, 13, -1), *range(5, -1, -1))]
    assert "8 classes between them in --format csv and json" in text


def test_no_class_is_hidden_where_few_would_be(make_run):
    for n_classes, is_whole in ((16, True), (17, False)):
        gains = np.linspace(-0.2, 0.3, n_classes)
        text = render_pairwise(
            pairwise(_runs(make_run, gains, split=f"f{n_classes}"), row="zscmr", reference="centred"), "plain"
        )
        assert ("classes between them" not in text) == is_whole


def test_beside_several_rows_the_classes_that_differ_most_are_named(make_run):
    runs = _runs(make_run, [0.1, -0.2, 0.3, -0.4, 0.05, 0.0])
    runs += _runs(make_run, [0.1, 0.2, 0.3, 0.4, 0.05, 0.15], methods=("centred", "sae"))[1:]
    text = render_pairwise(pairwise(runs, reference="centred"), "markdown")
    assert (
        "| zscmr | class 2 +0.300, class 0 +0.100, class 4 +0.050 | class 3 -0.400, class 1 -0.200 |" in text
    )
    assert "| sae | class 3 +0.400, class 2 +0.300, class 1 +0.200 | – |" in text


def test_markdown_tables_are_whole_and_the_conclusion_is_there(found):
    text = render_pairwise(found, "markdown")
    for block in text.split("###")[1:]:
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in rows}) == 1
    assert f"- {conclusion(found, found.pairs[0])}" in text.splitlines()


def test_csv_holds_every_class_at_full_precision(make_run):
    found = pairwise(_runs(make_run, np.linspace(-0.2, 0.3, 20)), row="zscmr", reference="centred")
    whole, *classes = csv.DictReader(io.StringIO(render_pairwise(found, "csv")))
    pair = found.pairs[0]
    assert (whole["split"], float(whole["p"]), float(whole["difference"])) == (
        "mean",
        pair.test.p,
        pair.difference.value,
    )
    assert {line["class"]: float(line["difference"]) for line in classes} == {
        effect.class_name: effect.difference for effect in pair.effects
    }


def test_json_holds_tests_classes_and_conclusions(make_run):
    found = pairwise(_runs(make_run, [0.1, 0.2, 0.3, 0.4]), reference="centred")
    content = json.loads(render_pairwise(found, "json"))
    stored = content["pairs"][0]
    assert (stored["row"], stored["p"], stored["smallest_p"]) == ("zscmr", 2 / 16, 2 / 16)
    assert stored["difference"]["value"] == pytest.approx(0.25)
    assert stored["conclusion"] == conclusion(found, found.pairs[0])
    assert [one["difference"] for one in stored["classes"]] == pytest.approx([0.4, 0.3, 0.2, 0.1])
    assert content["reference"]["value"] == 0.5
    assert {"Test", "Intervals"} <= {note["label"] for note in content["footnotes"]}


def test_an_unknown_format_is_refused(found):
    with pytest.raises(
        BenchmarkError, match="no format 'html' of a comparison. Known: plain, markdown, csv, json"
    ):
        render_pairwise(found, "html")
