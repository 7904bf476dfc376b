"""The committed class tables, and the script that counts for them."""

from __future__ import annotations

import csv
import gzip
import os
import re
import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

import datasets.classes.make as make
from benchmark.errors import BenchmarkError
from datasets.class_vectors import missing_vectors, spoken_name
from datasets.classes import FOLDER, RELATIONS, SUPER_CATEGORIES, class_facts, ilsvrc_labels, ilsvrc_synsets
from datasets.vectors.make import NAMES_FILE

ROOT = Path(__file__).parents[2]
LITERATURE = Path(os.environ.get("ZSBENCH_LITERATURE", "not named"))
WORDNET = Path(os.environ.get("WNSEARCHDIR", "/usr/share/wordnet"))
PUBLISHED = {"sketchy": 125, "tuberlin_ext": 250, "quickdraw_ext": 110}
TABLES = PUBLISHED | {"doodle101": 49}

needs_lists = pytest.mark.skipif(
    not LITERATURE.is_dir(),
    reason="set ZSBENCH_LITERATURE to a folder with the published classes/ and filelists/",
)

# The form of WordNet's files in small: licence lines are indented; a synset names words, then pointers.
DATA_NOUN = """\
  1 This is the licence.
00000001 03 n 01 thing 0 001 ~ 00000010 n 0000 | all there is
00000010 05 n 01 animal 0 001 @ 00000001 n 0000 | it moves
00000020 05 n 02 dog 0 hound 1 001 @ 00000010 n 0000 | it barks
00000030 05 n 01 pug 0 002 @ 00000020 n 0000 + 00000001 v 0101 | a dog with a flat face
00000040 05 n 01 Fido 0 001 @i 00000030 n 0000 | one pug
00000050 06 n 01 speedboat 0 001 @ 00000001 n 0000 | it floats
00000060 06 n 01 hot-air_balloon 0 001 @ 00000001 n 0000 | it flies
00000070 18 n 01 tiger 0 001 @ 00000001 n 0000 | a fierce person
00000080 05 n 01 tiger 1 001 @ 00000010 n 0000 | a striped cat
"""
INDEX_NOUN = """\
  1 This is the licence.
dog n 1 2 @ ~ 1 1 00000020
speedboat n 1 1 @ 1 0 00000050
hot-air_balloon n 1 1 @ 1 0 00000060
tiger n 2 1 @ 2 1 00000070 00000080
"""


@pytest.fixture
def wordnet(tmp_path):
    (tmp_path / "data.noun").write_text(DATA_NOUN, encoding="latin-1")
    (tmp_path / "index.noun").write_text(INDEX_NOUN, encoding="latin-1")
    return make.WordNet(tmp_path)


def facts_of(table, class_name):
    return next(facts for facts in class_facts(table) if facts.class_name == class_name)


def sum_of(counts):
    return sum(n for n in counts if n is not None)


@pytest.mark.parametrize(("table", "n_classes"), TABLES.items())
def test_a_table_has_all_classes_once_and_sorted(table, n_classes):
    names = [facts.class_name for facts in class_facts(table)]
    assert len(names) == n_classes
    assert all(one < other for one, other in pairwise(names))


@pytest.mark.parametrize("table", TABLES)
def test_a_table_spells_its_classes_as_the_list_of_class_vectors_does(table):
    with NAMES_FILE.open(encoding="utf-8", newline="") as file:
        listed = {row["class"] for row in csv.DictReader(file) if row["dataset"] == table}
    names = [facts.class_name for facts in class_facts(table)]
    assert set(names) == listed
    assert missing_vectors(names) == ()


@needs_lists
@pytest.mark.parametrize(
    ("table", "file"),
    [("sketchy", "sketchy"), ("tuberlin_ext", "tuberlin"), ("quickdraw_ext", "quickdraw")],
)
def test_a_table_names_the_classes_of_the_published_list(table, file):
    listed = (LITERATURE / "classes" / f"{file}.txt").read_text(encoding="utf-8").split("\n")
    assert [facts.class_name for facts in class_facts(table)] == sorted(filter(None, listed))


