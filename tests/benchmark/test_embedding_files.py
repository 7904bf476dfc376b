"""Embeddings from files: what each format gives, and what a person reads when a file does not fit."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch

from benchmark.embedding_files import Embeddings, match, read_embeddings
from benchmark.errors import BenchmarkError

EMB = np.arange(12, dtype=np.float32).reshape(4, 3)
NAMES = ["cat", "bear (animal)", "cat", "été"]
NUMBERS = [3, 1, 3, 2]


def _read(path: Path, labels: Path | None = None) -> Embeddings:
    return read_embeddings(path, labels, "queries")


def _npz(folder: Path, **arrays: object) -> Path:
    path = folder / "q.npz"
    np.savez(path, **arrays)
    return path


def _cells(texts: list[str]) -> np.ndarray:
    cells = np.empty((len(texts), 1), dtype=object)
    cells[:, 0] = texts
    return cells


# What each format gives.


def test_npz_gives_its_arrays(tmp_path):
    ids = [f"item {i}" for i in range(4)]
    side = _read(_npz(tmp_path, embeddings=EMB, labels=NAMES, ids=ids, instances=NUMBERS, other=[1]))
    np.testing.assert_array_equal(side.emb, EMB)
    assert (side.labels.tolist(), side.ids.tolist()) == (NAMES, ids)
    assert (side.instances.tolist(), side.groups) == (NUMBERS, None)
    assert len(side) == 4


@pytest.mark.parametrize(
    ("labels", "read"),
    [
        (NAMES, NAMES),
        (np.array([*NAMES[:3], "dog"], dtype="S"), ["cat", "bear (animal)", "cat", "dog"]),
        (np.array(NUMBERS, dtype=np.uint8), NUMBERS),
        (np.array([NUMBERS], dtype=float), NUMBERS),  # a MATLAB row
        (np.array(NUMBERS)[:, None], NUMBERS),
    ],
)
def test_labels_are_numbers_or_text_in_any_flat_form(tmp_path, labels, read):
    assert _read(_npz(tmp_path, embeddings=EMB, labels=labels)).labels.tolist() == read


def test_extended_precision_becomes_float64(tmp_path):
    emb = _read(_npz(tmp_path, embeddings=EMB.astype(np.longdouble), labels=NAMES)).emb
    assert emb.dtype == np.float64
    np.testing.assert_array_equal(emb, EMB)


def test_a_single_item_keeps_its_label(tmp_path):
    assert _read(_npz(tmp_path, embeddings=EMB[:1], labels=[[7]])).labels.tolist() == [7]


@pytest.mark.parametrize("ending", ["txt", "npy", "npz", "mat"])
def test_npy_takes_its_labels_from_another_file(tmp_path, ending):
    np.save(tmp_path / "q.npy", EMB)
    labels = tmp_path / f"labels.{ending}"
    if ending == "txt":
        labels.write_text("cat\nbear (animal)\r\n  cat\nété\n\n", encoding="utf-8")
    elif ending == "npy":
        np.save(labels, NAMES)
    elif ending == "npz":
        np.savez(labels, labels=NAMES)
    else:
        scipy.io.savemat(labels, {"label_sk": _cells(NAMES)})
    assert _read(tmp_path / "q.npy", labels).labels.tolist() == NAMES


def test_a_labels_file_goes_before_the_labels_of_the_embeddings(tmp_path):
    (tmp_path / "other.txt").write_text("a\nb\na\nb\n")
    side = _read(_npz(tmp_path, embeddings=EMB, labels=NAMES), tmp_path / "other.txt")
    assert side.labels.tolist() == ["a", "b", "a", "b"]


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (("embeddings", "labels"), _cells(NAMES)),
        (("feature", "label_im"), np.array(NUMBERS, dtype=float)),
        (("features", "label"), NAMES),  # a char array, its rows padded with blanks
    ],
)
def test_mat_gives_cells_char_rows_and_numbers_under_released_names(tmp_path, names, labels):
    path = tmp_path / "q.mat"
    scipy.io.savemat(path, {names[0]: EMB.astype(float), names[1]: labels, "t": 64})
    side = _read(path)
    np.testing.assert_array_equal(side.emb, EMB)
    assert side.labels.tolist() == (NUMBERS if names[1] == "label_im" else NAMES)


def test_pt_gives_tensors_and_lists(tmp_path):
    emb = torch.tensor(EMB, dtype=torch.bfloat16, requires_grad=True)
    torch.save({"embeddings": emb, "labels": NAMES, "ids": torch.arange(4)}, tmp_path / "q.pt")
    side = _read(tmp_path / "q.pt")
    np.testing.assert_array_equal(side.emb, EMB)
    assert (side.labels.tolist(), side.ids.tolist()) == (NAMES, [0, 1, 2, 3])


def test_a_bare_tensor_is_embeddings_without_labels(tmp_path):
    torch.save(torch.tensor(EMB), tmp_path / "q.pth")
    with pytest.raises(BenchmarkError, match=r"holds embeddings alone.*with --query-labels"):
        _read(tmp_path / "q.pth")


def test_mat_7_3_gives_the_same_as_older_files(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "q.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["features"] = EMB.T.astype(float)  # MATLAB writes columns first
        file["features"].attrs["MATLAB_class"] = np.bytes_("double")
        cells = file.create_dataset("labels", (1, 4), dtype=h5py.ref_dtype)
        cells.attrs["MATLAB_class"] = np.bytes_("cell")
        for i, name in enumerate(NAMES):
            text = file.create_dataset(
                f"#refs#/{i}", data=np.array([[ord(c)] for c in name], dtype=np.uint16)
            )
            text.attrs["MATLAB_class"] = np.bytes_("char")
            cells[0, i] = text.ref
        rows = np.array([[ord(c) for c in row] for row in ("ab ", "abc", "a  ", "b  ")], dtype=np.uint16)
        file["ids"] = rows.T
        file["ids"].attrs["MATLAB_class"] = np.bytes_("char")
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    path.write_bytes(header + path.read_bytes()[128:])
    side = _read(path)
    np.testing.assert_array_equal(side.emb, EMB)
    assert (side.labels.tolist(), side.ids.tolist()) == (NAMES, ["ab", "abc", "a", "b"])


def test_mat_7_3_without_h5py_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    path = tmp_path / "q.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM" + bytes(512))
    with pytest.raises(BenchmarkError, match=r"q\.mat: a MATLAB 7\.3 file .* pip install h5py.*'-v7'"):
        _read(path)


# What is refused.


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (sys.exit, ("code of the file was run",))


@pytest.mark.parametrize("ending", ["npz", "npy", "pt"])
def test_nothing_is_ever_unpickled(tmp_path, ending):
    path = tmp_path / f"q.{ending}"
    if ending == "npz":
        np.savez(path, embeddings=EMB, labels=np.array([_Evil()] * 4, dtype=object))
    elif ending == "npy":
        path.write_bytes(pickle.dumps(_Evil()))
    else:
        torch.save({"embeddings": _Evil(), "labels": NAMES}, path)
    with pytest.raises(BenchmarkError, match=r"holds .*Loading Python objects could run any code.*np\.array"):
        _read(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.npz", None, r"--queries .*none\.npz: no such file"),
        ("q.pkl", b"", r"files ending in '\.pkl' are not read\. Known: \.npz, \.npy, \.mat, \.pt, \.pth"),
        ("q.npz", b"no archive", r"--queries .*q\.npz: .*no archive, as np\.savez writes one"),
        ("q.npz", b"PK\x03\x04 cut off", r"cannot be read as \.npz"),
        ("q.npy", b"", r"cannot be read as \.npy \(EOFError"),
        ("q.mat", b"not MATLAB", r"cannot be read as \.mat"),
        ("q.pt", b"not torch", r"--queries .*q\.pt: "),
    ],
)
def test_files_that_cannot_be_read_are_refused_by_name(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BenchmarkError, match=message):
        _read(tmp_path / name)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"emb": EMB, "y": NAMES}, r"no array named 'embeddings' \(or features, feature\).* emb, y\."),
        ({"embeddings": EMB, "y": NAMES}, r"no array named 'labels'.*embeddings, y\..*--query-labels FILE"),
        ({"embeddings": EMB, "features": EMB, "labels": NAMES}, "embeddings, features could each be the"),
        ({"embeddings": EMB, "labels": NAMES[:3]}, r"labels must have one entry for each of the 4.*\(3,\)"),
        ({"embeddings": EMB, "labels": NAMES, "ids": [1]}, r"ids must have one entry for each of the 4 rows"),
        ({"embeddings": EMB.T, "labels": NAMES}, "look transposed: save them with one row for each item"),
        ({"embeddings": EMB, "labels": np.eye(4)}, r"one-hot rows, save labels\.argmax\(axis=1\)"),
        ({"embeddings": EMB[None], "labels": NAMES}, r"shape \(items, dimensions\), found \(1, 4, 3\)"),
        ({"embeddings": EMB[:0], "labels": []}, r"no items: the embeddings have shape \(0, 3\)"),
        ({"embeddings": NAMES, "labels": NAMES}, r"embeddings must be real numbers, found <U13"),
        ({"embeddings": EMB * 1j, "labels": NAMES}, r"embeddings must be real numbers, found complex"),
        ({"embeddings": EMB, "labels": EMB[:, 0] * 1j}, r"labels must be numbers or text, found complex"),
        ({"embeddings": EMB, "labels": [1, np.nan, 2, np.nan]}, r"2 of 4 rows have no label \(first row: 1"),
        ({"embeddings": EMB, "labels": ["a", "b", " ", "c"]}, r"1 of 4 rows have no label \(first row: 2"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit_are_refused(tmp_path, arrays, message):
    with pytest.raises(BenchmarkError, match=message):
        _read(_npz(tmp_path, **arrays))


def test_rows_that_are_not_finite_are_counted_and_named(tmp_path):
    emb = EMB.copy()
    emb[[1, 3], [0, 2]] = np.nan, np.inf
    with pytest.raises(BenchmarkError, match=r"2 of 4 rows hold nan or infinity \(first rows: 1, 3, counted"):
        _read(_npz(tmp_path, embeddings=emb, labels=NAMES))


@pytest.mark.parametrize("field", ["embeddings", "labels"])
def test_mat_structs_are_no_arrays(tmp_path, field):
    content = {"embeddings": EMB, "labels": NUMBERS, field: {"inner": EMB}}
    scipy.io.savemat(tmp_path / "q.mat", content)
    with pytest.raises(BenchmarkError, match=rf"q\.mat: {field} must be"):
        _read(tmp_path / "q.mat")


# Two sides.


def _side(labels: object, *, name: str = "q.npz", width: int = 3, ids: object = None) -> Embeddings:
    labels = np.array(labels)
    return Embeddings(
        Path(name), np.ones((len(labels), width)), labels, None if ids is None else np.array(ids)
    )


def test_sides_of_one_form_stay_as_they_are():
    queries, gallery, warning = match(_side(["a", "b"]), _side(["b", "a", "c"]))
    assert (queries.labels.tolist(), gallery.labels.tolist(), warning) == (["a", "b"], ["b", "a", "c"], "")


def test_whole_numbers_as_text_meet_numbers():
    queries, gallery, _ = match(_side(["3", "10"], ids=[1, 2]), _side([3.0, 10.0], ids=["1", "7"]))
    assert (queries.labels.tolist(), gallery.ids.tolist()) == ([3, 10], [1, 7])


def test_text_that_only_looks_like_a_number_stays_text():
    with pytest.raises(
        BenchmarkError, match=r"Queries \(q\.npz\) have 2 classes: '007', '7'; .* 1 classes: 7\."
    ):
        match(_side(["007", "7"]), _side([7]))


def test_labels_without_anything_in_common_are_refused_with_examples():
    with pytest.raises(
        BenchmarkError,
        match=r"no query label is in the gallery.* 2 classes: 'alarm clock', 'cat'; .*\(g\.npz\) has 1 class"
        r"es: 'alarm_clock'\. Both sides must name classes in the same way",
    ):
        match(_side(["cat", "alarm clock"]), _side(["alarm_clock"], name="g.npz"))


def test_classes_that_the_gallery_lacks_give_a_warning_with_examples():
    *_, warning = match(_side(["a", "b", "b", "c"]), _side(["a", "c"]))
    assert warning.startswith(
        "2 of 4 queries are left out: their class is not in the gallery (1 classes: 'b')."
    )


def test_widths_that_differ_are_refused():
    with pytest.raises(BenchmarkError, match=r"queries \(q\.npz\) have 3 dimensions.*\(g\.npz\) has 5"):
        match(_side(["a"]), _side(["a"], name="g.npz", width=5))
