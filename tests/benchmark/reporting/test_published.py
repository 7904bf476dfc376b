"""Published numbers beside ours: which row they stand beside, when there is a difference, and why not."""

import csv
import io
import json
import shutil
import sys
from dataclasses import replace

import pytest

from benchmark import cli
from benchmark.errors import BenchmarkError
from benchmark.published.numbers import PublishedNumber
from benchmark.reporting.comparison import compare
from benchmark.reporting.footnotes import footnotes
from benchmark.reporting.published import as_far_as_stated, beside, headline
from benchmark.reporting.published_table import published_notes, published_table
from benchmark.reporting.published_text import render_published
from benchmark.reporting.tables import render

PAPER = {"dataset": "sketchy", "protocol": "orig", "setting": "zs", "direction": "sketch2photo"}
SAKE = {"dataset": "sketchy_ext", "protocol": "ext+orig"}
# A number whose every term is stated, as none of a trained method here is.
NUMBER = PublishedNumber(
    method="sake",
    name="SAKE",
    year="2019",
    venue="ICCV",
    backbone="tiny_net",
    width="64",
    codes="real",
    dataset="sketchy_ext",
    split="sake25",
    gallery="ext+orig",
    direction="sketch2photo",
    setting="zs",
    definition="map@all/voc",
    value=0.45,
    source="a table (paper.png in https://example.org)",
    confidence="read",
    flags="tuned on unseen classes",
)


@pytest.fixture
def paper_run(make_run):
    """A run of ZSCMR under the paper's terms, at map@all 0.5."""

    def make(**terms):
        return make_run("zscmr", split="zscmr_code25", protocol={**PAPER, **terms})

    return make


@pytest.fixture
def sake_run(make_run):
    """A run of SAKE under the terms of NUMBER, at map@all/voc 0.5."""

    def make(split="sake25", scores=None, **terms):
        scores = scores or {"map@all/voc": [0.5] * 4}
        return make_run("sake", split=split, scores=scores, protocol={**SAKE, **terms})

    return make


def _one(run, number=NUMBER):
    (found,) = beside(compare([run]), [number])
    return found


def test_a_number_whose_terms_agree_has_a_difference_and_no_reason(sake_run):
    found = _one(sake_run())
    assert (found.row.name, found.metric, found.measured) == ("sake", "map@all/voc", pytest.approx(0.5))
    assert found.difference == pytest.approx(0.05)
    assert found.reason == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"dataset": "tuberlin_ext"}, "another data set: tuberlin_ext"),
        ({"split": "100/25, list unknown"}, "class list unknown"),
        ({"split": "sempcyc25"}, "another class list: sempcyc25"),
        ({"gallery": "unknown"}, "gallery unknown"),
        ({"gallery": "ext"}, "another gallery: ext, here ext+orig"),
        ({"setting": "gzs/unknown"}, "setting gzs/unknown, here zs"),
        ({"direction": "photo2sketch"}, "another direction: photo2sketch"),
        ({"definition": "map@all/unknown"}, "definition of map@all unknown"),
        ({"definition": "map@all"}, "map@all not measured here"),
        ({"codes": "binary"}, "binary codes, here real"),
        ({"width": "512"}, "width 512, here 64"),
        ({"backbone": "CSE-ResNet50"}, "backbone CSE-ResNet50, here tiny_net"),
    ],
)
def test_a_term_that_differs_or_is_unknown_leaves_a_reason_and_no_difference(sake_run, changes, reason):
    found = _one(sake_run(), replace(NUMBER, **changes))
    assert found.difference is None
    assert found.reason == reason


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"queries": "sake10"}, "queries sake10 here"),
        ({"relevance": "instance"}, "relevance by instance here"),
        ({"codes": "itq, 64 bits"}, "real codes, here binary"),
        ({"protocol": "ext+orig/zse_subset"}, "a part of queries and gallery here"),
        ({"setting": "gzs/heldout"}, "setting zs, here gzs/heldout"),
    ],
)
def test_what_is_special_here_leaves_a_reason_too(sake_run, terms, reason):
    found = _one(sake_run(**terms))
    assert found.difference is None
    assert reason in found.reason


def test_a_part_of_the_data_leaves_a_reason(make_run):
    scores = {"map@all/voc": [0.5] * 4}
    run = make_run("sake", split="sake25", scores=scores, protocol=SAKE, lacking={"sketches": (3, 9)})
    assert _one(run).reason == "this copy of the data is not whole"


