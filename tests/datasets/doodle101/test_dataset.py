"""A copy of doodle101 against its lists: what belongs to it, and one finding for each thing that does not."""

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.errors import BenchmarkError
from datasets.doodle101 import Doodle101
from datasets.doodle101.contents import Contents


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory, lay_out_doodle101):
    """A small copy of all classes, and its lists."""
    root = tmp_path_factory.mktemp("copy") / "doodle101"
    return root, lay_out_doodle101(root)


@pytest.fixture
def root(laid_out, tmp_path):
    """The copy, to be changed."""
    return shutil.copytree(laid_out[0], tmp_path / "doodle101")


@pytest.fixture
def listed(laid_out, monkeypatch):
    """Make the lists describe the small copy."""

    def list_(contents=laid_out[1]):
        monkeypatch.setattr("datasets.doodle101.read_contents", lambda: contents)
        return contents

    list_()
    return list_


@pytest.fixture
def opened(root, listed, tmp_path):
    """Open the copy as it now is."""

    def opened(path=root, *, skip_corrupt=False):
        return Doodle101(root=path, cache_dir=tmp_path / "cache", skip_corrupt=skip_corrupt)

    return opened


def damage(path):
    path.write_bytes(path.read_bytes()[:30])


def redraw(path):
    Image.new("L", (256, 256), 90).save(path)


def findings(opened):
    return [(finding.level, finding.kind, finding.where) for finding in opened().survey().findings]


def test_items_are_those_of_the_lists_in_their_order(opened, listed):
    index, contents = opened().index(), listed()
    assert index.sketches.names == tuple(sketch.name for sketch in contents.sketches)
    assert index.photos.names == tuple(photo.name for photo in contents.photos)
    for items in (index.sketches, index.photos):
        folders = [name.split("/")[1] for name in items.names]
        assert [index.class_names[label] for label in items.labels] == folders
        assert all(path.is_file() for path in items.files)
    assert index.photos.instances is None


def test_a_good_copy_has_no_finding_and_counts_as_listed(opened):
    survey = opened().survey()
    assert survey.findings == ()
    assert len(survey.counts) == 2 * 49
    assert {(count.n_found, count.n_published) for count in survey.counts} == {(2, 2)}


def test_missing_files_are_named_by_folder(opened, root, listed):
    first, second = (sketch.name for sketch in listed().sketches[:2])
    (root / first).unlink()
    shutil.rmtree(root / "photo" / "tree")
    assert findings(opened) == [("error", "missing", "sketch/airplane"), ("error", "missing", "photo/tree")]
    texts = [finding.text for finding in opened().survey().findings]
    assert f"1 of 2 pictures are missing: {Path(first).name}. " in texts[0]
    assert Path(second).name not in texts[0]
    assert "2 of 2 pictures are missing" in texts[1]
    with pytest.raises(BenchmarkError, match=r"sketch/airplane: 1 of 2 .* Errors beside this one: 1"):
        opened().index()


def test_pictures_that_are_not_listed_are_named(opened, root):
    shutil.copy(next((root / "photo" / "ant").iterdir()), root / "photo" / "ant" / "mine.jpg")
    (root / "sketch" / "zebra").mkdir()
    redraw(root / "sketch" / "zebra" / "1.png")
    assert findings(opened) == [("error", "extra", "photo/ant"), ("error", "extra", "sketch/zebra")]
    with pytest.raises(BenchmarkError, match=r"photo/ant: not part of doodle101: mine\.jpg\."):
        opened().index()


def test_hidden_files_and_files_that_are_no_pictures_are_ignored(opened, root):
    for name in (
        "README.md",
        "split.toml",
        "photo/ant/.ant_0001.jpg-x1",
        "photo/ant/Thumbs.db",
        "sketch/notes.txt",
    ):
        (root / name).write_text("not a picture")
    assert findings(opened) == []


