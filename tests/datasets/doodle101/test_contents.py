"""The committed lists: how many files, which ones, and by what rule the photos were taken."""

import csv
import os
from collections import Counter
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

import datasets.doodle101.make as make
from datasets.doodle101.contents import PHOTOS_CSV, SKETCHES_CSV, read_contents
from datasets.splits import committed_split
from datasets.vectors.make import NAMES_FILE

# Files in the class folders of Caltech-101, typed by hand: nothing here is read from the lists.
SIZES = {
    "Faces_easy": 435, "Motorbikes": 798, "airplanes": 800, "ant": 42, "bass": 54, "binocular": 33,
    "brain": 98, "butterfly": 91, "camera": 50, "cannon": 43, "car_side": 123, "ceiling_fan": 47,
    "cellphone": 59, "chair": 62, "chandelier": 107, "crab": 73, "crocodile": 50, "cup": 57,
    "dalmatian": 67, "dolphin": 65, "electric_guitar": 75, "elephant": 64, "flamingo": 67,
    "grand_piano": 99, "hawksbill": 100, "headphone": 42, "hedgehog": 54, "helicopter": 88,
    "inline_skate": 31, "joshua_tree": 64, "kangaroo": 86, "ketch": 114, "lamp": 61, "laptop": 81,
    "lobster": 41, "octopus": 35, "panda": 38, "pigeon": 45, "pizza": 53, "rhino": 59, "saxophone": 40,
    "schooner": 63, "scissors": 39, "scorpion": 84, "soccer_ball": 64, "stop_sign": 64, "strawberry": 35,
    "sunflower": 85, "umbrella": 75, "watch": 239, "windsor_chair": 56,
}  # fmt: skip
TWO_FOLDERS = {"chair": {"chair", "windsor_chair"}, "sailboat": {"ketch", "schooner"}}


def numbers_of(source):
    return [photo.number for photo in read_contents().photos if photo.source == source]


def test_there_are_49_classes_with_25_sketches_and_31_to_60_photos_each():
    contents = read_contents()
    n_photos = Counter(photo.class_name for photo in contents.photos)
    assert Counter(sketch.class_name for sketch in contents.sketches) == dict.fromkeys(
        contents.class_names, 25
    )
    assert n_photos.keys() == set(contents.class_names)
    assert (len(contents.class_names), sum(n_photos.values())) == (49, 2627)
    assert (min(n_photos.values()), max(n_photos.values())) == (31, 60)


def test_the_classes_are_those_with_class_vectors():
    with NAMES_FILE.open(encoding="utf-8", newline="") as file:
        listed = {row["class"] for row in csv.DictReader(file) if row["dataset"] == "doodle101"}
    assert set(read_contents().class_names) == listed


def test_the_split_fits_and_leaves_37_seen_classes():
    split = committed_split("doodle101", "drawn12")
    names = read_contents().class_names
    split.check_against(names)
    assert (len(split.unseen), len(split.validation), len(split.seen(names))) == (12, 7, 37)


def test_names_are_unique_and_in_the_order_of_classes_and_files():
    for items in (read_contents().sketches, read_contents().photos):
        names = [item.name.split("/") for item in items]
        assert names == sorted(names)
        assert len({item.name for item in items}) == len({item.sha256 for item in items}) == len(items)


def test_every_class_is_one_folder_of_caltech_101_but_two():
    sources = {
        name: {photo.source for photo in photos}
        for name, photos in groupby(read_contents().photos, key=lambda photo: photo.class_name)
    }
    assert {name: own for name, own in sources.items() if len(own) > 1} == TWO_FOLDERS
    assert set().union(*sources.values()) == SIZES.keys()


@pytest.mark.parametrize("source", SIZES)
def test_photos_are_evenly_spaced_in_file_order_60_a_class_at_most(source):
    n_wanted = 30 if any(source in own for own in TWO_FOLDERS.values()) else 60
    n_files = SIZES[source]
    places = np.round(np.linspace(0, n_files - 1, min(n_wanted, n_files)))
    assert numbers_of(source) == [int(place) + 1 for place in places]


@pytest.fixture
def real_copy():
    data = os.environ.get("ZSBENCH_DATA")
    if not data or not (Path(data) / "doodle101").is_dir():
        pytest.skip("set ZSBENCH_DATA to a folder that holds doodle101")
    return Path(data) / "doodle101"


def test_the_lists_come_out_of_the_first_copy_again(real_copy, tmp_path):
    make.make(real_copy, tmp_path)
    for path in (SKETCHES_CSV, PHOTOS_CSV):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
