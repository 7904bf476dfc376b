"""What can be wrong with a copy, each thing in its own words; nothing is left out in silence."""

import shutil

import pytest
from PIL import Image

from benchmark.errors import BenchmarkError
from datasets.survey import ClassCount


def add(path):
    """Put a picture somewhere."""
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (6, 6)).save(path)


def test_an_unknown_folder_is_an_error_with_the_nearest_class(sketchy):
    folder = sketchy.folder("orig", "airplane")
    folder.rename(folder.with_name("aeroplane"))
    unknown, missing = sketchy.findings("error")
    assert "aeroplane means none of the 125 classes. The class spelt most like it is 'airplane'." in unknown
    assert "1 of 125 classes have no original photos under" in missing
    assert missing.split(": ")[1].startswith("airplane.")


def test_a_word_that_is_like_no_class_gets_no_suggestion(sketchy):
    add(sketchy.part("orig") / "stapler" / "1.jpg")
    (error,) = sketchy.findings("error")
    assert "spelt most like" not in error


def test_many_unknown_folders_are_another_data_set_and_one_error(sketchy):
    for i in range(40):
        add(sketchy.part("orig") / f"thing {i}" / "1.jpg")
    (error,) = sketchy.findings("error")
    assert "40 of 165 folders of original photos mean none of the 125 classes: thing 0, thing 1," in error
    assert "another data set" in error


def test_pictures_beside_the_class_folders_are_a_warning(sketchy):
    add(sketchy.part("orig") / "loose.jpg")
    (sketchy.part("orig") / "class_labels.txt").write_text("airplane 0\n")
    assert [text for text in sketchy.findings("warning") if "beside" in text] == [
        "1 picture(s) beside the class folders, of no class: loose.jpg. They are left out."
    ]


def test_index_raises_the_first_error_and_counts_the_others(sketchy):
    sketchy.folder("orig", "airplane").rename(sketchy.part("orig") / "aeroplane")
    with pytest.raises(BenchmarkError, match=r"aeroplane means none .* Errors beside this one: 1"):
        sketchy.open().index()


def test_all_missing_classes_of_a_part_are_named_in_one_error(tuberlin):
    for name in ("zebra", "ant", "hot-dog"):
        shutil.rmtree(tuberlin.folder("photo", name))
    (error,) = tuberlin.findings("error")
    assert "3 of 250 classes have no photos under" in error
    assert "ant, hot-dog, zebra." in error


def test_an_empty_class_folder_counts_as_missing(tuberlin):
    for path in tuberlin.folder("sketch", "zebra").iterdir():
        path.unlink()
    (error,) = tuberlin.findings("error")
    assert "1 of 250 classes have no sketches" in error


@pytest.mark.parametrize("helper", ["__MACOSX/ant", ".cache/ant", "empty", ".AppleDouble/x"])
def test_hidden_helper_and_empty_folders_are_ignored(tuberlin, helper):
    before = list(tuberlin.open().index().photos.names)
    (tuberlin.part("photo") / helper).mkdir(parents=True)
    assert list(tuberlin.open().index().photos.names) == before
    assert tuberlin.findings("error") == []


def test_two_folders_of_one_class_are_an_error(tuberlin):
    shutil.copytree(tuberlin.folder("photo", "t-shirt"), tuberlin.part("photo") / "tshirt")
    (error,) = tuberlin.findings("error")
    assert "t-shirt and tshirt beside it both mean class 't-shirt'" in error


def test_an_empty_second_folder_of_a_class_is_ignored(tuberlin):
    (tuberlin.part("photo") / "tshirt").mkdir()
    assert tuberlin.findings("error") == []


def test_a_class_in_train_and_in_val_is_one_class(lay_out):
    copy = lay_out("tuberlin_ext", "C")
    assert copy.folder("photo", "airplane").parent == copy.part("photo", within="val")
    add(copy.part("photo", within="val") / "airplane" / "a.jpg")
    add(copy.part("photo", within="train") / "airplane" / "b.jpg")
    names = [name for name in copy.open().index().photos.names if name.startswith("photo/airplane/")]
    assert names == [
        f"photo/airplane/{name}"
        for name in ("52. bread-loaf.desktop.jpg", "a.jpg", "b.jpg", "image_00001.jpg")
    ]


def test_a_file_in_train_and_in_val_is_an_error_that_names_both(lay_out):
    copy = lay_out("tuberlin_ext", "C")
    folder = copy.folder("photo", "zebra")
    other = "val" if folder.parent.parent.name == "train" else "train"
    add(copy.part("photo", within=other) / "zebra" / "image_00001.jpg")
    (error,) = copy.findings("error")
    assert "train/photo/zebra/image_00001.jpg" in error
    assert "val/photo/zebra/image_00001.jpg" in error
    assert "are one item, 'photo/zebra/image_00001.jpg'" in error


def test_two_files_that_differ_in_suffix_spelling_only_are_an_error(tuberlin):
    add(tuberlin.folder("photo", "zebra") / "image_00001.JPEG")
    (error,) = tuberlin.findings("error")
    assert "image_00001.JPEG" in error
    assert "image_00001.jpg are one item" in error


