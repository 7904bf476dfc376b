"""The published lists of unseen classes, name for name, and what was drawn beside them."""

from __future__ import annotations

import hashlib
import itertools
import os
from pathlib import Path

import pytest

import datasets.classes.draw_splits as draw_splits
from benchmark.errors import BenchmarkError
from datasets.class_vectors import spoken_name
from datasets.classes import class_facts
from datasets.splits import SPLITS_DIR, committed_split, committed_split_ids

ROOT = Path(__file__).parents[2]
CLASS_LISTS = Path(os.environ.get("ZSBENCH_LITERATURE", "not named")) / "classes"
needs_lists = pytest.mark.skipif(
    not CLASS_LISTS.is_dir(),
    reason="set ZSBENCH_LITERATURE to a folder with the published classes/ and filelists/",
)

RANDOM = tuple(f"random25_{i}" for i in range(5))
IDS = {
    "sketchy": (*RANDOM, "sake25", "sempcyc25", "yelamarthi21", "zscmr_code25"),
    "tuberlin_ext": ("bdt64", "sake30", "sempcyc30"),
    "quickdraw_ext": ("doodle30",),
}
ALL = [(dataset, split_id) for dataset, ids in IDS.items() for split_id in ids]

# Size, a few of the names, and sha256 of the sorted names joined by line ends, computed outside this project.
PUBLISHED = {
    ("sketchy", "sake25"): (
        25,
        {"teddy_bear", "wine_bottle", "ray", "volcano"},
        "8e6c3d72376d8b256f068b4370bc7747dacf59ce2a03b9ca0250e9d8c45b115d",
    ),
    ("sketchy", "sempcyc25"): (
        25,
        {"jack-o-lantern", "geyser", "racket", "tiger"},
        "5fd502db5e83d4723b7a67d7eebb83e7c82834f83fbc26b8db582666161ff7f0",
    ),
    ("sketchy", "yelamarthi21"): (
        21,
        {"songbird", "cabin", "seagull", "window"},
        "e9111ba44e60f0c421e90167978c3aa5067206421046818501bafe4339a74a5a",
    ),
    ("sketchy", "zscmr_code25"): (
        25,
        {"songbird", "starfish", "turtle", "zebra"},
        "84bc99f02ce984ead11e48d5f6e89089731d13586cdac26ffd35a1f4fd3c62ca",
    ),
    ("tuberlin_ext", "sake30"): (
        30,
        {"frying-pan", "t-shirt", "hot air balloon", "bottle opener"},
        "7d3ea00d5cef647c69e4b58bc8ac21655534e403b60a177478555e1537f04c0a",
    ),
    ("tuberlin_ext", "sempcyc30"): (
        30,
        {"walkie talkie", "door handle", "tablelamp", "flying saucer"},
        "2b753b33b2a2fd7a6fcc985c3fbb71d5ca1c06c2969b79c9f8a1ee35fca5f593",
    ),
    ("tuberlin_ext", "bdt64"): (
        64,
        {"pipe (for smoking)", "head-phones", "suv", "wrist-watch"},
        "255436b0e0604cb514211ff337798f5d5954f3977e8f33c3ed0ba150a58fbbce",
    ),
    ("quickdraw_ext", "doodle30"): (
        30,
        {"palm tree", "fire_hydrant", "campfire", "raccoon"},
        "9073b8bb3d87db643b00b7193e1c7e2108381b3806522b4dbf4439a00064073d",
    ),
}
# First 16 digits of the sha256 of what was drawn, sorted names joined by line ends: once, by sha256sum. A
# split's classes never change, whatever becomes of the script that drew them.
DRAWN_UNSEEN = {
    "random25_0": "59135aa93b828700",
    "random25_1": "6d7acd27933e8fd2",
    "random25_2": "970e155b6cead441",
    "random25_3": "1bd7df8618dc8e26",
    "random25_4": "e614a06d14f01d84",
}
DRAWN_VALIDATION = {
    ("sketchy", "random25_0"): "fd4965358f4396ec",
    ("sketchy", "random25_1"): "a77b01c125f7b9b8",
    ("sketchy", "random25_2"): "51de1a494e37f9e4",
    ("sketchy", "random25_3"): "ce8e0039c5c5b699",
    ("sketchy", "random25_4"): "8984ccf08d529f8e",
    ("sketchy", "sake25"): "14d4c754fc63ef45",
    ("sketchy", "sempcyc25"): "fdd564360749941b",
    ("sketchy", "yelamarthi21"): "9eb6fba7a6ba3b05",
    ("sketchy", "zscmr_code25"): "284b392b89b943ca",
    ("tuberlin_ext", "bdt64"): "e28d6cb8ffcd043a",
    ("tuberlin_ext", "sake30"): "b0b840970231a652",
    ("tuberlin_ext", "sempcyc30"): "d164fa042b8b84ba",
    ("quickdraw_ext", "doodle30"): "081a757a8e9cbd3b",
}
FILES = {
    ("sketchy", "sake25"): "sketchy25_sake",
    ("sketchy", "sempcyc25"): "sketchy25_sempcyc_seed0",
    ("sketchy", "yelamarthi21"): "sketchy21_yelamarthi",
    ("sketchy", "zscmr_code25"): "sketchy25_zscmr_code_last25",
    ("tuberlin_ext", "sake30"): "tuberlin30_sake",
    ("tuberlin_ext", "sempcyc30"): "tuberlin30_sempcyc_seed0",
    ("tuberlin_ext", "bdt64"): "tuberlin64_bdt",
    ("quickdraw_ext", "doodle30"): "quickdraw30_doodle2search_spelling",
}


