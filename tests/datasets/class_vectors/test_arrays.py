"""One vector a class name: .npz, and the pickled dict that SEM-PCYC publishes, read without running code."""

import os
import pickle

import numpy as np
import pytest
from numpy.lib import format as npy

from benchmark.errors import BenchmarkError
from datasets.class_vectors import open_class_vectors

NAMES = ["alarm_clock", "car_(sedan)", "The_Eiffel_Tower", "table_lamp", "crocodile"]
ROWS = np.arange(1, 16, dtype=np.float32).reshape(5, 3) * [1, -1, 1]


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def save_npz(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


@pytest.fixture
def npz(tmp_path):
    return save_npz(tmp_path / "names.npz", names=np.array(NAMES), vectors=ROWS)


@pytest.fixture
def save_dict(tmp_path):
    """Save an object as SEM-PCYC does: np.save of a dict, with a pickle protocol of one's choice."""

    def save(content, *, protocol=4):
        path = tmp_path / "word2vec-google-news.npy"
        array = np.empty((), object)
        array[()] = content
        with path.open("wb") as file:
            npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(array))
            pickle.dump(array, file, protocol=protocol)
        return str(path)

    return save


@pytest.mark.parametrize("form", ["npz", "dict"])
@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("alarm clock", 0),
        ("Alarm-Clock", 0),
        ("car (sedan)", 1),
        ("eiffel tower", 2),
        ("tablelamp", 3),
        ("crocodilian", 4),
    ],
)
def test_a_name_is_found_however_it_is_spelled(npz, save_dict, form, name, row):
    path = npz if form == "npz" else save_dict(dict(zip(NAMES, ROWS, strict=True)))
    np.testing.assert_allclose(open_class_vectors(path).of([name])[0], unit(ROWS[row]), rtol=1e-6)


def test_missing_names_are_listed(npz):
    vectors = open_class_vectors(npz)
    assert vectors.missing(["zebra", "alarm clock", "car"]) == ("zebra", "car")
    assert vectors.kind == "names.npz (names and vectors)"
    with pytest.raises(
        BenchmarkError, match=r"names\.npz .*no class vector for zebra\. Spell the classes as"
    ):
        vectors.of(["zebra"])


def test_labels_of_imagenet_that_are_missing_are_listed(npz):
    with pytest.raises(BenchmarkError, match="no class vector for tench, goldfish, .* and 959 more"):
        open_class_vectors(npz).of_ilsvrc1k_labels()


def test_the_hash_with_labels_is_another(npz):
    vectors = open_class_vectors(npz)
    assert vectors.sha256(["crocodile"]) != vectors.sha256(["crocodile"], with_labels=True)


def test_one_name_with_two_vectors_is_refused(tmp_path):
    names = np.array(["table lamp", "dog", "tablelamp"])
    same = save_npz(tmp_path / "same.npz", names=names, vectors=np.array([[1.0, 2], [3, 4], [1, 2]]))
    assert open_class_vectors(same).missing(["table lamp", "dog"]) == ()
    other = save_npz(tmp_path / "other.npz", names=names, vectors=np.array([[1.0, 2], [3, 4], [1, 3]]))
    with pytest.raises(BenchmarkError, match="'table lamp' and 'tablelamp' are one name with two different"):
        open_class_vectors(other)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"names": np.array(["a"])}, r"needs the arrays names and vectors, and holds names\."),
        ({"names": np.array(["a"]), "vectors": np.ones((2, 3))}, "1 names but 2 vectors"),
        ({"names": np.array([1]), "vectors": np.ones((1, 3))}, r"names is int64 of shape \(1,\)"),
        ({"names": np.array(["a"]), "vectors": np.ones(3)}, r"vectors float64 of shape \(3,\)"),
        ({"names": np.array(["a"]), "vectors": np.array([["x"]])}, r"vectors <U1 of shape \(1, 1\)"),
        ({"names": np.array(["a"]), "vectors": np.array([[np.nan]])}, "the vector of 'a' is not finite"),
        ({"names": np.array([], str), "vectors": np.ones((0, 3))}, "found shapes none"),
        ({"names": np.array(["a"], object), "vectors": np.ones((1, 3))}, "cannot be read .*Object arrays"),
    ],
)
def test_an_archive_of_another_form_is_refused(tmp_path, arrays, message):
    with pytest.raises(BenchmarkError, match=message):
        open_class_vectors(save_npz(tmp_path / "wrong.npz", **arrays))


