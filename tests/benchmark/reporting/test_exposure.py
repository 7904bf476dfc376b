"""Scores divided by what ImageNet may have shown of the unseen classes."""

import csv
import io
import json
import re

import pytest

from benchmark.reporting.comparison import compare
from benchmark.reporting.exposure import exposed_classes
from benchmark.reporting.footnotes import footnotes
from benchmark.reporting.tables import render
from datasets.splits import committed_split

SPLIT = committed_split("sketchy_ext", "yelamarthi21", folder="sketchy")
# Sliding door lies below door, goldfinch and robin below songbird; nothing of ILSVRC-1k is a bat or a cow.
EXPOSED, OTHERS = ("door", "songbird"), ("bat", "cow")


@pytest.fixture
def real_run(make_run):
    """A run on `yelamarthi21` with the given value for the queries of each class, two of each."""

    def make(values, method="centred", **changes):
        names = [f"sketch/{name}/{i}.png" for name in values for i in range(2)]
        return make_run(
            method,
            split="yelamarthi21",
            names=names,
            labels=[number for number in range(len(values)) for _ in range(2)],
            scores={"map@all": [value for value in values.values() for _ in range(2)]},
            backbone="efficientnet_lite0",
            supervised_on=changes.pop("supervised_on", "imagenet1k"),
            protocol={
                "dataset": "sketchy_ext",
                "protocol": "ext+orig",
                "split_sha256": SPLIT.sha256,
                **changes,
            },
        )

    return make


VALUES = {"bat": 0.1, "cow": 0.2, "door": 0.5, "songbird": 0.9}


def test_a_row_is_divided_into_queries_of_exposed_classes_and_others(real_run):
    (row,) = compare([real_run(VALUES)]).rows
    assert row.by_exposure["map@all"] == pytest.approx((0.7, 0.15))


def test_the_division_weighs_queries_not_classes(make_run):
    run = make_run(
        split="yelamarthi21",
        names=["sketch/door/a.png", "sketch/door/b.png", "sketch/songbird/a.png", "sketch/bat/a.png"],
        labels=[1, 1, 2, 0],
        scores={"map@all": [0.2, 0.4, 0.9, 0.1]},
        backbone="efficientnet_lite0",
        supervised_on="imagenet1k",
        protocol={"dataset": "sketchy_ext", "protocol": "ext", "split_sha256": SPLIT.sha256},
    )
    (row,) = compare([run]).rows
    assert row.by_exposure["map@all"] == pytest.approx((0.5, 0.1))


def test_nothing_is_divided_where_one_side_has_no_query(real_run):
    assert dict(compare([real_run(dict.fromkeys(EXPOSED, 0.5))]).rows[0].by_exposure) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"supervised_on": "unknown"},
        {"dataset": "toy"},
        {"split_sha256": "0" * 64},
    ],
)
def test_nothing_is_divided_where_nobody_can_say(real_run, changes):
    comparison = compare([real_run(VALUES, **changes)])
    assert dict(comparison.rows[0].by_exposure) == {}
    assert "exposes" not in render(comparison, "plain", per_fold=False)


def test_exposed_are_classes_by_label_synset_or_photo(real_run):
    found = exposed_classes(real_run(VALUES).record.protocol, "imagenet1k")
    assert set(EXPOSED) <= found < set(SPLIT.unseen)
    assert not found & set(OTHERS)


@pytest.mark.parametrize("fmt", ["plain", "markdown", "latex"])
def test_the_table_shows_both_sides(real_run, fmt):
    text = render(compare([real_run(VALUES)]), fmt, per_fold=False)
    assert "Unseen classes that ImageNet exposes, and the others" in text
    assert re.search(r"centred\W+0\.700\W+0\.150", text)


def test_the_footnote_says_what_exposed_means_and_what_the_gap_does_not(real_run):
    comparison = compare([real_run(VALUES)])
    text = {note.label: note.text for note in footnotes(comparison, comparison.metric_ids)}["Pretraining"]
    assert "4 are exposed (by a label, by a WordNet synset above, at or below one of its own" in text
    assert "the gap is not what ImageNet gave" in text


def test_programs_get_both_sides_with_the_mean(real_run):
    comparison = compare([real_run(VALUES)])
    lines = csv.DictReader(io.StringIO(render(comparison, "csv", per_fold=True)))
    found = {(line["row"], line["split"]): (line["exposed"], line["not_exposed"]) for line in lines}
    assert [float(value) for value in found["centred", "mean"]] == pytest.approx([0.7, 0.15])
    assert found["centred", "yelamarthi21"] == found["chance", "mean"] == ("", "")
    (row,) = json.loads(render(comparison, "json", per_fold=True))["rows"]
    assert row["by_exposure"]["map@all"] == pytest.approx([0.7, 0.15])