def test_an_odd_name_is_kept_and_warned_of(sketchy):
    add(sketchy.folder("ext", "bear") / "copy of ext_1.jpg")
    assert sketchy.findings("warning")[0].startswith(
        "1 of the extended photos are not named like ext_123.jpg or n02691156_58.jpg: bear/copy of ext_1.jpg."
    )
    assert "ext/bear/copy of ext_1.jpg" in set(sketchy.open().index().photos.names)


def test_the_one_stray_of_the_published_photos_is_a_note(sketchy):
    add(sketchy.folder("ext", "camel") / "c.jpg")
    assert sketchy.findings("note") == [
        "camel/c.jpg is not named like ext_123.jpg or n02691156_58.jpg; the published data have it too."
    ]
    index = sketchy.open().index()
    assert index.photos.instances[list(index.photos.names).index("ext/camel/c.jpg")] == ""


def test_quickdraw_photos_may_have_any_name(lay_out):
    copy = lay_out("quickdraw_ext", "B")
    add(copy.folder("photo", "cow") / "19. how%20do%20cows%20moo (1_fitted.jpeg")
    assert copy.findings("note") == []
    assert "photo/cow/19. how%20do%20cows%20moo (1_fitted.jpg" in set(copy.open().index().photos.names)


def test_files_that_are_no_pictures_are_a_note(tuberlin):
    before = len(tuberlin.open().index().photos)
    for name in ("Thumbs.db", "LICENSE"):
        (tuberlin.folder("photo", "ant") / name).write_text("x")
    assert tuberlin.findings("note") == [
        "2 files among the photos are no pictures and are left out: ant/LICENSE, ant/Thumbs.db."
    ]
    assert len(tuberlin.open().index().photos) == before


def test_hidden_files_are_ignored(tuberlin):
    (tuberlin.folder("photo", "ant") / "._image_00001.jpg").write_text("x")
    (tuberlin.part("photo") / "class_labels.txt").write_text("x")
    assert tuberlin.findings("note") == []
    assert len(tuberlin.open().index().photos) == 500


def test_a_picture_in_a_format_that_is_not_read_is_an_error(tuberlin):
    (tuberlin.folder("photo", "ant") / "moving.gif").write_text("x")
    (error,) = tuberlin.findings("error")
    assert "ant/moving.gif is in a format that is not read" in error


def test_a_folder_in_a_class_folder_is_an_error(tuberlin):
    (tuberlin.folder("photo", "ant") / "more").mkdir()
    (error,) = tuberlin.findings("error")
    assert "images/ant holds a folder 'more'" in error


def test_a_folder_that_cannot_be_listed_is_an_error(tuberlin, monkeypatch):
    def refuse(folder):
        if str(folder).endswith("ant"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    scandir = __import__("os").scandir
    monkeypatch.setattr("datasets.published.scan.os.scandir", refuse)
    (error,) = tuberlin.findings("error")
    assert "sketches/ant cannot be listed: Permission denied" in error
    with pytest.raises(BenchmarkError, match="cannot be listed"):
        tuberlin.open().index()


def test_counts_stand_beside_the_published_ones(sketchy):
    counts = sketchy.open().survey().counts
    assert len(counts) == 3 * 125
    assert ClassCount("airplane", "photo ext", 2, 600) in counts
    assert ClassCount("airplane", "photo orig", 2, 100) in counts
    assert ClassCount("airplane", "sketch", 2, 709) in counts


def test_an_index_knows_how_many_pictures_its_copy_lacks(sketchy, tuberlin, lay_out, tmp_path):
    assert sketchy.open().index().lacking == {
        "sketches": (250, 75_481),
        "original photos": (250, 12_500),
        "extended photos": (250, 73_002),
    }
    # Photos of TU-Berlin are not counted by class: the least total that anybody found.
    assert tuberlin.open().index().lacking == {"sketches": (500, 20_000), "photos": (500, 204_070)}
    # Of QuickDraw only the unseen classes are counted anywhere.
    assert lay_out("quickdraw_ext", "B", root=tmp_path / "quick").open().index().lacking == {}


def test_classes_with_fewer_pictures_than_published_are_one_warning_a_part(sketchy):
    warnings = sketchy.findings("warning")
    assert len(warnings) == 3
    assert warnings[0].startswith(
        "125 classes have fewer sketches than published: airplane 2 of 709, alarm_clock 2 of 571, ant 2 of "
        "563"
    )


def test_classes_with_more_pictures_than_published_are_a_warning(tuberlin):
    for i in range(79):
        add(tuberlin.folder("sketch", "zebra") / f"9{i:03}.png")
    assert "1 class has more sketches than published: zebra 81 of 80." in tuberlin.findings("warning")


@pytest.mark.parametrize(
    ("n", "is_told"), [(204_069, True), (204_070, False), (204_489, False), (204_490, True)]
)
def test_totals_between_the_stated_and_the_counted_one_are_as_published(n, is_told):
    from datasets.published.counts import count_findings
    from datasets.published.scan import ScannedPart
    from datasets.tuberlin_ext import TuBerlinExt

    photos = TuBerlinExt.parts[1]
    counts = [ClassCount("ant", "photo", n, None)]
    findings = list(count_findings([ScannedPart(photos)], counts, TuBerlinExt.totals))
    assert bool(findings) == is_told
    if is_told:
        assert findings[0].text == f"{n:,} photos in all; published copies have 204,070 to 204,489."