def names_of(dataset):
    return [facts.class_name for facts in class_facts(dataset)]


def shared(dataset, one, other):
    return set(committed_split(dataset, one).unseen) & set(committed_split(dataset, other).unseen)


@pytest.mark.parametrize(("dataset", "ids"), IDS.items())
def test_the_committed_splits_of_a_data_set(dataset, ids):
    assert committed_split_ids(dataset) == ids


@pytest.mark.parametrize(("key", "expected"), PUBLISHED.items(), ids=["/".join(key) for key in PUBLISHED])
def test_a_published_split_has_the_size_the_names_and_the_hash_of_its_list(key, expected):
    n_unseen, some, sha256 = expected
    split = committed_split(*key)
    assert len(split.unseen) == n_unseen
    assert some <= set(split.unseen)
    assert split.sha256 == sha256


@needs_lists
@pytest.mark.parametrize(("key", "file"), FILES.items(), ids=["/".join(key) for key in FILES])
def test_a_published_split_equals_the_list_as_read_in_the_literature(key, file):
    listed = (CLASS_LISTS / f"{file}.txt").read_text(encoding="utf-8").split("\n")
    assert {spoken_name(name) for name in committed_split(*key).unseen} == {
        spoken_name(name) for name in listed if name
    }


@pytest.mark.parametrize(("dataset", "split_id"), ALL)
def test_a_split_names_classes_of_its_table_and_leaves_some_to_train_on(dataset, split_id):
    split = committed_split(dataset, split_id)
    split.check_against(names_of(dataset))
    assert len(split.seen(names_of(dataset))) == len(names_of(dataset)) - len(split.unseen)


@pytest.mark.parametrize(("dataset", "split_id"), ALL)
def test_ten_seen_classes_of_as_many_super_categories_are_for_validation(dataset, split_id):
    split = committed_split(dataset, split_id)
    category = {facts.class_name: facts.super_category for facts in class_facts(dataset)}
    assert set(split.validation) <= set(split.seen(names_of(dataset)))
    assert len(split.validation) == len({category[name] for name in split.validation}) == 10


def test_sake25_and_sempcyc25_share_4_of_25_classes():
    assert shared("sketchy", "sake25", "sempcyc25") == {"bell", "squirrel", "tank", "wheelchair"}


def test_sake25_and_yelamarthi21_share_four_classes():
    assert shared("sketchy", "sake25", "yelamarthi21") == {"scissors", "tree", "wheelchair", "windmill"}


