"""Caltech-101 wherever unpacking has put it, and what is said when it is not there."""

import re

import pytest

from datasets.doodle101.caltech import class_folders_in, not_found_text

SOURCES = ("airplanes", "ant", "bass")


@pytest.mark.parametrize("within", ["", "101_ObjectCategories", "caltech-101/101_ObjectCategories"])
def test_class_folders_are_found_at_and_below_the_folder_named(tmp_path, within):
    (tmp_path / within / "airplanes").mkdir(parents=True)
    assert class_folders_in(tmp_path, SOURCES) == tmp_path / within


def test_the_folder_with_most_of_them_is_taken(tmp_path):
    (tmp_path / "ant").mkdir()
    for source in SOURCES:
        (tmp_path / "101_ObjectCategories" / source).mkdir(parents=True)
    assert class_folders_in(tmp_path, SOURCES) == tmp_path / "101_ObjectCategories"


def test_files_called_like_classes_are_no_class_folders(tmp_path):
    (tmp_path / "airplanes").touch()
    assert class_folders_in(tmp_path, SOURCES) is None


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ((), r"holds no class folder such as airplanes or 101_ObjectCategories/airplanes; it holds nothing"),
        (("zebra", "Annotations"), r"; it holds Annotations, zebra$"),
        (("101_ObjectCategories.tar.gz",), r"holds 101_ObjectCategories\.tar\.gz, not unpacked"),
        (("caltech-101.zip",), r"holds caltech-101\.zip, not unpacked"),
    ],
)
def test_what_was_seen_instead_is_said(tmp_path, made, said):
    for name in made:
        (tmp_path / name).touch()
    assert re.search(said, not_found_text(tmp_path))


def test_a_folder_that_is_not_there_and_a_file_are_told_apart(tmp_path):
    (tmp_path / "x.zip").touch()
    assert not_found_text(tmp_path / "nowhere").endswith("nowhere does not exist")
    assert not_found_text(tmp_path / "x.zip").endswith("x.zip is a file, not a folder")
