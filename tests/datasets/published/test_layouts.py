"""Whose copy lies under a data root is recognised, and told; what is nearly one, too."""

import shutil

import pytest

from benchmark.errors import BenchmarkError

USERS = {"A": r"SEM-PCYC|doodle2search", "B": "ZSE-SBIR", "C": "ACNet", "D": "Sketch_LVM"}
SKETCHY_LAYOUTS = ["A", "A as unpacked", "A of doodle2search", "B", "C", "D"]
EVERY_COPY = [
    *(("sketchy_ext", layout) for layout in SKETCHY_LAYOUTS),
    *(("tuberlin_ext", layout) for layout in ("A", "A as unpacked", "B", "C", "D")),
    *(("quickdraw_ext", layout) for layout in ("A", "A in its tests", "B", "D")),
]
N_CLASSES = {"sketchy_ext": 125, "tuberlin_ext": 250, "quickdraw_ext": 110}


@pytest.mark.parametrize(("dataset_id", "layout"), EVERY_COPY)
def test_every_published_layout_is_recognised_with_its_reason(lay_out, dataset_id, layout):
    copy = lay_out(dataset_id, layout)
    index = copy.open().index()
    n_folders = 3 if dataset_id == "sketchy_ext" and layout[0] in "AB" else 2
    assert (len(index.sketches), len(index.photos)) == (
        2 * N_CLASSES[dataset_id],
        2 * (n_folders - 1) * N_CLASSES[dataset_id],
    )
    assert index.found.startswith(f"layout {layout[0]} (")
    assert str(copy.root) in index.found
    for part in ("sketch", "ext" if dataset_id == "sketchy_ext" else "photo"):
        assert copy.path(part).relative_to(copy.root).as_posix() in index.found


@pytest.mark.parametrize("layout", SKETCHY_LAYOUTS)
def test_sketchy_finds_the_original_photos_in_every_layout(lay_out, layout):
    index = lay_out("sketchy_ext", layout).open("sketchy").index()
    assert len(index.sketches) == 250
    assert set(index.photos.sources) == {"orig"}
    assert not any("ext_" in name for name in index.photos.names)
    assert len(index.photos) == (125 if layout in "CD" else 250)


def test_photos_of_the_extension_left_out_of_sketchy_are_a_note(lay_out):
    (note,) = lay_out("sketchy_ext", "D").findings("note", "sketchy")
    assert "125 files are left out: photos named ext_N" in note


@pytest.mark.parametrize("own", ["dataset", "dataset/Sketchy"])
def test_the_root_may_be_the_data_sets_own_folder_or_one_above(sketchy, own):
    from_above = sketchy.open().index()
    index = sketchy.open(root=sketchy.root / own).index()
    assert list(index.photos.names) == list(from_above.photos.names)
    assert list(index.photos.files) == list(from_above.photos.files)


def test_one_root_can_hold_all_data_sets(lay_out):
    copies = [lay_out(*of) for of in (("sketchy_ext", "B"), ("tuberlin_ext", "A"), ("quickdraw_ext", "B"))]
    for copy in copies:
        assert len(copy.open().index().class_names) == N_CLASSES[copy.dataset_id]


def test_items_have_the_same_names_in_layouts_a_and_b(lay_out, tmp_path):
    a, b = (lay_out("sketchy_ext", letter, root=tmp_path / letter).open().index() for letter in "AB")
    assert list(a.sketches.names) == list(b.sketches.names)
    assert list(a.photos.names) == list(b.photos.names)


def test_an_unknown_layout_tells_what_is_looked_for_and_what_lies_there(tmp_path, lay_out):
    copy = lay_out("sketchy_ext", "B")
    (copy.root / "dataset").rename(copy.root / "stuff")
    with pytest.raises(BenchmarkError) as raised:
        copy.open().index()
    text = str(raised.value)
    for looked_for in (
        "no known layout lies under",
        "layout A (SEM-PCYC, doodle2search): sketches in sketch/tx_000000000000 or 256x256/sketch/",
        "extended photos in EXTEND_image_sketchy or extended_photo or EXTEND_image_sketchy beside it",
        "layout C (ACNet, EGFF): sketches in {train,val}/sketch",
        "layout D (Sketch_LVM)",
        "holds the folders stuff",
    ):
        assert looked_for in text


def test_the_nearest_layout_is_told_with_what_it_lacks(sketchy):
    shutil.rmtree(sketchy.part("ext"))
    with pytest.raises(
        BenchmarkError,
        match=r"Nearest is layout B \(SAKE, ZSE-SBIR\) in .*/dataset/Sketchy: it has sketches .*, "
        r"original photos .*, and no extended photos\.",
    ):
        sketchy.open().index()
    assert len(sketchy.open("sketchy").index().photos) == 250


@pytest.mark.parametrize("below", ["dataset/Sketchy/256x256", "dataset/Sketchy/256x256/sketch"])
def test_a_root_too_far_down_is_told_which_one_would_do(sketchy, below):
    sketchy.root /= below
    with pytest.raises(BenchmarkError, match=r"One lies under .*/dataset/Sketchy: name that as --data-root"):
        sketchy.open().index()


def test_other_renderings_of_the_sketches_are_not_taken_for_the_published_ones(lay_out):
    copy = lay_out("sketchy_ext", "A")
    copy.part("sketch").rename(copy.part("sketch").with_name("tx_000100000000"))
    with pytest.raises(
        BenchmarkError, match=r"other renderings .*\(sketch/tx_000100000000\): .* are on tx_000000000000"
    ):
        copy.open().index()


def test_two_copies_under_one_root_are_both_named(lay_out):
    lay_out("sketchy_ext", "A")
    with pytest.raises(BenchmarkError, match=r"two copies .* layout D .*; and layout A .*Sketchy/sketch"):
        lay_out("sketchy_ext", "D").open().index()


def test_a_second_name_of_the_same_folder_is_no_second_copy(sketchy):
    (sketchy.root / "sketchy_ext").symlink_to(sketchy.root / "dataset" / "Sketchy", target_is_directory=True)
    assert len(sketchy.open().index().sketches) == 250


def test_two_folders_for_one_part_are_both_named(tuberlin):
    shutil.copytree(tuberlin.part("sketch"), tuberlin.part("sketch").with_name("png"))
    with pytest.raises(BenchmarkError, match=r"sketches of layout A .* two places: .*/sketches and .*/png\."):
        tuberlin.open().index()


def test_a_second_name_of_one_folder_is_no_second_place(tuberlin):
    tuberlin.path("sketch").with_name("png").symlink_to(tuberlin.path("sketch"), target_is_directory=True)
    assert len(tuberlin.open().index().sketches) == 500


def test_a_missing_root_is_named(lay_out, tmp_path):
    with pytest.raises(BenchmarkError, match=r"nowhere does not exist\. Expected layout: \n  layout A"):
        lay_out("sketchy_ext", "D").open(root=tmp_path / "nowhere").index()


def test_survey_raises_nothing_where_nothing_lies(lay_out, tmp_path):
    survey = lay_out("sketchy_ext", "D").open(root=tmp_path / "nowhere").survey()
    assert survey.index is None
    assert [finding.level for finding in survey.findings] == ["error"]
