"""Published numbers beside ours: what the files state, which row they stand beside, what a table shows."""

from dataclasses import replace

import pytest

from benchmark.errors import BenchmarkError
from benchmark.published.beside import all_beside, beside
from benchmark.published.numbers import PublishedNumber
from benchmark.reporting.comparison import compare
from benchmark.reporting.footnotes import footnotes
from benchmark.reporting.published_plot import history
from benchmark.reporting.tables import render, render_published

PAPER = {"dataset": "sketchy", "protocol": "orig", "setting": "zs", "direction": "sketch2photo"}


@pytest.fixture
def paper_run(make_run):
    """A run of ZSCMR under the paper's terms, at map@all 0.5."""

    def make(**terms):
        return make_run("zscmr", split="zscmr_code25", protocol={**PAPER, **terms})

    return make


def test_a_number_stands_beside_the_row_of_its_method(paper_run):
    (found, *_) = beside(compare([paper_run()]))
    assert (found.row.name, found.number.metric, found.number.value) == ("zscmr", "map@all", 0.467)
    assert found.measured == pytest.approx(0.5)


def test_a_metric_that_was_not_measured_has_no_number_of_ours(paper_run):
    (_, precision) = beside(compare([paper_run()]))
    assert (precision.number.metric, precision.measured) == ("p@100", None)


@pytest.mark.parametrize(
    "terms",
    [
        {"dataset": "sketchy_ext"},
        {"dataset": "quickdraw_ext"},
        {"protocol": "ext"},
        {"setting": "gzs/heldout"},
        {"relevance": "instance"},
        {"queries": "sake10"},
        {"codes": "itq, 64 bits"},
        {"width": 512},
    ],
)
def test_what_was_measured_otherwise_has_no_published_number(paper_run, terms):
    assert beside(compare([paper_run(**terms)])) == ()


def test_an_unknown_gallery_stands_beside_the_whole_one_only(paper_run):
    data = {"dataset": "tuberlin_ext", "protocol": "standard"}
    assert beside(compare([paper_run(**data)]))[0].number.gallery == "unknown"
    assert beside(compare([paper_run(**data | {"protocol": "standard/zse_subset"})])) == ()


@pytest.mark.parametrize(("variant", "n"), [("paper", 2), ("smoke", 0), ("without cross-entropy", 0)])
def test_a_variant_of_a_method_is_not_the_method(make_run, variant, n):
    run = make_run("zscmr", split="zscmr_code25", variant=variant, protocol=PAPER)
    assert len(beside(compare([run]))) == n


def test_another_method_has_no_published_number(make_run):
    assert beside(compare([make_run("centred", split="zscmr_code25", protocol=PAPER)])) == ()


@pytest.mark.parametrize("fmt", ["plain", "markdown", "latex"])
def test_the_table_shows_theirs_ours_and_why_there_is_no_difference(paper_run, fmt):
    text = render(compare([paper_run()]), fmt, per_fold=True)
    assert "Published numbers, not measured here" in text
    line = next(line for line in text.splitlines() if "0.467" in line)
    assert "0.500" in line
    assert "definition of map@all unknown" in line
    assert "+0.033" not in line  # no difference between what cannot be compared


def test_the_footnote_says_why_they_cannot_be_compared(paper_run):
    comparison = compare([paper_run()])
    notes = {note.label: note.text for note in footnotes(comparison, comparison.metric_ids)}
    assert "definition not stated" in notes["Published"]
    assert "cannot be compared" in notes["Published"]
    assert "not whole" not in notes["Published"]


def test_the_footnote_says_where_a_part_of_the_data_was_measured(make_run):
    lacking = {"sketches": (3, 9)}
    comparison = compare([make_run("zscmr", split="zscmr_code25", protocol=PAPER, lacking=lacking)])
    notes = {note.label: note.text for note in footnotes(comparison, comparison.metric_ids)}
    assert notes["Published"].endswith("this copy of the data is not whole")


NUMBER = PublishedNumber(
    system="SAKE",
    method="sake",
    year="2019",
    venue="ICCV",
    backbone="",
    width="64",
    codes="real",
    dataset="sketchy_ext",
    split="sake25",
    gallery="ext+orig",
    direction="sketch2photo",
    setting="zs",
    definition="map@all",
    value=0.4,
    source="a table",
    confidence="read",
    flags="",
)
TERMS = {"dataset": "sketchy_ext", "protocol": "ext+orig", "setting": "zs", "direction": "sketch2photo"}