@pytest.mark.parametrize("terms", [{"width": "unknown"}, {"backbone": "unknown CNN"}])
def test_a_width_or_backbone_that_is_not_stated_keeps_no_difference_away(sake_run, terms):
    assert _one(sake_run(), replace(NUMBER, **terms)).difference == pytest.approx(0.05)


def test_every_reason_is_given_that_of_the_data_first(sake_run):
    found = _one(sake_run(), replace(NUMBER, gallery="ext", definition="map@all/unknown", width="512"))
    assert [o.text for o in found.obstacles] == [
        "another gallery: ext, here ext+orig",
        "width 512, here 64",
        "definition of map@all unknown",
    ]
    assert [o.is_stated for o in found.obstacles] == [True, True, False]


def test_the_nearest_definition_that_was_measured_stands_beside(sake_run):
    run = sake_run(scores={"map@all": [0.4] * 4, "p@100": [0.2] * 4})
    found = _one(run)
    assert (found.metric, found.measured) == ("map@all", pytest.approx(0.4))
    assert found.reason == "map@all/voc not measured here"
    assert _one(run, replace(NUMBER, definition="map@200/voc")).measured is None


def test_a_method_without_a_run_has_its_number_and_no_row(sake_run):
    found = _one(sake_run(), replace(NUMBER, method="zse_sbir"))
    assert (found.row, found.measured, found.reason) == (None, None, "no run of this method here")


@pytest.mark.parametrize(("variant", "is_method"), [("paper", True), ("smoke", False), ("no triplet", False)])
def test_a_variant_of_a_method_is_not_the_method(make_run, variant, is_method):
    run = make_run("zscmr", split="zscmr_code25", variant=variant, protocol=PAPER)
    assert any(one.row for one in beside(compare([run]))) == is_method


# What a comparison shows of itself.


def test_a_comparison_shows_numbers_of_which_no_stated_term_differs(paper_run):
    found = as_far_as_stated(beside(compare([paper_run()])))
    assert [one.number.definition for one in found] == ["map@all/unknown", "p@100/unknown"]
    assert (found[0].number.value, found[0].measured, found[0].difference) == (
        0.467,
        pytest.approx(0.5),
        None,
    )


@pytest.mark.parametrize(
    "terms",
    [
        {"dataset": "quickdraw_ext"},
        {"protocol": "ext"},
        {"setting": "gzs/heldout"},
        {"relevance": "instance"},
        {"queries": "sake10"},
        {"codes": "itq, 64 bits"},
    ],
)
def test_a_comparison_under_other_terms_shows_none(paper_run, terms):
    comparison = compare([paper_run(**terms)])
    assert as_far_as_stated(beside(comparison)) == ()
    notes = {note.label for note in footnotes(comparison, comparison.metric_ids)}
    assert "Published" not in notes


@pytest.mark.parametrize("fmt", ["plain", "markdown", "latex"])
def test_the_table_of_a_comparison_has_theirs_ours_and_the_reason(paper_run, fmt):
    text = render(compare([paper_run()]), fmt, per_fold=True)
    assert "Published numbers, not measured here" in text
    line = next(line for line in text.splitlines() if "0.467" in line)
    assert "0.500" in line
    assert "class list unknown; definition of map@all unknown" in line


def test_the_footnote_of_a_comparison_has_the_flags(paper_run):
    comparison = compare([paper_run()])
    notes = {note.label: note.text for note in footnotes(comparison, comparison.metric_ids)}
    assert "backbone fine-tuned on all classes in the released code: zscmr" in notes["Published"]


def test_its_json_holds_the_same_numbers(paper_run):
    first, _ = json.loads(render(compare([paper_run()]), "json", per_fold=True))["published"]
    assert (first["value"], first["here"], first["difference"]) == (0.467, 0.5, None)
    assert first["confidence"] == "read"


# What `table --published` shows.


def test_another_data_set_still_shows_every_number_of_its_methods(make_run):
    comparison = compare([make_run("zscmr", protocol={"dataset": "emoji54"})])
    found = headline(beside(comparison), comparison, None)
    assert [(one.number.dataset, one.reason.split(";")[0]) for one in found] == [
        ("sketchy", "another data set: sketchy"),
        ("tuberlin_ext", "another data set: tuberlin_ext"),
    ]