@needs_lists
def test_sketchy_counts_are_those_of_the_published_table():
    with (LITERATURE / "classes" / "sketchy_counts.csv").open(encoding="utf-8", newline="") as file:
        expected = {
            row["class"]: tuple(
                int(row[name]) for name in ("sketches", "original_folder_photos", "extended_folder_photos")
            )
            for row in csv.DictReader(file)
        }
    assert {
        facts.class_name: (facts.n_sketches, facts.n_photos["orig"], facts.n_photos["ext"])
        for facts in class_facts("sketchy")
    } == expected


def test_sketchy_has_75481_sketches_12500_original_and_73002_extended_photos():
    table = class_facts("sketchy")
    assert sum_of(facts.n_sketches for facts in table) == 75_481
    assert sum_of(facts.n_photos["orig"] for facts in table) == 12_500
    assert sum_of(facts.n_photos["ext"] for facts in table) == 73_002


def test_every_class_of_sketchy_has_100_original_photos_and_every_class_of_tuberlin_80_sketches():
    assert {facts.n_photos["orig"] for facts in class_facts("sketchy")} == {100}
    assert {facts.n_sketches for facts in class_facts("tuberlin_ext")} == {80}


@pytest.mark.parametrize(("table", "n_photos"), [("tuberlin_ext", 27_989), ("quickdraw_ext", 54_151)])
def test_photos_are_counted_for_the_30_classes_with_a_published_list_and_unknown_for_others(table, n_photos):
    counts = [facts.n_photos["photo"] for facts in class_facts(table)]
    assert sum(n is not None for n in counts) == 30
    assert sum_of(counts) == n_photos


def test_quickdraw_sketches_are_counted_for_the_30_classes_with_a_published_list():
    counts = [facts.n_sketches for facts in class_facts("quickdraw_ext")]
    assert sum(n is not None for n in counts) == 30
    assert sum_of(counts) == 92_291


@pytest.mark.parametrize("table", PUBLISHED)
def test_super_categories_are_known_and_at_least_ten_hold_four_classes_or_more(table):
    sizes = Counter(facts.super_category for facts in class_facts(table))
    assert set(sizes) <= set(SUPER_CATEGORIES)
    assert min(sizes.values()) >= 3
    assert sum(n >= 4 for n in sizes.values()) >= 10


def test_super_categories_of_doodle101_are_known_and_its_counts_are_those_of_its_lists():
    table = class_facts("doodle101")
    assert {facts.super_category for facts in table} <= set(SUPER_CATEGORIES)
    assert {facts.n_sketches for facts in table} == {25}
    assert sum_of(facts.n_photos["photo"] for facts in table) == 2_627
    assert {facts.n_ilsvrc_photos["photo"] for facts in table} == {None}


def test_a_name_has_the_same_super_category_in_every_table():
    assigned = {
        (spoken_name(facts.class_name), facts.super_category)
        for table in TABLES
        for facts in class_facts(table)
    }
    assert len(assigned) == len({name for name, _ in assigned})


def test_ilsvrc_has_1000_synsets_with_labels():
    assert len(ilsvrc_synsets()) == 1000
    assert all(re.fullmatch(r"n\d{8}", synset) for synset in ilsvrc_synsets())
    assert ilsvrc_labels()["n01440764"] == ("tench", "Tinca tinca")
    assert ilsvrc_labels()["n03793489"] == ("mouse", "computer mouse")


@pytest.mark.parametrize("table", TABLES)
def test_a_class_stands_as_synset_exactly_where_its_synset_is_one_of_ilsvrc(table):
    for facts in class_facts(table):
        assert (facts.ilsvrc_relation == "synset") == (facts.synset in ilsvrc_synsets()), facts.class_name
        assert (facts.ilsvrc_relation == "") == (facts.synset == ""), facts.class_name
        assert facts.ilsvrc_relation in RELATIONS


