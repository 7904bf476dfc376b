"""File lists of SAKE and ZSE-SBIR: what they name is the data set, and what they get wrong is told."""

import pytest

from benchmark.errors import BenchmarkError

SKETCH, ORIG, EXT = (
    "256x256/sketch/tx_000000000000_ready",
    "256x256/photo/tx_000000000000_ready",
    "EXTEND_image_sketchy_ready",
)


@pytest.fixture
def write_list(sketchy):
    """Write a list beside the data set, from (folder/file, class number) or from its text."""

    def write_list(name, lines):
        path = sketchy.root / "dataset" / "Sketchy" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(lines if isinstance(lines, str) else "".join(f"{a} {b}\n" for a, b in lines))
        return path

    return write_list


def of_class(items, class_name):
    return [name for name in items.names if name.split("/")[1] == class_name]


def test_a_listed_class_takes_its_files_from_the_lists_and_others_from_the_folders(sketchy, write_list):
    write_list(
        "zeroshot1/all_photo_filelist_train.txt",
        [(f"{EXT}/airplane/ext_1.jpg", 0), (f"{ORIG}/airplane/n00000_8.jpg", 0)],
    )
    index = sketchy.open().index()
    assert of_class(index.photos, "airplane") == ["ext/airplane/ext_1.jpg", "orig/airplane/n00000_8.jpg"]
    assert len(of_class(index.photos, "ant")) == 4
    assert len(of_class(index.sketches, "airplane")) == 2


def test_what_is_on_disk_and_not_listed_is_a_warning_with_its_number(sketchy, write_list):
    write_list("zeroshot1/all_photo_filelist_train.txt", [(f"{EXT}/airplane/ext_1.jpg", 0)])
    # Two photos of each of 125 classes lie in the folder of the extension.
    text = "1 of 250 extended photos on disk are named in no file list and left out of training and test."
    assert text in sketchy.findings("warning")


def test_pictures_that_lists_leave_out_are_on_disk_all_the_same(sketchy, write_list):
    write_list("zeroshot1/sketch_x_filelist_train.txt", [(f"{SKETCH}/airplane/n00000_7-1.png", 0)])
    survey = sketchy.open().survey()
    counted = {(count.class_name, count.part): count.n_found for count in survey.counts}
    assert counted["airplane", "sketch"] == counted["ant", "sketch"] == 2
    assert survey.index is not None
    assert len(of_class(survey.index.sketches, "airplane")) == 1
    assert survey.index.lacking["sketches"] == (249, 75_481)
    (warning,) = [finding.text for finding in survey.findings if finding.kind == "not listed"]
    assert "held-out sketches of seen classes" in warning


def test_lists_of_several_folders_are_united_and_named_in_the_reason(sketchy, write_list):
    write_list("zeroshot1/all_photo_filelist_train.txt", [(f"{EXT}/airplane/ext_1.jpg", 0)])
    write_list("zeroshot1/cname_cid.txt", "airplane 0\n")
    write_list("zeroshot0/all_photo_filelist_zero.txt", [(f"{EXT}/airplane/n00000_7.jpg", 0)])
    index = sketchy.open().index()
    assert len([name for name in of_class(index.photos, "airplane") if name.startswith("ext/")]) == 2
    assert index.found.endswith("; file lists read: 1 in zeroshot0, 1 in zeroshot1")


def test_zse_sbirs_lists_of_quickdraw_may_name_files_with_blanks(lay_out):
    copy = lay_out("quickdraw_ext", "B")
    home = copy.root / "datasets" / "QuickDraw"
    (home / "zeroshot").mkdir()
    (home / "zeroshot" / "all_photo_zero.txt").write_text("images/cow/52. bread-loaf.desktop.jpeg 1\n")
    (home / "zeroshot" / "sketch_zero.txt").write_text("sketches/wine bottle/8641.png 7\n")
    index = copy.open().index()
    assert of_class(index.photos, "cow") == ["photo/cow/52. bread-loaf.desktop.jpg"]
    assert of_class(index.sketches, "wine bottle") == ["sketch/wine bottle/8641.png"]


