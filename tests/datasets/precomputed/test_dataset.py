"""A root of features as a data set: its items, their content, and what is refused."""

import hashlib
import sys

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from datasets.content_groups import with_content_groups
from datasets.precomputed import Precomputed

CLASSES = ("ant", "bee", "cat", "dog")


def rows_of(dataset, index, modality):
    items = index.items(modality)
    return dataset.given_features().source(items, modality).rows(np.arange(len(items)))


def test_items_are_rows_in_the_order_of_the_file(root, open_root):
    dataset = open_root()
    index = dataset.index()
    assert index.class_names == CLASSES
    assert index.sketches.names == tuple(f"sketch/{row}" for row in range(8))
    assert index.sketches.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert index.photos.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert not index.has_pictures
    with np.load(root / "photo.npz") as file:
        np.testing.assert_array_equal(rows_of(dataset, index, "photo"), file["features"])


def test_the_id_is_made_of_the_roots_name(root, open_root):
    assert open_root().id == "precomputed_my_features"


def test_what_was_recognised_is_said_in_a_sentence(root, open_root):
    found = open_root().index().found
    assert found.startswith(
        "8 sketches (5-d) from 'features' and 'labels' of sketch.npz; 12 photos (5-d) from"
    )
    assert found.endswith("labels counted from 0, classes named by 'class_names' of photo.npz")


def test_rows_of_a_part_of_the_items_are_found_by_name(root, open_root):
    dataset = open_root()
    whole = dataset.index()
    part = type(whole.photos)(whole.photos.files[::4], whole.photos.names[::4], whole.photos.labels[::4])
    source = dataset.given_features().source(part, "photo")
    np.testing.assert_array_equal(source.rows(np.array([2, 0])), rows_of(dataset, whole, "photo")[[8, 0]])


def test_rows_are_copies_that_lead_nowhere(root, open_root):
    dataset = open_root()
    index = dataset.index()
    rows = rows_of(dataset, index, "photo")
    assert type(rows) is np.ndarray
    assert rows.base is None
    rows[:] = 0
    assert rows_of(dataset, index, "photo").any()


def test_a_digest_is_that_of_the_row_as_float32(root, open_root):
    dataset = open_root()
    index = dataset.index()
    with np.load(root / "sketch.npz") as file:
        expected = [hashlib.sha256(row.astype("<f4").tobytes()).hexdigest() for row in file["features"]]
    assert dataset.digests(index.sketches, "sketch") == expected


def test_equal_rows_of_two_classes_and_modalities_are_one_content_group(root, open_root, change):
    with np.load(root / "sketch.npz") as file:
        first = file["features"][0]
    with np.load(root / "photo.npz") as file:
        photos = file["features"].astype(np.float64)
    photos[[2, 11]] = first
    change("photo", features=photos)
    dataset = open_root()
    index = dataset.index()
    digests = {m: dataset.digests(index.items(m), m) for m in ("sketch", "photo")}
    joined = with_content_groups(index, digests)
    assert joined.sketches.groups == ("sketch/0", *[""] * 7)
    assert [row for row, group in enumerate(joined.photos.groups) if group == "sketch/0"] == [2, 11]


def test_minus_zero_is_zero(root, open_root, change):
    photos = np.ones((12, 5))
    photos[:, 1] = np.arange(12)
    photos[3] = [0.0, 0.0, 1, 1, 1]
    photos[7] = [-0.0, 0.0, 1, 1, 1]
    change("photo", features=photos)
    dataset = open_root()
    digests = dataset.digests(dataset.index().photos, "photo")
    assert digests[3] == digests[7]
    assert len(set(digests)) == 11


def test_the_hash_of_the_features_changes_with_either_file(root, open_root, change):
    def sha256():
        return open_root().given_features().weights_sha256()

    first = sha256()
    assert sha256() == first
    change("photo", features=np.ones((12, 5)) * np.arange(12)[:, None])
    second = sha256()
    change("sketch", features=np.ones((8, 5)) * np.arange(8)[:, None])
    assert len({first, second, sha256()}) == 3


def test_two_widths_are_taken(root, open_root, change):
    change("photo", features=np.random.default_rng(0).standard_normal((12, 7)))
    given = open_root().given_features()
    assert given.card.dim == 7
    assert given.steps(None) == "features as given (5-d sketches, 7-d photos); network trained on unknown"


def test_what_the_network_was_trained_on_is_taken_from_the_split_file(root, open_root):
    path = root / "split.toml"
    path.write_text(path.read_text() + 'supervised_on = "imagenet1k"\n')
    assert open_root().given_features().card.supervised_on == "imagenet1k"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_rows_that_are_not_finite_are_refused_with_their_numbers(root, open_root, change, value):
    photos = np.random.default_rng(0).standard_normal((12, 5))
    photos[[4, 9], 2] = value
    change("photo", features=photos)
    with pytest.raises(
        BenchmarkError,
        match=r"photo\.npz, photos: 2 of 12 rows hold nan or infinity \(first rows: 4, 9, counted from 0\)"
        r".*--skip-corrupt",
    ):
        open_root().index()


def test_skip_corrupt_leaves_them_out_and_lists_them(root, open_root, change):
    photos = np.random.default_rng(0).standard_normal((12, 5)).astype(np.float32)
    photos[[4, 9], 2] = np.nan
    change("photo", features=photos)
    dataset = open_root(skip_corrupt=True)
    index = dataset.index()
    kept = [0, 1, 2, 3, 5, 6, 7, 8, 10, 11]
    assert index.skipped == ("photo/4", "photo/9")
    assert index.photos.names == tuple(f"photo/{row}" for row in kept)
    assert index.photos.labels.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]
    np.testing.assert_array_equal(rows_of(dataset, index, "photo"), photos[kept])


def test_a_class_that_is_empty_after_skipping_is_named(root, open_root, change):
    photos = np.ones((12, 5))
    photos[3:6] = np.nan
    change("photo", features=photos)
    with pytest.raises(BenchmarkError, match=r"1 of 4 have no photos: bee"):
        open_root(skip_corrupt=True).index()


def test_a_split_class_that_is_not_there_is_named(root, open_root):
    (root / "split.toml").write_text('unseen = ["ants"]\nvalidation = ["bee"]\n')
    with pytest.raises(BenchmarkError, match=r"'ants' \(found 'ant'\)"):
        open_root().index()


def test_without_a_root_the_layout_is_told(tmp_path):
    with pytest.raises(BenchmarkError, match=r"'precomputed' needs --data-root DIR\..*<root>/sketch\.npz"):
        Precomputed(root=None, cache_dir=tmp_path)


def test_a_missing_root_is_named(open_root, tmp_path):
    with pytest.raises(BenchmarkError, match=r"nowhere does not exist\. Expected layout: <root>/sketch\.npz"):
        open_root(tmp_path / "nowhere").index()


def test_mat_7_3_without_h5py_says_what_to_install(root, open_root, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    (root / "photo.npz").unlink()
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    (root / "photo.mat").write_bytes(header + bytes(512))
    with pytest.raises(BenchmarkError, match=r"photo\.mat: a MATLAB 7\.3 file .* pip install h5py"):
        open_root().index()


def test_pickled_objects_are_refused(root, open_root, change):
    change("photo", labels=np.array([{"class": "ant"}] * 12, dtype=object))
    with pytest.raises(
        BenchmarkError, match=r"photo\.npz: 'labels' holds pickled Python objects.*is not done"
    ):
        open_root().index()
