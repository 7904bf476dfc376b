"""The committed numbers are what the mapping makes of the collection, none lost, each with its source."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from benchmark.errors import BenchmarkError
from benchmark.published.__main__ import main
from benchmark.published.mapping import COLUMNS, map_collection
from benchmark.published.numbers import NUMBERS, read_published, write_numbers
from benchmark.registry import DATASETS, METHODS
from datasets.splits import committed_split_ids
from metrics.definitions import parse

COLLECTION = Path(os.environ.get("ZSBENCH_LITERATURE", "not named")) / "published_canonical.csv"
needs_collection = pytest.mark.skipif(
    not COLLECTION.is_file(), reason="set ZSBENCH_LITERATURE to a folder with published_canonical.csv"
)
ROW = {
    "method": "SAKE", "year": "2019", "venue": "ICCV", "backbone": "CSE-ResNet50", "embedding_dim": "512",
    "binary": "false", "dataset": "sketchy_ext", "split": "shen25", "direction": "sketch2image",
    "setting": "zs", "metric": "map_all", "value": "0.547", "source": "a table", "confidence": "secondhand",
}  # fmt: skip
MAPPING = """
direction.sketch2image = "sketch2photo"
setting.zs = "zs"
codes = { false = "real", true = "binary" }
method.SAKE = "sake"
split.shen25 = { default = "not listed", sake25 = ["SAKE"] }
gallery.sketchy_ext = { default = "unknown" }
definition.map_all = { default = "map@all/unknown", "map@all/voc" = ["SAKE"] }
flag = [{ text = "hashed", codes = "binary", systems = ["SAKE"] }]
correction = []
"""


@pytest.fixture
def mapped(tmp_path):
    """Map one row under a small mapping."""

    def call(mapping: str = MAPPING, **changes: str):
        collection, rules = tmp_path / "collection.csv", tmp_path / "mapping.toml"
        rules.write_text(mapping)
        with collection.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerow({**ROW, **changes})
        (number,) = map_collection(collection, rules)
        return number

    return call


@needs_collection
def test_the_committed_numbers_are_what_the_mapping_makes_of_the_collection():
    assert NUMBERS.read_text(encoding="utf-8") == write_numbers(map_collection(COLLECTION))


@needs_collection
def test_no_number_source_or_confidence_is_lost():
    with COLLECTION.open(encoding="utf-8", newline="") as file:
        theirs = list(csv.DictReader(file))
    for row, number in zip(theirs, read_published(), strict=True):
        assert (number.system, number.value) == (row["method"], float(row["value"]))
        assert (number.confidence, number.year) == (row["confidence"], row["year"])
        assert row["source"].startswith(number.source)
        # All that may be cut off is a number in an index that readers cannot look up.
        assert len(number.source) == len(row["source"]) or " id " in row["source"][len(number.source) :]


def test_every_number_has_a_source_a_confidence_and_names_of_ours():
    for number in read_published():
        assert number.source
        assert number.confidence in ("read", "secondhand")
        assert 0 < number.value < 1
        kind = DATASETS.get(number.dataset)
        is_ours = number.split in committed_split_ids(kind.folder_of_splits())
        assert is_ours or " " in number.split  # words that say why it is none
        assert not number.method or number.method in METHODS.ids()
        if number.is_defined:
            parse(number.definition)


def test_the_paper_has_map_and_precision_in_four_directions_on_two_data_sets():
    numbers = [number for number in read_published() if number.method == "zscmr"]
    assert len(numbers) == 16
    by_terms = {(n.dataset, n.direction, n.metric): n.value for n in numbers}
    assert by_terms["sketchy", "sketch2photo", "map@all"] == 0.467
    assert by_terms["tuberlin_ext", "photo2photo", "p@100"] == 0.653
    assert by_terms["sketchy", "sketch2sketch", "p@100"] == 0.559
    assert by_terms["tuberlin_ext", "photo2sketch", "map@all"] == 0.298


def test_sakes_row_of_the_slides_is_binary():
    (number,) = [n for n in read_published() if n.method == "sake" and n.value == 0.364]
    assert (number.codes, number.width) == ("binary", "64")


def test_cvaes_pair_of_the_slides_is_of_200_photos_and_the_21_classes():
    pair = [n for n in read_published() if n.method == "cvae" and "printed as mAP" in n.flags]
    assert {(n.value, n.definition, n.split) for n in pair} == {
        (0.225, "map@200/k", "yelamarthi21"),
        (0.333, "p@200", "yelamarthi21"),
    }


def test_names_are_mapped_and_what_is_known_of_a_system_is_said(mapped):
    number = mapped()
    assert (number.method, number.direction, number.codes) == ("sake", "sketch2photo", "real")
    assert (number.split, number.gallery, number.definition) == ("sake25", "unknown", "map@all/voc")
    assert (number.value, number.source, number.confidence) == (0.547, "a table", "secondhand")


def test_a_system_of_which_nothing_is_known_gets_the_default(mapped):
    rules = MAPPING.replace('["SAKE"]', '["SAKE", "DSN"]')
    with pytest.raises(BenchmarkError, match="lacks: DSN"):
        mapped(rules)
    number = mapped(MAPPING.replace('method.SAKE = "sake"', "method = {}").replace('["SAKE"]', "[]"))
    assert (number.method, number.split, number.definition) == ("", "not listed", "map@all/unknown")


def test_a_flag_is_for_codes_of_its_kind(mapped):
    assert mapped(binary="true").flags == "hashed"
    assert mapped(binary="false").flags == ""


def test_a_note_in_the_source_becomes_a_flag(mapped):
    assert mapped(source="a table [not marked; binary]").flags == "not marked, binary"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split": "hwang20"}, r"row 2: no \[split.hwang20\], but shen25"),
        ({"metric": "recall_5"}, r"no \[definition.recall_5\]"),
        ({"dataset": "shoes"}, r"no \[gallery.shoes\]"),
        ({"direction": "text2image"}, r"no \[direction\] for 'text2image'"),
    ],
)
def test_a_name_that_the_mapping_lacks_is_an_error_that_names_it(mapped, changes, message):
    with pytest.raises(BenchmarkError, match=message):
        mapped(**changes)


def test_a_collection_with_other_columns_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("method,value\nzscmr,0.5\n")
    with pytest.raises(BenchmarkError, match=r"x\.csv: columns must be method, year"):
        map_collection(tmp_path / "x.csv")


def test_a_file_of_numbers_with_other_columns_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("method,value\nzscmr,0.5\n")
    with pytest.raises(BenchmarkError, match=r"x\.csv: columns must be system, method"):
        read_published(tmp_path / "x.csv")


def test_the_script_says_what_it_needs(capsys):
    assert main([]) == 1
    assert "COLLECTION.csv" in capsys.readouterr().err
