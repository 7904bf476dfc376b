"""A data root of one's own: what is found in it, and one message for each thing that can be wrong."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from benchmark.errors import BenchmarkError
from datasets.folder import Folder

CLASSES = ("ant", "bee", "cat", "dog")


def draw(path, shade=0):
    """Write a small drawing in the format that the suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", (24, 20), "white")
    ImageDraw.Draw(picture).ellipse((4, 4, 18, 16), outline=(shade, 0, 120), width=2)
    picture.save(path)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.fixture
def root(tmp_path):
    """Four classes with two sketches and three photos each, and a split."""
    root = tmp_path / "My Pets-2"
    for class_name in CLASSES:
        for i in range(2):
            draw(root / "sketch" / class_name / f"{i}.png", shade=i)
        for i in range(3):
            draw(root / "photo" / class_name / f"{i}.jpg", shade=i)
    (root / "split.toml").write_text('unseen = ["ant"]\nvalidation = ["bee"]\n', encoding="utf-8")
    return root


@pytest.fixture
def open_folder(root, tmp_path):
    """Open the data root as it now is."""

    def opened(path=root, *, skip_corrupt=False):
        return Folder(root=path, cache_dir=tmp_path / "cache", skip_corrupt=skip_corrupt)

    return opened


def test_index_lists_every_picture_by_class_and_name(open_folder):
    index = open_folder().index()
    assert index.class_names == CLASSES
    assert index.sketches.names[:3] == ("sketch/ant/0.png", "sketch/ant/1.png", "sketch/bee/0.png")
    assert index.sketches.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert index.photos.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert index.photos.instances is None
    assert index.skipped == ()


def test_id_is_made_of_the_roots_name(open_folder):
    assert open_folder().id == "folder_my_pets_2"


def test_the_split_lies_beside_the_pictures(open_folder):
    folder = open_folder()
    assert folder.split_ids() == ("split",)
    split = folder.split("split")
    assert (split.dataset, split.unseen, split.validation) == ("folder_my_pets_2", ("ant",), ("bee",))


@pytest.mark.parametrize("suffix", [".PNG", ".jpeg", ".bmp", ".WebP"])
def test_a_picture_counts_in_every_named_format_and_case(root, open_folder, suffix):
    draw(root / "photo" / "ant" / f"extra{suffix}")
    assert f"photo/ant/extra{suffix}" in open_folder().index().photos.names


def test_hidden_files_and_files_that_are_no_pictures_are_ignored(root, open_folder):
    before = open_folder().index()
    for name in (
        "README.md",
        "photo/notes.txt",
        "photo/ant/Thumbs.db",
        "photo/ant/._0.jpg",
        "sketch/.cache/x.png",
    ):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("not a picture")
    after = open_folder().index()
    assert after.photos.names == before.photos.names
    assert after.class_names == before.class_names


def test_links_to_folders_and_files_are_followed(root, tmp_path, open_folder):
    elsewhere = tmp_path / "elsewhere"
    shutil.move(root / "photo" / "dog", elsewhere)
    (root / "photo" / "dog").symlink_to(elsewhere, target_is_directory=True)
    (root / "sketch" / "ant" / "link.png").symlink_to(root / "sketch" / "ant" / "0.png")
    index = open_folder().index()
    assert "photo/dog/2.jpg" in index.photos.names
    assert "sketch/ant/link.png" in index.sketches.names


def test_without_a_root_the_layout_is_told(tmp_path):
    with pytest.raises(BenchmarkError, match=r"'folder' needs --data-root DIR\..*<root>/sketch/<class>"):
        Folder(root=None, cache_dir=tmp_path)


def test_a_missing_root_is_named(open_folder, tmp_path):
    with pytest.raises(BenchmarkError, match=r"nowhere does not exist\. Expected layout: <root>/sketch"):
        open_folder(tmp_path / "nowhere").index()


def test_a_file_as_root_is_refused(open_folder, root):
    with pytest.raises(BenchmarkError, match=r"split\.toml is a file, not a folder"):
        open_folder(root / "split.toml").index()


@pytest.mark.parametrize("modality", ["sketch", "photo"])
def test_a_missing_modality_folder_is_named(root, open_folder, modality):
    shutil.rmtree(root / modality)
    with pytest.raises(BenchmarkError, match=rf"{modality} does not exist\. Expected layout"):
        open_folder().index()


def test_a_modality_folder_without_classes_is_named(root, open_folder):
    shutil.rmtree(root / "photo")
    draw(root / "photo" / "loose.jpg")
    with pytest.raises(BenchmarkError, match=r"photo holds no class folders"):
        open_folder().index()


def test_a_missing_split_file_is_named(root, open_folder):
    (root / "split.toml").unlink()
    with pytest.raises(BenchmarkError, match=r"no split file .*split\.toml"):
        open_folder().index()


def test_a_split_class_unknown_to_the_folder_is_named_with_a_close_name(root, open_folder):
    (root / "split.toml").write_text('unseen = ["cats"]\nvalidation = ["bee"]\n', encoding="utf-8")
    with pytest.raises(BenchmarkError, match=r"'cats' \(found 'cat'\)"):
        open_folder().index()


def test_another_split_id_is_refused(open_folder):
    with pytest.raises(BenchmarkError, match=r"no split 'fold0'\. Known: split"):
        open_folder().split("fold0")


@pytest.mark.parametrize(("has", "lacks"), [("sketch", "photo"), ("photo", "sketch")])
def test_a_class_in_one_modality_only_is_named(root, open_folder, has, lacks):
    shutil.rmtree(root / lacks / "cat")
    with pytest.raises(BenchmarkError, match=rf"'cat' is under {has}/ but not under {lacks}/\. Add"):
        open_folder().index()