def test_sempcyc25_and_yelamarthi21_share_five_classes():
    expected = {"door", "pear", "rhinoceros", "saw", "wheelchair"}
    assert shared("sketchy", "sempcyc25", "yelamarthi21") == expected


def test_sake30_and_sempcyc30_share_only_rollerblades():
    assert shared("tuberlin_ext", "sake30", "sempcyc30") == {"rollerblades"}


def test_zscmr_code25_is_the_end_of_the_alphabet_and_snake_is_seen():
    split = committed_split("sketchy", "zscmr_code25")
    assert list(split.unseen) == names_of("sketchy")[-25:]
    assert split.seen(names_of("sketchy"))[-1] == "snake"


def test_random_splits_are_a_family_of_25_classes_each_and_no_two_are_equal():
    splits = [committed_split("sketchy", split_id) for split_id in RANDOM]
    assert {split.family for split in splits} == {"random25"}
    assert {len(split.unseen) for split in splits} == {25}
    assert all(set(one.unseen) != set(other.unseen) for one, other in itertools.combinations(splits, 2))


def test_published_splits_stand_alone():
    assert {committed_split(*key).family for key in PUBLISHED} == {""}


def sha256_of(names):
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:16]


def test_what_was_drawn_once_stays():
    assert {i: sha256_of(committed_split("sketchy", i).unseen) for i in RANDOM} == DRAWN_UNSEEN
    assert {key: sha256_of(committed_split(*key).validation) for key in ALL} == DRAWN_VALIDATION


@pytest.mark.parametrize("split_id", RANDOM)
def test_a_random_split_comes_out_of_its_seed_again(split_id):
    facts = class_facts("sketchy")
    assert committed_split("sketchy", split_id).unseen == draw_splits.draw_unseen("sketchy", split_id, facts)


@pytest.mark.parametrize(("dataset", "split_id"), ALL)
def test_validation_classes_come_out_of_their_seed_again(dataset, split_id):
    split = committed_split(dataset, split_id)
    drawn = draw_splits.draw_validation(dataset, split_id, class_facts(dataset), split.unseen)
    assert split.validation == drawn


@needs_lists
def test_every_committed_file_is_what_the_script_writes(tmp_path):
    for split in draw_splits.all_splits(CLASS_LISTS):
        written = draw_splits.write_split(split, tmp_path / split.dataset).read_bytes()
        assert written == (SPLITS_DIR / split.dataset / f"{split.id}.toml").read_bytes(), split.id


def test_fewer_validation_classes_are_drawn_where_fewer_than_80_are_seen():
    facts = class_facts("sketchy")
    unseen = [one.class_name for one in facts[:46]]
    assert len(draw_splits.draw_validation("sketchy", "small", facts, unseen)) == 5
    assert len(draw_splits.draw_validation("sketchy", "small", facts, unseen[:45])) == 10


def test_a_split_file_with_other_unseen_classes_is_not_overwritten(tmp_path):
    one, other = draw_splits.random_splits("sketchy")[:2]
    path = draw_splits.write_split(one, tmp_path)
    before = path.read_bytes()
    path.rename(tmp_path / f"{other.id}.toml")
    with pytest.raises(
        BenchmarkError, match=r"random25_1\.toml names other unseen classes: give the new list a new name"
    ):
        draw_splits.write_split(other, tmp_path)
    assert (tmp_path / f"{other.id}.toml").read_bytes() == before


def test_any_spelling_of_a_class_is_mapped_to_the_one_of_its_table():
    facts = class_facts("sketchy")
    assert draw_splits.canonical_names(["zebra", "jack_o_lantern", "hot air balloon"], facts) == (
        "hot-air_balloon",
        "jack-o-lantern",
        "zebra",
    )


def test_a_listed_class_that_the_table_lacks_is_named():
    with pytest.raises(BenchmarkError, match="no class is called lamp, unicorn, whatever the separators"):
        draw_splits.canonical_names(["unicorn", "zebra", "lamp"], class_facts("sketchy"))