def test_numbers_of_the_same_data_set_stand_alone(sake_run):
    comparison = compare([sake_run()])
    found = headline(beside(comparison), comparison, None)
    assert {one.number.dataset for one in found} == {"sketchy_ext"}
    assert {one.number.metric_name for one in found} == {"map@all", "map@200"}


def test_metrics_that_were_asked_for_replace_average_precision(sake_run):
    comparison = compare([sake_run(scores={"p@100/capped": [0.5] * 4})])
    found = headline(beside(comparison), comparison, ("p@100/capped",))
    assert {one.number.metric_name for one in found} == {"p@100"}


def test_a_method_without_numbers_is_refused_with_those_that_have_some(make_run):
    with pytest.raises(BenchmarkError, match=r"no published number of centred\. There are numbers of acnet"):
        render_published(compare([make_run()]), "plain", metric_ids=None, methods=None)


def test_a_setting_without_numbers_is_refused_with_where_they_are(make_run):
    comparison = compare([make_run("zscmr", protocol=PAPER | {"setting": "gzs/heldout"})])
    with pytest.raises(BenchmarkError, match="--format csv holds 16 in others"):
        render_published(comparison, "markdown", metric_ids=None, methods=None)


def test_markdown_holds_source_split_gallery_definition_and_flags(sake_run):
    text = render_published(compare([sake_run()]), "markdown", metric_ids=None, methods=None)
    line = next(line for line in text.splitlines() if "0.547" in line)
    for part in ("sake25", "ext+orig", "map@all/voc", "PSKD, Table 1", "secondhand", "width 512, here 64"):
        assert part in line
    assert "bold" not in text


def test_latex_puts_sources_and_flags_below(sake_run):
    table, notes = render_published(compare([sake_run()]), "latex", metric_ids=None, methods=None).split(
        r"\end{table}"
    )
    assert "another gallery" not in table
    assert "width 512, here 64 +1" in table
    assert r"\textbf{Sources:}" in notes
    assert "PSKD, Table 1" not in table


def test_csv_and_json_hold_every_number_or_those_of_the_methods_asked_for(sake_run):
    comparison = compare([sake_run()])
    lines = list(csv.DictReader(io.StringIO(_rendered(comparison, "csv"))))
    assert len(lines) == 582
    assert lines[0]["method"] == "sake"
    assert {line["reason"] for line in lines if not line["row"]} == {"no run of this method here"}
    content = json.loads(_rendered(comparison, "json", methods=("sake",)))
    assert len(content["published"]) == 14
    assert content["published"][0]["here"] == pytest.approx(0.5)


def _rendered(comparison, fmt, methods=None):
    return render_published(comparison, fmt, metric_ids=None, methods=methods)


def test_a_narrow_table_counts_the_further_reasons(sake_run):
    comparison = compare([sake_run()])
    found = beside(comparison, [replace(NUMBER, gallery="ext", width="512"), NUMBER])
    columns = {column.header: column for column in published_table(found, "", is_short=True).columns}
    reasons = [entry.text for entry in columns["no difference because"].entries]
    assert sorted(reasons) == ["", "another gallery: ext, here ext+orig +1"]
    labels = [note.label for note in published_notes(comparison, found, is_short=True)]
    assert labels == ["Here", "Difference", "Class lists", "Sources", "Flags"]


@pytest.fixture
def call(monkeypatch, open_registries):
    """Call the command line in process and return its exit code."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["run_benchmark.py", *map(str, arguments)])
        return cli.main()

    return run


def test_the_verb_prints_them_in_every_format(call, sake_run, tmp_path, tmp_path_factory, capsys):
    sake_run()
    results = tmp_path_factory.mktemp("results")
    shutil.copytree(tmp_path, results / "runs")
    flags = ("--dataset", "sketchy_ext", "--published", "--results-dir", results)
    for fmt in ("terminal", "markdown", "latex", "csv", "json"):
        assert call("table", *flags, "--format", fmt) == 0
        printed = capsys.readouterr().out
        assert "0.547" in printed
        assert "CSE-ResNet50" in printed or fmt == "latex"


def test_costs_and_published_numbers_are_two_tables(call, capsys):
    assert call("table", "--cost", "--published") == 1
    assert "--cost and --published are two tables" in capsys.readouterr().err
