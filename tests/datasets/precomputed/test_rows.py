"""Conversion of features: once, whole, and the same from every format and type."""

import numpy as np
import pytest

from datasets.precomputed import rows


@pytest.fixture
def reads(monkeypatch):
    """Names of the arrays that were converted."""
    read, names = rows.read_arrays, []

    def counted(path, wanted, asked_by):
        names.extend(wanted)
        return read(path, wanted, asked_by)

    monkeypatch.setattr(rows, "read_arrays", counted)
    return names


def test_a_second_data_set_converts_nothing(root, open_root, reads):
    first = open_root().index()
    assert reads == ["features", "features"]
    second = open_root()
    assert second.index().photos.names == first.photos.names
    assert second.digests(first.photos, "photo") == open_root().digests(first.photos, "photo")
    assert reads == ["features", "features"]


def test_a_changed_file_is_converted_again(root, open_root, change, reads):
    open_root().index()
    change("photo", features=np.arange(60.0).reshape(12, 5))
    dataset = open_root()
    items = dataset.index().photos
    assert len(reads) == 3
    found = dataset.given_features().source(items, "photo").rows(np.array([11]))
    np.testing.assert_array_equal(found, [[55, 56, 57, 58, 59]])


@pytest.mark.parametrize("name", ["rows.npy", "facts.npz"])
@pytest.mark.parametrize("damage", ["cut short", "away"])
def test_what_is_not_whole_is_converted_again(root, open_root, tmp_path, reads, name, damage):
    before = open_root()
    expected = before.digests(before.index().photos, "photo")
    for path in (tmp_path / "cache" / "precomputed").rglob(name):
        path.unlink() if damage == "away" else path.write_bytes(path.read_bytes()[:40])
    after = open_root()
    assert after.digests(after.index().photos, "photo") == expected
    assert len(reads) == 4


def test_an_interrupted_conversion_leaves_no_file_behind(root, open_root, tmp_path, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rows.np, "isfinite", interrupted)
        with pytest.raises(KeyboardInterrupt):
            open_root().index()
    assert [path.suffix for path in (tmp_path / "cache" / "precomputed").rglob("*") if path.is_file()] == [
        ".lock"
    ]
    assert len(open_root().index().photos) == 12


@pytest.mark.parametrize(
    "dtype", [np.float64, np.float32, np.float16, np.int16, np.uint8, np.longdouble, bool]
)
def test_every_type_of_number_becomes_float32(root, open_root, change, dtype):
    values = (np.arange(60).reshape(12, 5) % 7).astype(dtype)
    change("photo", features=values)
    dataset = open_root()
    found = dataset.given_features().source(dataset.index().photos, "photo").rows(np.arange(12))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values.astype(np.float32))


@pytest.mark.parametrize("order", ["C", "F"])
def test_blocks_do_not_show(root, open_root, change, monkeypatch, order):
    values = np.random.default_rng(0).standard_normal((12, 5))
    change("photo", features=np.array(values, order=order))
    steps = []
    monkeypatch.setattr(rows, "ROWS_AT_ONCE", 5)
    dataset = open_root()
    index = dataset.index(lambda done, total: steps.append((done, total)))
    found = dataset.given_features().source(index.photos, "photo").rows(np.arange(12))
    np.testing.assert_array_equal(found, values.astype(np.float32))
    assert steps[-3:] == [(5, 12), (10, 12), (12, 12)]


def test_rows_are_items_where_a_square_array_could_mean_both(root, open_root, change):
    square = np.arange(144.0).reshape(12, 12)
    change("photo", features=square)
    dataset = open_root()
    found = dataset.given_features().source(dataset.index().photos, "photo").rows(np.arange(12))
    np.testing.assert_array_equal(found, square)
