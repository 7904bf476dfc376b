"""Checks that serve every data set."""

import pytest

from benchmark.errors import BenchmarkError
from datasets import checks


def test_the_message_names_ten_further_files_at_most(tmp_path):
    unreadable = {tmp_path / f"{i:02}.png": f"broken in place {i}" for i in range(20)}
    with pytest.raises(
        BenchmarkError,
        match=r"pets: picture .*00\.png cannot be read: broken in place 0\. .* 19 more: .*10\.png, …\.$",
    ):
        checks.require_readable(unreadable, "pets")


def test_class_folders_are_sorted_by_code_point(tmp_path):
    for name in ("b", "a", "Z", "é"):
        (tmp_path / name).mkdir()
    assert checks.class_folders(tmp_path) == ("Z", "a", "b", "é")


def test_equal_class_lists_pass():
    checks.require_same_classes(["ant", "bee"], ["bee", "ant"], "pets")


def test_every_class_of_one_modality_only_is_named():
    with pytest.raises(
        BenchmarkError,
        match=r"'ant' is under sketch/ but not under photo/; 'cow' is under photo/ but not under sketch/",
    ):
        checks.require_same_classes(["ant", "bee"], ["bee", "cow"], "pets")


def test_names_that_differ_in_more_than_case_pass():
    checks.require_distinct_names(["cat", "cats", "dog"], "pets")
