"""`list splits --dataset`: overlaps, contact with ImageNet, and what a reader off a terminal gets."""

from __future__ import annotations

import io
import json
import sys
from typing import ClassVar

import pytest
from rich.console import Console

from benchmark import cli
from benchmark.commands.list_splits import print_splits, splits_entry
from benchmark.registry import register_dataset
from datasets.base import DatasetCard, SketchPhotoDataset


class StandIn(SketchPhotoDataset):
    """A data set with its own id, and with the splits and the class table of another."""

    card = DatasetCard(
        id="tuberlin_twin", title="Twin", description="-", licence="-", citation="-", obtain="-", layout="-"
    )
    splits_folder: ClassVar[str] = "tuberlin_ext"
    class_table: ClassVar[str | None] = "tuberlin_ext"

    @classmethod
    def galleries(cls):
        return {"standard": ("photo",)}

    def index(self, progress=None):
        raise NotImplementedError

    def split_ids(self):
        raise NotImplementedError

    def split(self, split_id):
        raise NotImplementedError


class Bare(StandIn):
    """A data set that nothing is committed for."""

    card = DatasetCard(
        id="bare", title="Bare", description="-", licence="-", citation="-", obtain="-", layout="-"
    )
    splits_folder = "bare"
    class_table = None


@pytest.fixture
def call(monkeypatch, open_registries):
    """Call the command line in process, with the stand-ins registered, and return its exit code."""
    register_dataset(StandIn)
    register_dataset(Bare)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["run_benchmark.py", "list", *map(str, arguments)])
        return cli.main()

    return run


@pytest.fixture
def listed(call, capsys):
    """Lines of `list splits --dataset` for the stand-in, off a terminal."""
    assert call("splits", "--dataset", StandIn.card.id) == 0
    return capsys.readouterr().out.splitlines()


def test_splits_are_listed_with_sizes_validation_origin_and_hash(listed):
    row = next(line.split("\t") for line in listed if line.startswith("sake30\t30\t"))
    assert row[2] == "apple, butterfly, cannon, dragon, eye, fish, owl, rabbit, sun, trumpet"
    assert "Released with SAKE" in row[3]
    assert row[3].endswith("once, for this benchmark.")
    assert row[4] == "7d3ea00d5cef"


def test_the_matrix_counts_shared_unseen_classes_and_their_names_stand_below(listed):
    start = listed.index("Unseen classes that two splits share")
    assert listed[start + 1 : start + 5] == [
        "split\tbdt64\tsake30\tsempcyc30",
        "bdt64\t64\t6\t7",
        "sake30\t6\t30\t1",
        "sempcyc30\t7\t1\t30",
    ]
    assert listed.index("sake30\tsempcyc30\t1\trollerblades") > start


def test_each_unseen_class_stands_with_label_relation_and_photos(listed):
    start = listed.index("sake30: contact of the unseen classes with ILSVRC-1k")
    assert listed[start + 1] == "class\tlabel\trelation\tphotos with an id, standard"
    rows = listed[start + 2 : start + 32]
    assert "ant\tyes\tsynset\t424" in rows
    assert "brain\tno\tnone\t1,297" in rows
    assert "bus\tno\tancestor\t0" in rows


def test_the_total_of_a_gallery_is_a_sentence(listed):
    assert (
        "sake30, standard: 15,146 of 27,989 gallery photos carry an ILSVRC-1k id, in 18 of 30 classes "
        "(lower bound)" in listed
    )


def test_what_no_source_states_is_unknown_and_not_nought(listed):
    assert "backpack\tyes\tsynset\tunknown" in listed
    assert "person walking\tno\tno synset\tunknown" in listed
    assert (
        "sempcyc30, standard: unknown how many gallery photos carry an ILSVRC-1k id (counts at hand for 1 of "
        "30 classes)" in listed
    )


def test_labels_and_relations_are_summed(listed):
    assert "sake30: 12 of 30 names are labels; 12 synset, 10 ancestor, 1 descendant, 7 none" in listed


def test_json_holds_splits_overlaps_and_contamination_in_full(call, capsys):
    assert call("splits", "--dataset", StandIn.card.id, "--json") == 0
    entry = json.loads(capsys.readouterr().out)
    assert [split["id"] for split in entry["splits"]] == ["bdt64", "sake30", "sempcyc30"]
    assert [len(split["unseen"]) for split in entry["splits"]] == [64, 30, 30]
    assert {len(split["sha256"]) for split in entry["splits"]} == {64}
    assert entry["overlaps"][-1] == {
        "one": "sake30",
        "other": "sempcyc30",
        "shared": ["rollerblades"],
        "n_shared": 1,
    }
    contact = entry["contamination"][1]
    assert len(contact["classes"]) == 30
    assert contact["galleries"] == [
        {
            "gallery": "standard",
            "n_photos": 27_989,
            "n_exposed": 15_146,
            "n_classes_exposed": 18,
            "n_classes_counted": 30,
            "n_classes": 30,
        }
    ]


def test_nothing_is_cut_on_a_narrow_terminal(call):
    terminal = io.StringIO()
    entry = splits_entry(StandIn.card.id)
    print_splits(Console(file=terminal, force_terminal=True, width=60, color_system=None), entry)
    text = terminal.getvalue()
    assert "…" not in text
    for head in ("1 bdt64", "2 sake30", "3 sempcyc30"):  # the columns of the matrix are numbered
        assert head in text
    for cell in ("pipe (for smoking)", "1,297", "unknown"):
        assert cell in text


def test_a_data_set_without_a_class_table_shows_overlaps_but_no_contact(call, capsys):
    assert call("splits", "--dataset", "emoji54") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "fold1\t0\t14\t0\t0" in lines
    assert not any("ILSVRC" in line for line in lines)
    assert lines[-1] == "No facts on the classes of 'emoji54': their contact with ImageNet is unknown."


def test_a_data_set_without_a_class_table_has_null_contamination_in_json(call, capsys):
    assert call("splits", "--dataset", "emoji54", "--json") == 0
    assert json.loads(capsys.readouterr().out)["contamination"] is None


def test_a_data_set_without_splits_says_where_they_come_from(call, capsys):
    assert call("splits", "--dataset", "bare") == 0
    assert capsys.readouterr().out == (
        "Data set 'bare' has no committed split. A folder brings its own: add --data-root.\n"
    )


def test_the_split_of_a_folder_is_listed_with_its_root(call, picture_root, capsys):
    assert call("splits", "--dataset", "folder", "--data-root", picture_root) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split("\t")[1:3] == ["2", "star"] for line in lines)


def test_the_list_of_all_splits_takes_them_from_the_folder_that_a_data_set_names(call, capsys):
    assert call("splits", "--json") == 0
    entries = json.loads(capsys.readouterr().out)
    ids = [entry["id"] for entry in entries if entry["dataset"] == StandIn.card.id]
    assert ids == ["bdt64", "sake30", "sempcyc30"]


def test_the_list_of_all_splits_stays_one_line_a_split(call, capsys):
    assert call("splits") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "data set\tsplit\tunseen classes\tvalidation\torigin\tsha256"
    assert {line.count("\t") for line in lines} == {5}


def test_an_unknown_data_set_is_refused_with_the_known_ones(call, capsys):
    assert call("splits", "--dataset", "emoji55") == 1
    error = capsys.readouterr().err
    assert "no data set named 'emoji55'" in error
    assert "Close names: emoji54" in error


def test_a_data_set_is_refused_for_other_lists(call, capsys):
    assert call("methods", "--dataset", "emoji54") == 1
    assert "--dataset belongs to `list splits`, not to `list methods`" in capsys.readouterr().err