def test_a_misspelt_class_folder_is_shown_beside_the_close_one(root, open_folder):
    (root / "photo" / "dog").rename(root / "photo" / "dogs")
    with pytest.raises(
        BenchmarkError, match=r"'dog' is under sketch/ but not under photo/ \(close: 'photo/dogs'\)"
    ):
        open_folder().index()


def test_class_names_that_differ_in_case_only_are_named(root, open_folder):
    for modality, suffix in (("sketch", "png"), ("photo", "jpg")):
        draw(root / modality / "Cat" / f"0.{suffix}")
    if len(list((root / "photo").iterdir())) == len(CLASSES):
        pytest.skip("this disk takes the two names for one")
    with pytest.raises(BenchmarkError, match=r"'Cat' and 'cat' .* differ in upper and lower case only"):
        open_folder().index()


def test_an_empty_class_is_named(root, open_folder):
    for path in (root / "photo" / "bee").iterdir():
        path.unlink()
    with pytest.raises(BenchmarkError, match=r"class folder .*photo/bee holds no pictures\. Add some"):
        open_folder().index()


def test_a_class_with_other_files_only_is_empty_and_says_what_it_holds(root, open_folder):
    for path in (root / "photo" / "bee").iterdir():
        path.rename(path.with_suffix(".txt"))
    with pytest.raises(
        BenchmarkError, match=r"holds no pictures \(3 other files are there, first '0\.txt'\)"
    ):
        open_folder().index()


def test_a_picture_in_a_format_that_is_not_read_is_named(root, open_folder):
    draw(root / "photo" / "bee" / "moving.gif")
    with pytest.raises(BenchmarkError, match=r"moving\.gif is in a format that is not read\. Convert it"):
        open_folder().index()


def test_a_folder_inside_a_class_folder_is_named(root, open_folder):
    draw(root / "photo" / "bee" / "more" / "9.jpg")
    with pytest.raises(BenchmarkError, match=r"photo/bee holds a folder 'more'"):
        open_folder().index()


@pytest.mark.parametrize(
    "damage", [truncate, Path.unlink, lambda path: path.write_bytes(b""), lambda path: path.write_text("x")]
)
def test_a_damaged_picture_is_named(root, open_folder, damage):
    target = root / "photo" / "cat" / "1.jpg"
    damage(target)
    if not target.exists():
        target.symlink_to(root / "gone.jpg")
    with pytest.raises(
        BenchmarkError,
        match=r"'folder_my_pets_2': picture .*photo/cat/1\.jpg cannot be read: .*--skip-corrupt",
    ):
        open_folder().index()


def test_all_damaged_pictures_are_counted_and_named(root, open_folder):
    for name in ("sketch/ant/1.png", "photo/cat/1.jpg", "photo/dog/2.jpg"):
        truncate(root / name)
    with pytest.raises(
        BenchmarkError, match=r"sketch/ant/1\.png cannot be read.* 2 more: .*cat/1\.jpg, .*dog/2\.jpg"
    ):
        open_folder().index()


def test_skip_corrupt_leaves_damaged_pictures_out_and_lists_them(root, open_folder):
    truncate(root / "photo" / "cat" / "1.jpg")
    index = open_folder(skip_corrupt=True).index()
    assert index.skipped == ("photo/cat/1.jpg",)
    assert "photo/cat/1.jpg" not in index.photos.names
    assert len(index.photos) == 11
    assert index.photos.labels.tolist().count(CLASSES.index("cat")) == 2


def test_a_class_that_is_empty_after_skipping_is_named(root, open_folder):
    for path in (root / "sketch" / "cat").iterdir():
        truncate(path)
    with pytest.raises(
        BenchmarkError, match=r"class 'cat' .* no readable picture in .*sketch/cat: all 2 are corrupt"
    ):
        open_folder(skip_corrupt=True).index()


def test_the_second_index_decodes_nothing(open_folder):
    decoded = []
    first = open_folder().index(lambda done, total: decoded.append(total))
    second = open_folder().index(lambda done, total: decoded.append(total))
    assert decoded == [20]
    assert second.photos.names == first.photos.names


def test_a_changed_picture_is_decoded_again(root, open_folder):
    open_folder().index()
    truncate(root / "photo" / "cat" / "1.jpg")
    with pytest.raises(BenchmarkError, match=r"photo/cat/1\.jpg"):
        open_folder().index()


def test_a_mended_picture_is_taken_back(root, open_folder):
    good = (root / "photo" / "cat" / "1.jpg").read_bytes()
    truncate(root / "photo" / "cat" / "1.jpg")
    assert open_folder(skip_corrupt=True).index().skipped
    (root / "photo" / "cat" / "1.jpg").write_bytes(good)
    assert len(open_folder().index().photos) == 12


def test_doodle101_has_49_classes_1225_sketches_and_2627_photos(tmp_path):
    data = os.environ.get("ZSBENCH_DATA")
    if not data or not (Path(data) / "doodle101").is_dir():
        pytest.skip("set ZSBENCH_DATA to a folder that holds doodle101")
    folder = Folder(root=Path(data) / "doodle101", cache_dir=tmp_path)
    index = folder.index()
    assert folder.id == "folder_doodle101"
    assert (len(index.class_names), len(index.sketches), len(index.photos)) == (49, 1225, 2627)
    assert len(folder.split("split").unseen) == 12