@pytest.mark.parametrize(
    ("table", "class_name", "relation"),
    [
        ("sketchy", "ant", "synset"),
        ("sketchy", "hotdog", "synset"),
        ("sketchy", "jack-o-lantern", "synset"),
        ("sketchy", "dog", "ancestor"),
        ("sketchy", "car_(sedan)", "ancestor"),
        ("sketchy", "hot-air_balloon", "descendant"),
        ("sketchy", "giraffe", "none"),
        ("tuberlin_ext", "hot air balloon", "descendant"),
        ("tuberlin_ext", "speed-boat", "synset"),
        ("tuberlin_ext", "crane (machine)", "synset"),
        ("tuberlin_ext", "sponge bob", ""),
        ("tuberlin_ext", "flying bird", ""),
        ("quickdraw_ext", "eiffel tower", "none"),
        ("quickdraw_ext", "wine bottle", "synset"),
        ("doodle101", "laptop", "synset"),
        ("doodle101", "piano", "ancestor"),
        ("doodle101", "rollerskates", "none"),
        ("doodle101", "ceiling fan", ""),
    ],
)
def test_relations_to_ilsvrc_in_examples(table, class_name, relation):
    assert facts_of(table, class_name).ilsvrc_relation == relation


@pytest.mark.parametrize("class_name", ["cup", "head", "mouse (animal)", "purse"])
def test_a_name_may_be_a_label_of_another_thing(class_name):
    facts = facts_of("tuberlin_ext", class_name)
    assert facts.ilsvrc_label
    assert facts.ilsvrc_relation == "none"


def test_photos_of_brain_carry_the_id_of_a_coral_that_its_name_does_not_betray():
    facts = facts_of("tuberlin_ext", "brain")
    assert facts.n_ilsvrc_photos["photo"] == facts.n_photos["photo"] == 1297
    assert (facts.ilsvrc_label, facts.ilsvrc_relation) == (False, "none")


def test_photos_with_an_ilsvrc_id_of_the_original_sketchy_recur_in_the_extended_folder():
    assert all(
        facts.n_ilsvrc_photos["orig"] == facts.n_ilsvrc_photos["ext"] for facts in class_facts("sketchy")
    )


def test_quickdraw_photos_without_any_id_in_their_names_count_as_unknown_and_not_as_clean():
    assert {facts.n_ilsvrc_photos["photo"] for facts in class_facts("quickdraw_ext")} == {None}


def test_an_unknown_table_is_refused_with_the_known_ones():
    with pytest.raises(
        BenchmarkError, match="no class table 'pets'. Known: doodle101, quickdraw_ext, sketchy, tuberlin_ext"
    ):
        class_facts("pets")


@pytest.mark.parametrize(
    ("of", "to", "relation"),
    [
        ("n00000020", {"n00000020"}, "synset"),
        ("n00000020", {"n00000030"}, "ancestor"),
        ("n00000010", {"n00000040"}, "ancestor"),
        ("n00000040", {"n00000010"}, "descendant"),
        ("n00000050", {"n00000020"}, "none"),
        ("n00000020", {"n00000020", "n00000030"}, "synset"),
    ],
)
def test_a_relation_follows_the_taxonomy_over_any_number_of_steps(wordnet, of, to, relation):
    assert wordnet.relation(of, frozenset(to)) == relation


@pytest.mark.parametrize(
    ("class_name", "synset"),
    [
        ("dog", "n00000020"),
        ("dog (animal)", "n00000020"),
        ("speed-boat", "n00000050"),
        ("hot air balloon", "n00000060"),
        ("tiger", "n00000080"),  # the first sense is a person
        ("sponge bob", ""),
        ("flying bird", ""),
    ],
)
def test_a_class_gets_the_sense_that_fits_whatever_the_separators(wordnet, class_name, synset):
    assert wordnet.synset(class_name) == synset


@pytest.mark.parametrize(
    ("class_name", "is_label"),
    [
        ("T-shirt", True),
        ("jack_o_lantern", True),
        ("mouse (animal)", True),
        ("hot-dog", True),
        ("shirt", False),
        ("hound", False),
    ],
)
def test_a_label_is_matched_whole_and_whatever_the_separators(class_name, is_label):
    labels = {
        "n1": ("jersey", "T-shirt", "tee shirt"),
        "n2": ("jack-o'-lantern",),
        "n3": ("mouse", "computer mouse"),
        "n4": ("hotdog", "hot dog", "red hot"),
        "n5": ("Ibizan hound",),
    }
    assert make.is_label(class_name, labels) == is_label


