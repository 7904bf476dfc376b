"""The field's history: one protocol a panel, who is labelled, and what the marks say."""

import sys
from dataclasses import replace
from itertools import pairwise

import pytest

from benchmark import cli
from benchmark.errors import BenchmarkError
from benchmark.published.numbers import PublishedNumber, read_published
from benchmark.reporting.history_panel import spread
from benchmark.reporting.published_plot import MIN_METHODS, Protocol, history

NUMBER = PublishedNumber(
    method="m0",
    name="M0",
    year="2019",
    venue="ICCV",
    backbone="unknown",
    width="64",
    codes="real",
    dataset="sketchy_ext",
    split="sake25",
    gallery="ext",
    direction="sketch2photo",
    setting="zs",
    definition="map@all",
    value=0.4,
    source="a table",
    confidence="read",
    flags="",
)


def _numbers(n=MIN_METHODS, **changes):
    return [
        replace(NUMBER, method=f"m{i}", name=f"M{i}", year=str(2019 + i), value=0.3 + i / 10, **changes)
        for i in range(n)
    ]


def _labels(axes):
    return {text.get_text() for text in axes.texts if text.get_text().startswith("M")}


def _marks(axes):
    return [line for line in axes.get_lines() if line.get_marker() not in ("", "None", None)]


def test_a_panel_holds_the_numbers_of_one_protocol():
    (panel,) = history(_numbers()).axes
    assert _labels(panel) == {"M0", "M1", "M2"}
    assert panel.get_title(loc="left") == "sketchy_ext: sake25, gallery ext, sketch2photo, zs"
    assert panel.get_ylabel() == "map@all"
    assert sorted(mark.get_ydata()[0] for mark in _marks(panel)) == [0.3, 0.4, 0.5]


@pytest.mark.parametrize(
    "other",
    [
        {"split": "sempcyc25"},
        {"gallery": "unknown"},
        {"direction": "photo2sketch"},
        {"setting": "gzs/unknown"},
        {"definition": "map@all/voc"},
        {"definition": "map@all/unknown"},
    ],
)
def test_two_protocols_are_two_panels(other):
    assert len(history([*_numbers(), *_numbers(**other)]).axes) == 2


def test_every_panel_of_the_literature_holds_one_protocol():
    """Counted by value: what a panel draws are values of its protocol alone."""
    numbers = [number for number in read_published() if number.dataset == "tuberlin_ext"]
    figure = history(numbers)
    protocols = {}
    for number in numbers:
        protocols.setdefault(Protocol.of(number), set()).add(number.value)
    for panel in figure.axes:
        title = panel.get_title(loc="left").removeprefix("tuberlin_ext: ")
        (key,) = [key for key in protocols if (key.title, key.definition) == (title, panel.get_ylabel())]
        assert {mark.get_ydata()[0] for mark in _marks(panel)} == protocols[key]


def test_terms_that_no_source_states_are_named():
    terms = {"gallery": "unknown", "definition": "map@all/unknown", "split": "100/25, list unknown"}
    (panel,) = history(_numbers(**terms)).axes
    assert any(
        text.get_text().startswith("class list, gallery and definition not stated") for text in panel.texts
    )


def test_few_methods_and_one_year_are_no_history():
    with pytest.raises(BenchmarkError, match="no protocol has average precision of 3 methods and two years"):
        history(_numbers(MIN_METHODS - 1))
    with pytest.raises(BenchmarkError, match="no protocol has"):
        history([replace(number, year="2019") for number in _numbers()])


def test_what_is_not_drawn_is_counted_below():
    figure = history([*_numbers(), *_numbers(2, split="sempcyc25"), *_numbers(4, definition="p@100")])
    (text,) = [text.get_text() for text in figure.texts]
    assert "2 numbers of protocols with fewer than 3 methods" in text
    assert "4 numbers of other metrics" in text


def test_a_metric_is_chosen_by_its_name_or_its_definition():
    numbers = [*_numbers(), *_numbers(definition="p@100"), *_numbers(definition="p@100/capped")]
    assert [panel.get_ylabel() for panel in history(numbers, "p@100").axes] == ["p@100", "p@100/capped"]
    assert [panel.get_ylabel() for panel in history(numbers, "p@100/capped").axes] == ["p@100/capped"]


