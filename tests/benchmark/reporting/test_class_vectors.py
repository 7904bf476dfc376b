"""Rows under different class vectors: beside each other, never in one mean."""

import numpy as np
import pytest

from benchmark.records import Record, read_run
from benchmark.reporting.comparison import compare
from benchmark.reporting.footnotes import footnotes
from benchmark.selection import Selection
from benchmark.suite import load_suite
from datasets.class_vectors import COMMITTED

WORD2VEC = "google.bin (word2vec binary, mean of words)"
CARD = {"side_information": ["class vectors"]}


@pytest.fixture
def of_vectors(make_run):
    """Write a run of zscmr under class vectors of a kind; value: that of every query."""

    def write(kind, value=0.5, **changes):
        fields = {"class_vectors": kind, "class_vectors_sha256": f"sha of {kind}", "card": CARD, **changes}
        return make_run("zscmr", scores={"map@all": np.full(4, value)}, **fields)

    return write


def notes(comparison):
    return {note.label: note.text for note in footnotes(comparison, comparison.metric_ids)}


def rows(comparison):
    return {row.name: row for row in comparison.rows}


def test_vectors_of_a_file_make_a_row_of_their_own(of_vectors):
    found = rows(compare([of_vectors(COMMITTED.kind, 0.25), of_vectors(WORD2VEC, 0.75)]))
    assert {name: row.mean["map@all"].value for name, row in found.items()} == {
        "zscmr": 0.25,
        "zscmr (google.bin)": 0.75,
    }


def test_a_variant_and_its_vectors_stand_in_one_pair_of_parentheses(of_vectors):
    assert list(rows(compare([of_vectors(WORD2VEC, variant="smoke")]))) == ["zscmr (smoke, google.bin)"]


def test_splits_under_different_vectors_are_in_no_mean(of_vectors):
    runs = [of_vectors(COMMITTED.kind, split="fold0"), of_vectors(WORD2VEC, split="fold1")]
    found = rows(compare(runs))
    assert [(row.mean, list(row.folds)) for row in found.values()] == [({}, ["fold0"]), ({}, ["fold1"])]


def test_the_footnote_says_which_vectors_each_row_used(of_vectors):
    text = notes(compare([of_vectors(COMMITTED.kind), of_vectors(WORD2VEC)]))["Side information"]
    assert text == (
        "class vectors all-MiniLM-L6-v2 (committed): zscmr; "
        "class vectors google.bin (word2vec binary, mean of words): zscmr (google.bin)"
    )


def test_a_record_without_the_kind_is_of_the_committed_vectors(of_vectors):
    comparison = compare([of_vectors(None)])
    assert list(rows(comparison)) == ["zscmr"]
    assert notes(comparison)["Side information"] == "class vectors: zscmr"


@pytest.mark.parametrize(("other", "is_said"), [("new", True), ("old", False)])
def test_vectors_of_one_name_that_differ_between_splits_are_said(of_vectors, other, is_said):
    runs = [
        of_vectors(WORD2VEC, split="fold0", class_vectors_sha256="old"),
        of_vectors(WORD2VEC, split="fold1", class_vectors_sha256=other),
    ]
    text = "the class vectors of zscmr (google.bin) differ between its splits: run it again"
    assert (text in notes(compare(runs)).get("Unequal", "")) == is_said


def test_the_reference_of_a_suite_is_found_under_the_vectors_that_were_used(of_vectors, make_run):
    comparison = compare([of_vectors(WORD2VEC), make_run("centred")], reference="zscmr")
    assert comparison.reference == "zscmr (google.bin)"
    assert rows(comparison)["centred"].mean["map@all"].difference.value == 0


def test_the_reference_is_the_committed_row_where_there_are_two(of_vectors):
    runs = [of_vectors(WORD2VEC), of_vectors(COMMITTED.kind)]
    assert compare(runs, reference="zscmr").reference == "zscmr"


def test_no_reference_is_guessed_among_several(of_vectors):
    runs = [of_vectors(WORD2VEC), of_vectors("glove.txt (word vectors as text, mean of words)")]
    assert compare(runs, reference="zscmr").reference == "zscmr"


@pytest.mark.parametrize(
    ("name", "held"),
    [("all_minilm_l6_v2", ["", "old", "none"]), ("/data/google.bin", ["google.bin", "none"])],
)
def test_a_suite_holds_runs_of_its_vectors_and_those_without_any(of_vectors, make_run, name, held):
    runs = {
        "": of_vectors(COMMITTED.kind),
        "old": of_vectors(None),
        "google.bin": of_vectors(WORD2VEC),
        "other": of_vectors("other.bin (word2vec binary, mean of words)"),
        "none": make_run("centred"),
    }
    wanted = Selection(class_vectors=name)
    assert [key for key, run in runs.items() if wanted.holds(run.record)] == held
    suite = load_suite("default")[0].model_copy(update={"class_vectors": name})
    assert Selection.of_suite(suite, runs.values()).class_vectors == name


def test_a_record_keeps_the_kind_on_disk(of_vectors):
    run = of_vectors(WORD2VEC)
    assert read_run(run.folder).record.class_vectors == WORD2VEC
    assert Record.model_fields["class_vectors"].default is None  # older records have none