def test_listed_files_that_are_not_there_are_one_error_with_their_number(sketchy, write_list):
    write_list(
        "zeroshot1/all_photo_filelist_train.txt",
        [(f"{EXT}/airplane/ext_{i}.jpg", 0) for i in range(1, 9)] + [(f"{EXT}/aeroplane/ext_1.jpg", 1)],
    )
    (error,) = sketchy.findings("error")
    assert error.startswith(
        "8 of the extended photos that the file lists name are not on disk: airplane/ext_2.jpg, "
        "airplane/ext_3.jpg"
    )
    with pytest.raises(BenchmarkError, match="8 of the extended photos"):
        sketchy.open().index()


def test_a_number_of_two_classes_in_one_file_is_an_error(sketchy, write_list):
    write_list(
        "zeroshot1/all_photo_filelist_train.txt",
        [(f"{EXT}/airplane/ext_1.jpg", 0), (f"{EXT}/ant/ext_1.jpg", 0)],
    )
    (error,) = sketchy.findings("error")
    assert "all_photo_filelist_train.txt: number 0 stands for 'airplane' and 'ant'." in error


def test_numbers_start_again_in_the_zero_file(sketchy, write_list):
    write_list("zeroshot1/all_photo_filelist_train.txt", [(f"{EXT}/airplane/ext_1.jpg", 0)])
    write_list("zeroshot1/all_photo_filelist_zero.txt", [(f"{EXT}/ant/ext_1.jpg", 0)])
    assert sketchy.findings("error") == []


@pytest.mark.parametrize(
    "line", ["airplane/ext_1.jpg", "0", "airplane/ext_1.jpg zero", "airplane/ext_1.jpg -1"]
)
def test_a_malformed_line_is_an_error_with_its_number(sketchy, write_list, line):
    write_list("zeroshot1/all_photo_filelist_train.txt", f"{EXT}/airplane/ext_1.jpg 0\n\n{line}\n")
    (error,) = sketchy.findings("error")
    assert f"all_photo_filelist_train.txt, line 3: expected '<path> <class number>', got '{line}'" in error


def test_a_list_that_is_no_text_is_an_error(sketchy, write_list):
    write_list("zeroshot1/all_photo_filelist_train.txt", "").write_bytes(b"\xff\xfe\x00")
    (error,) = sketchy.findings("error")
    assert "all_photo_filelist_train.txt cannot be read" in error


def test_numbers_that_the_class_file_names_otherwise_are_a_warning(sketchy, write_list):
    write_list("zeroshot1/all_photo_filelist_train.txt", [(f"{EXT}/hot-air_balloon/ext_1.jpg", 3)])
    write_list("zeroshot1/cname_cid.txt", "hot air balloon 3\n")
    assert not any("numbers classes otherwise" in text for text in sketchy.findings("warning"))
    write_list("zeroshot1/cname_cid.txt", "jack o lantern 3\n")
    assert any(
        "numbers classes otherwise than cname_cid.txt: 3 is 'jack o lantern' there and 'hot-air_balloon' here"
        in text
        for text in sketchy.findings("warning")
    )


def test_pictures_listed_in_folders_that_are_not_used_are_a_note(sketchy, write_list):
    write_list(
        "zeroshot1/all_photo_filelist_train.txt",
        [(f"{EXT}/airplane/ext_1.jpg", 0), (f"{ORIG}/airplane/n00000_8.jpg", 0)],
    )
    index = sketchy.open("sketchy").index()
    assert of_class(index.photos, "airplane") == ["orig/airplane/n00000_8.jpg"]
    assert sketchy.findings("note", "sketchy")[-1] == (
        "The file lists also name pictures (1) in folders that this data set does not use: "
        "EXTEND_image_sketchy_ready."
    )


def test_other_text_files_are_no_lists(sketchy, write_list):
    write_list("zeroshot1/notes.txt", "hello")
    write_list("zeroshot1/cname_cid.txt", "airplane 0\n")
    assert sketchy.open().index().found.endswith(str(sketchy.root))


def test_layouts_without_lists_do_not_read_any(tuberlin):
    (tuberlin.root / "TU-Berlin" / "zeroshot1").mkdir()
    (tuberlin.root / "TU-Berlin" / "zeroshot1" / "all_photo_filelist_train.txt").write_text("nonsense")
    assert tuberlin.findings("error") == []


def test_a_dot_before_a_listed_path_does_not_matter(sketchy, write_list):
    write_list(
        "zeroshot1/sketch_tx_000000000000_ready_filelist_train.txt",
        [(f"./{SKETCH}/airplane/n00000_7-2.png", 0)],
    )
    assert of_class(sketchy.open().index().sketches, "airplane") == ["sketch/airplane/n00000_7-2.png"]