def test_a_damaged_archive_is_refused(npz):
    with open(npz, "r+b") as file:  # noqa: PTH123 - a text here
        file.truncate(200)
    with pytest.raises(BenchmarkError, match=r"names\.npz cannot be read .*Write it anew: np\.savez"):
        open_class_vectors(npz)


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i2"])
def test_a_pickled_dict_is_read_in_every_protocol(save_dict, protocol, dtype):
    rows = np.asfortranarray(ROWS.astype(dtype))
    vectors = open_class_vectors(save_dict(dict(zip(NAMES, rows, strict=True)), protocol=protocol))
    np.testing.assert_allclose(vectors.of(["alarm clock", "crocodile"]), unit(ROWS[[0, 4]]), rtol=1e-6)
    assert vectors.kind == "word2vec-google-news.npy (pickled dict of SEM-PCYC's form)"


def test_what_numpy_itself_saves_is_read(tmp_path):
    path = tmp_path / "saved.npy"
    np.save(path, {"dog": np.array([3.0, 4.0])})
    np.testing.assert_allclose(open_class_vectors(str(path)).of(["dog"])[0], [0.6, 0.8], rtol=1e-6)


def test_zeros_of_a_name_whose_words_were_unknown_are_missing(save_dict):
    # SEM-PCYC's script leaves zeros where word2vec has none of the words.
    vectors = open_class_vectors(save_dict({"dog": np.ones(3), "axe": np.zeros(3)}))
    assert vectors.missing(["dog", "axe"]) == ("axe",)


class RunsCode:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_no_code_of_a_pickle_is_run(save_dict, tmp_path):
    path = save_dict({"dog": RunsCode(tmp_path / "made by the pickle")})
    with pytest.raises(BenchmarkError, match=r"its pickle names posix\.mkdir, which could run any code"):
        open_class_vectors(path)
    assert not (tmp_path / "made by the pickle").exists()
    np.load(path, allow_pickle=True)  # which shows that the file would have
    assert (tmp_path / "made by the pickle").is_dir()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"dog": [1.0, 2.0]}, "'dog' is no name with an array of numbers"),
        ({"dog": np.array(["a"])}, "holds an array of type 'U1'"),
        ({7: np.ones(3)}, "'7' is no name with an array"),
        ({"dog": np.ones(3), "cat": np.ones(2)}, r"all of one width; found shapes \(2,\), \(3,\)"),
        ({"dog": np.ones((1, 3))}, r"found shapes \(1, 3\)"),
        ({}, "found shapes none"),
        (["dog"], "it holds list, not a dict"),
        ({"dog": np.array([{}, {}])}, r"array of objects of shape \(2,\)"),
        ({"dog": np.datetime64("2020")}, "which could run any code"),
    ],
)
def test_a_pickle_of_another_form_is_refused(save_dict, content, message):
    with pytest.raises(BenchmarkError, match=message):
        open_class_vectors(save_dict(content))


def test_an_array_without_names_is_refused(tmp_path):
    path = tmp_path / "rows.npy"
    np.save(path, ROWS)
    with pytest.raises(BenchmarkError, match="it holds ndarray, not a dict, and rows without names fit no"):
        open_class_vectors(str(path))


def test_a_truncated_pickle_is_refused(save_dict):
    path = save_dict({"dog": np.ones(300)})
    with open(path, "r+b") as file:  # noqa: PTH123 - a text here
        file.truncate(500)
    with pytest.raises(BenchmarkError, match=r"word2vec-google-news\.npy: it cannot be read"):
        open_class_vectors(path)
