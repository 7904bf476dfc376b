"""Published numbers beside ours: what the files state, which row they stand beside, what a table shows."""

import csv

import pytest

from benchmark.reporting.comparison import compare
from benchmark.reporting.footnotes import footnotes
from benchmark.reporting.published import PUBLISHED_DIR, beside, read_published
from benchmark.reporting.tables import render

PAPER = {"dataset": "sketchy", "protocol": "orig", "setting": "zs", "direction": "sketch2photo"}


@pytest.fixture
def paper_run(make_run):
    """A run of ZSCMR under the paper's terms, at map@all 0.5."""

    def make(**terms):
        return make_run("zscmr", split="zscmr_code25", protocol={**PAPER, **terms})

    return make


def test_the_paper_has_map_and_precision_in_four_directions_on_two_data_sets():
    numbers = [number for number in read_published() if number.paper == "Chaudhuri et al., CVPRW 2020"]
    assert len(numbers) == 16
    assert {number.method for number in numbers} == {"zscmr"}
    by_terms = {(n.dataset, n.direction, n.metric): n.value for n in numbers}
    assert by_terms["sketchy", "sketch2photo", "map@all"] == 0.467
    assert by_terms["tuberlin_ext", "photo2photo", "p@100"] == 0.653
    assert by_terms["sketchy", "sketch2sketch", "p@100"] == 0.559
    assert by_terms["tuberlin_ext", "photo2sketch", "map@all"] == 0.298


def test_every_published_number_says_where_it_was_read_and_what_keeps_it_from_being_compared():
    for number in read_published():
        assert number.source
        assert number.flags
        assert 0 < number.value < 1


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
def test_the_table_shows_theirs_ours_and_the_difference(paper_run, fmt):
    text = render(compare([paper_run()]), fmt, per_fold=True)
    assert "Published numbers, not measured here" in text
    line = next(line for line in text.splitlines() if "0.467" in line)
    assert "0.500" in line
    assert "+0.033" in line


def test_the_footnote_says_why_they_cannot_be_compared(paper_run):
    comparison = compare([paper_run()])
    notes = {note.label: note.text for note in footnotes(comparison, comparison.metric_ids)}
    assert "definition of mAP not stated" in notes["Published"]
    assert "cannot be compared" in notes["Published"]
    assert "not whole" not in notes["Published"]


def test_the_footnote_says_where_a_part_of_the_data_was_measured(make_run):
    lacking = {"sketches": (3, 9)}
    comparison = compare([make_run("zscmr", split="zscmr_code25", protocol=PAPER, lacking=lacking)])
    notes = {note.label: note.text for note in footnotes(comparison, comparison.metric_ids)}
    assert notes["Published"].endswith("this copy of the data is not whole")


def test_a_file_with_other_columns_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("method,value\nzscmr,0.5\n")
    with pytest.raises(ValueError, match=r"x\.csv: columns must be method, paper, source"):
        read_published(tmp_path)


def test_every_file_of_the_repository_has_the_same_columns():
    headers = {tuple(next(csv.reader(path.open()))) for path in PUBLISHED_DIR.glob("*.csv")}
    assert len(headers) == 1
