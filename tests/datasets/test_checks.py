"""Checks that serve every data set."""

import pytest
from PIL import Image

from benchmark.errors import BenchmarkError
from datasets import checks


@pytest.fixture
def pictures(tmp_path):
    """Three small pictures, the second one cut in half, by file and name."""
    names = {tmp_path / name: name for name in ("a.png", "b.png", "c.png")}
    for path in names:
        Image.new("RGB", (16, 16), "red").save(path)
    damaged = tmp_path / "b.png"
    damaged.write_bytes(damaged.read_bytes()[:40])
    return names


def test_unreadable_pictures_are_returned_with_the_reason(pictures, tmp_path):
    found = checks.unreadable_pictures(pictures, verdicts=tmp_path / "v.json")
    assert [path.name for path in found] == ["b.png"]
    assert "cannot be read" in next(iter(found.values()))


def test_only_unreadable_and_new_pictures_are_decoded_again(pictures, tmp_path):
    checks.unreadable_pictures(pictures, verdicts=tmp_path / "v.json")
    Image.new("RGB", (8, 8)).save(tmp_path / "d.png")
    totals = []
    names = {**pictures, tmp_path / "d.png": "d.png"}
    checks.unreadable_pictures(
        names, verdicts=tmp_path / "v.json", progress=lambda done, total: totals.append(total)
    )
    assert totals == [2, 2]


@pytest.mark.parametrize("content", ["", "[1]", "{ broken"])
def test_a_damaged_verdict_file_costs_only_time(pictures, tmp_path, content):
    (tmp_path / "v.json").write_text(content)
    assert len(checks.unreadable_pictures(pictures, verdicts=tmp_path / "v.json")) == 1


def test_two_roots_have_two_verdict_files(tmp_path):
    one, other = (checks.verdicts_path(tmp_path, tmp_path / name) for name in ("one", "other"))
    assert one != other


def test_the_message_names_ten_further_files_at_most(tmp_path):
    unreadable = {tmp_path / f"{i:02}.png": f"picture {i:02} cannot be read" for i in range(20)}
    with pytest.raises(BenchmarkError, match=r"pets: picture 00 cannot be read 19 more: .*10\.png, …\.$"):
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