def test_secondhand_is_hollow_and_binary_has_another_marker():
    numbers = _numbers(4)
    numbers[0] = replace(numbers[0], confidence="secondhand")
    numbers[1] = replace(numbers[1], codes="binary")
    (panel,) = history(numbers).axes
    marks = {round(mark.get_ydata()[0], 1): mark for mark in _marks(panel)}
    assert marks[0.3].get_markerfacecolor() == "white"
    assert marks[0.5].get_markerfacecolor() != "white"
    assert (marks[0.4].get_marker(), marks[0.5].get_marker()) == ("s", "o")


def test_an_unknown_year_has_a_strip_of_its_own():
    numbers = [*_numbers(), replace(NUMBER, method="m9", name="M9", year="unknown")]
    (panel,) = history(numbers).axes
    assert panel.get_xticklabels()[-1].get_text() == "year unknown"
    assert max(mark.get_xdata()[0] for mark in _marks(panel)) > 2022


def test_values_of_one_method_are_joined_and_labelled_once():
    wider = replace(NUMBER, width="512", value=0.7)
    (panel,) = history([*_numbers(), wider]).axes
    assert [text.get_text() for text in panel.texts].count("M0") == 1
    joined = [line for line in panel.get_lines() if list(line.get_ydata()) == [0.3, 0.7]]
    assert len(joined) == 1


def test_the_same_number_of_two_sources_is_one_mark_and_a_read_one_is_filled():
    again = replace(_numbers()[0], confidence="secondhand", source="another table")
    (panel,) = history([again, *_numbers()]).axes
    marks = [mark for mark in _marks(panel) if mark.get_ydata()[0] == 0.3]
    assert [mark.get_markerfacecolor() == "white" for mark in marks] == [False]


@pytest.mark.parametrize("metric", [None, "p@100", "p@200"])
@pytest.mark.parametrize("dataset", ["sketchy_ext", "tuberlin_ext", "quickdraw_ext"])
def test_no_label_lies_on_another(dataset, metric):
    numbers = [number for number in read_published() if number.dataset == dataset]
    try:
        figure = history(numbers, metric)
    except BenchmarkError:
        pytest.skip("nothing to draw")
    figure.draw_without_rendering()
    for panel in figure.axes:
        boxes = [text.get_window_extent() for text in panel.texts]
        for i, one in enumerate(boxes):
            # A hair of touch is no overlap.
            inner = one.shrunk(0.98, 0.75).translated((one.width * 0.01), one.height * 0.125)
            assert not any(inner.overlaps(other) for other in boxes[i + 1 :])


def test_levels_keep_their_order_and_their_distance():
    levels = spread([0.0, 0.01, 0.02, 0.5, 0.99, 1.0], gap=0.1, top=1.0)
    assert levels == sorted(levels)
    assert all(after - before > 0.0999 for before, after in pairwise(levels))
    assert levels[0] >= 0.05
    assert levels[-1] <= 0.95


# The verb.


@pytest.fixture
def call(monkeypatch, tmp_path):
    """Call `plot published` in process and return its exit code."""

    def run(*arguments):
        words = ["run_benchmark.py", "plot", "published", "--results-dir", str(tmp_path), *arguments]
        monkeypatch.setattr(sys, "argv", words)
        return cli.main()

    return run


def test_the_verb_needs_no_runs(call, tmp_path, capsys):
    assert call("--dataset", "quickdraw_ext") == 0
    figures = [tmp_path / "figures" / f"published-quickdraw_ext{end}" for end in (".png", ".svg")]
    assert capsys.readouterr().out.split() == list(map(str, figures))
    assert all(path.stat().st_size > 1000 for path in figures)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--suite", "default"), "--suite: this chooses runs"),
        (("--dataset", "emoji54"), "There are quickdraw_ext; sketchy; sketchy_ext; tuberlin_ext"),
        (("--dataset", "sketchy"), "sketchy: no protocol has average precision of 3 methods"),
        (("--dataset", "sketchy", "--methods", "sake"), "no published number has all of these"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, flags, message, capsys):
    assert call(*flags) == 1
    assert message in capsys.readouterr().err