@pytest.fixture
def small_lists(tmp_path, monkeypatch, wordnet):
    """Two lists and a table of three classes in a folder of their own; the pug alone is in ILSVRC-1k."""
    lines = {
        "photos": [
            "images/dog/n00000020_1.jpg 0",
            "images/dog/n00000030_2.jpg 0",
            "images/hot air balloon/image_1.jpg 1",
        ],
        "sketches": ["sketches/dog/n00000030_3.png 0"],
    }
    for name, content in lines.items():
        with gzip.open(tmp_path / f"{name}.txt.gz", "wt", encoding="utf-8") as file:
            file.write("\n".join(content))
    (tmp_path / "quickdraw_ext.csv").write_text(
        "class,super_category\nspeedboat,vehicle\ndog,mammal\nhot air balloon,vehicle\n"
    )
    monkeypatch.setattr(make, "FOLDER", tmp_path)
    monkeypatch.setattr(make, "ilsvrc_synsets", lambda: frozenset({"n00000030"}))
    monkeypatch.setitem(make.LISTS, "quickdraw_ext", tuple(lines))
    return tmp_path


def test_a_made_table_keeps_super_categories_and_counts_the_listed_files(small_lists, wordnet):
    make.make("quickdraw_ext", lists=small_lists, wordnet=wordnet)
    assert (small_lists / "quickdraw_ext.csv").read_text() == (
        "class,super_category,sketches,photos,ilsvrc_label,synset,ilsvrc_relation,ilsvrc_photos\n"
        "dog,mammal,1,2,no,n00000020,ancestor,1\n"
        "hot air balloon,vehicle,,1,no,n00000060,none,\n"
        "speedboat,vehicle,,,yes,n00000050,none,\n"
    )


def test_a_listed_class_that_the_table_lacks_is_refused(small_lists, wordnet):
    (small_lists / "quickdraw_ext.csv").write_text("class,super_category\nspeedboat,vehicle\n")
    with pytest.raises(
        BenchmarkError, match=r"quickdraw_ext\.csv lacks classes of the file lists: dog, hot air balloon"
    ):
        make.make("quickdraw_ext", lists=small_lists, wordnet=wordnet)


def test_a_missing_list_is_named(tmp_path, wordnet):
    with pytest.raises(BenchmarkError, match=r"no file list .*sketchy25_sake\.all_photo_filelist_train"):
        make.make("sketchy", lists=tmp_path, wordnet=wordnet)


def test_labels_are_taken_in_the_order_of_the_synsets(tmp_path, monkeypatch):
    (tmp_path / "imagenet_synsets.txt").write_text("n2\nn1\n")
    (tmp_path / "imagenet_synset_to_lemma.txt").write_text("n1\ttench, Tinca tinca\nn2\tpug\nn3\tcat\n")
    monkeypatch.setattr(make, "ILSVRC_FILE", tmp_path / "ilsvrc.csv")
    make.make_ilsvrc(tmp_path)
    assert (tmp_path / "ilsvrc.csv").read_text() == 'synset,labels\nn2,pug\nn1,"tench, Tinca tinca"\n'


@pytest.fixture(scope="module")
def whole_wordnet():
    if not (WORDNET / "data.noun").is_file():
        pytest.skip("WordNet 3.0 is not installed: see WNSEARCHDIR")
    return make.WordNet(WORDNET)


@needs_lists
@pytest.mark.parametrize("table", TABLES)
def test_a_committed_table_comes_out_of_the_published_lists_again(
    tmp_path, monkeypatch, whole_wordnet, table
):
    shutil.copy(FOLDER / f"{table}.csv", tmp_path)
    monkeypatch.setattr(make, "FOLDER", tmp_path)
    make.make(table, lists=LITERATURE / "filelists", wordnet=whole_wordnet)
    assert (tmp_path / f"{table}.csv").read_bytes() == (FOLDER / f"{table}.csv").read_bytes()