@pytest.fixture
def found(make_run):
    """The one number beside a run of SAKE at map@all 0.5, with changes to the number."""

    def call(**changes):
        comparison = compare([make_run("sake", split="sake25", protocol=TERMS)])
        (one,) = all_beside(comparison, [replace(NUMBER, **changes)])
        return one

    return call


def test_a_difference_stands_where_every_term_agrees(found):
    assert found().obstacles == ()
    assert found().difference == pytest.approx(0.1)


def test_a_width_that_is_not_stated_is_no_obstacle(found):
    assert found(width="").difference == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"dataset": "tuberlin_ext"}, "another data set, tuberlin_ext"),
        ({"split": "sempcyc25"}, "split sempcyc25"),
        ({"split": "25 of 125 classes, not listed"}, "25 of 125 classes, not listed"),
        ({"gallery": "unknown"}, "gallery unknown"),
        ({"gallery": "ext"}, "gallery ext"),
        ({"setting": "gzs/unknown"}, "setting gzs/unknown"),
        ({"direction": "photo2sketch"}, "photo2sketch"),
        ({"definition": "map@all/unknown"}, "definition of map@all unknown"),
        ({"definition": "map@all/voc"}, "map@all/voc not measured here"),
        ({"codes": "binary"}, "binary codes"),
        ({"width": "512"}, "width 512, here 64"),
    ],
)
def test_a_term_that_differs_leaves_the_difference_blank_with_the_reason(found, changes, reason):
    one = found(**changes)
    assert one.obstacles == (reason,)
    assert one.difference is None
    assert one.measured == pytest.approx(0.5)


@pytest.mark.parametrize("fmt", ["plain", "markdown", "latex", "csv", "json"])
def test_the_table_of_published_numbers_names_source_split_definition_and_flags(make_run, fmt):
    text = render_published(compare([make_run("zscmr", protocol={"dataset": "emoji54"})]), fmt)
    escaped = text.replace("\\_", "_")
    for part in (
        "0.467",
        "Chaudhuri et al.",
        "25 of 125 classes, not listed",
        "map@all/unknown",
        "another data set",
    ):
        assert part in escaped
    assert "ranks 50 random queries" in escaped


def test_rows_of_which_nothing_is_published_are_refused_with_those_that_there_are(make_run):
    with pytest.raises(BenchmarkError, match=r"no published number of any of these rows: centred.*zscmr"):
        render_published(compare([make_run("centred")]), "plain")


def numbers_of(n: int = 4, **changes):
    return [replace(NUMBER, system=f"S{i}", value=0.1 * (i + 1), **changes) for i in range(n)]


def titles(figure):
    return [axes.get_title(loc="left").replace("\n", " ") for axes in figure.axes if axes.get_visible()]


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": "tuberlin_ext"},
        {"split": "sempcyc25"},
        {"gallery": "ext"},
        {"setting": "gzs/unknown"},
        {"direction": "photo2sketch"},
        {"definition": "map@all/voc"},
    ],
)
def test_two_protocols_never_share_a_panel(changes):
    figure = history([*numbers_of(), *numbers_of(5, **changes)])
    assert len(titles(figure)) == 2
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert sorted(len(axes.lines) for axes in shown) == [4, 5]


def test_a_panel_whose_terms_are_not_all_stated_says_so():
    (title,) = titles(history(numbers_of(gallery="unknown")))
    assert title.endswith("numbers here may differ in them.")
    (title,) = titles(history(numbers_of()))
    assert title == "sketchy_ext, sake25, gallery ext+orig, zs, sketch2photo: map@all"


def test_numbers_without_a_year_stand_apart():
    figure = history([*numbers_of(), replace(NUMBER, system="late", year="unknown")])
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["2019", "year\nunknown"]


def test_secondhand_numbers_are_hollow():
    figure = history([*numbers_of(3), replace(NUMBER, system="other", confidence="secondhand")])
    faces = [line.get_markerfacecolor() for line in figure.axes[0].lines]
    assert faces.count("white") == 1


def test_too_few_numbers_are_no_history():
    with pytest.raises(BenchmarkError, match="no protocol has 4 published numbers"):
        history(numbers_of(3))