def test_a_photo_with_other_bytes_is_an_error_that_names_it(opened, root, listed):
    photo = listed().photos[0]
    redraw(root / photo.name)
    assert findings(opened) == [("error", "other content", "photo/airplane")]
    with pytest.raises(
        BenchmarkError, match=rf"not the photos of Caltech-101 \(sha256\): {Path(photo.name).name}"
    ):
        opened().index()


def test_a_sketch_with_other_pixels_is_a_warning_and_can_be_run(opened, root, listed):
    sketch = listed().sketches[0]
    redraw(root / sketch.name)
    assert findings(opened) == [("warning", "drawn otherwise", "sketch")]
    assert sketch.name in opened().survey().findings[0].text
    assert sketch.name in opened().index().sketches.names


def test_a_sketch_with_the_listed_pixels_in_other_bytes_is_told_apart(opened, root, listed):
    contents = listed()
    sketch, other = contents.sketches[:2]
    redraw(root / sketch.name)
    redraw(root / other.name)
    # sha256 of 65,536 bytes of value 90, by sha256sum
    equal = replace(sketch, pixels="944044fe482bc4e9")
    listed(Contents((equal, *contents.sketches[1:]), contents.photos))
    kinds = {finding.kind: finding.text for finding in opened().survey().findings}
    assert kinds["packed otherwise"].startswith("1 sketches show the listed pixels")
    assert other.name in kinds["drawn otherwise"]
    assert sketch.name not in kinds["drawn otherwise"]


@pytest.mark.parametrize("modality", ["sketches", "photos"])
def test_a_corrupt_file_is_refused_or_skipped_and_named(opened, root, listed, modality):
    item = getattr(listed(), modality)[3]
    damage(root / item.name)
    with pytest.raises(BenchmarkError, match=rf"{re.escape(item.name)} cannot be read"):
        opened().index()
    index = opened(skip_corrupt=True).index()
    assert index.skipped == (item.name,)
    assert len(getattr(index, modality)) == 2 * 49 - 1
    assert opened().survey().require_index().skipped == (item.name,)


def test_nothing_is_read_twice(opened, monkeypatch):
    first = opened().index()
    monkeypatch.setattr("datasets.ledger.file_sha256", lambda path: pytest.fail(f"{path} was read"))
    assert opened().index().photos.names == first.photos.names


@pytest.mark.parametrize("make", [lambda path: None, Path.mkdir])
def test_a_root_without_a_copy_gives_one_line_with_what_to_do(opened, tmp_path, make):
    make(tmp_path / "nowhere")
    with pytest.raises(BenchmarkError) as error:
        opened(tmp_path / "nowhere").index()
    text = str(error.value)
    assert "\n" not in text
    assert text.startswith(f"data set 'doodle101' is not in {tmp_path / 'nowhere'}. Download ")
    assert "run_benchmark.py prepare doodle101 --quickdraw DIR --caltech101 DIR" in text
    survey = opened(tmp_path / "nowhere").survey()
    assert survey.index is None
    assert [finding.text for finding in survey.findings] == [text]


def test_without_a_root_it_lies_in_the_data_folder_of_the_platform(root, listed, tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_data_dir", lambda name: str(tmp_path) if "zs-sbir" in name else "")
    assert len(Doodle101(root=None, cache_dir=tmp_path / "cache").index().sketches) == 2 * 49


def test_the_one_split_is_the_committed_one(opened):
    assert opened().split_ids() == ("drawn12",)
    assert {"brain", "cell phone", "scissors"} < set(opened().split("drawn12").unseen)


def test_the_real_copy_is_as_listed(tmp_path):
    data = os.environ.get("ZSBENCH_DATA")
    if not data or not (Path(data) / "doodle101").is_dir():
        pytest.skip("set ZSBENCH_DATA to a folder that holds doodle101")
    survey = Doodle101(root=Path(data) / "doodle101", cache_dir=tmp_path).survey()
    assert survey.findings == ()
    index = survey.require_index()
    assert (len(index.class_names), len(index.sketches), len(index.photos)) == (49, 1225, 2627)
    assert np.bincount(index.sketches.labels).tolist() == [25] * 49
