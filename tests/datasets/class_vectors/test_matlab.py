"""`wv_embeddings.mat` of ZSCMR's authors: rows without names, in an order of its own."""

import h5py
import numpy as np
import pytest
import scipy.io

from benchmark.errors import BenchmarkError
from datasets.class_vectors import open_class_vectors
from datasets.class_vectors.matlab import zscmr_order
from datasets.classes import class_facts

# Where the authors' script builds a row from several words, or names a class that sorts elsewhere by file
# name: its own row numbers.
ROWS = {
    0: "airplane",
    1: "alarm_clock",
    5: "armor",
    6: "axe",
    53: "hermit_crab",
    55: "hot-air_balloon",
    56: "hotdog",
    57: "hourglass",
    58: "jack-o-lantern",
    59: "jellyfish",
    73: "pickup_truck",
    86: "sailboat",
    91: "seagull",
    92: "seal",
    93: "sea_turtle",
    111: "teddy_bear",
    119: "wading_bird",
    120: "wheelchair",
    123: "wine_bottle",
    124: "zebra",
}


@pytest.fixture
def features():
    return np.random.default_rng(0).standard_normal((125, 300))


@pytest.fixture(params=["5", "7.3"])
def save(request, tmp_path):
    """Save variables as MATLAB does, in both versions."""

    def save(name="wv_embeddings.mat", **variables):
        path = tmp_path / name
        if request.param == "5":
            scipy.io.savemat(path, variables)
            return str(path)
        with h5py.File(path, "w", userblock_size=512) as file:
            for variable, value in variables.items():
                file[variable] = np.asarray(value).T
        with path.open("r+b") as file:
            # What MATLAB writes in front: a text, a version and the order of bytes.
            file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
        return str(path)

    return save


def test_rows_stand_in_the_order_of_the_script():
    order = zscmr_order()
    assert {i: order[i] for i in ROWS} == ROWS
    assert sorted(order) == sorted(facts.class_name for facts in class_facts("sketchy"))


def test_each_class_gets_its_row(save, features):
    vectors = open_class_vectors(save(features=features))
    found = vectors.of(list(ROWS.values()))
    expected = features[list(ROWS)] / np.linalg.norm(features[list(ROWS)], axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert vectors.kind == "wv_embeddings.mat (rows in ZSCMR's order)"


def test_both_versions_are_the_same_vectors(tmp_path, features):
    scipy.io.savemat(tmp_path / "a.mat", {"features": features})
    np.savez(tmp_path / "b.npz", names=np.array(zscmr_order()), vectors=features)
    names = [facts.class_name for facts in class_facts("sketchy")]
    assert len({open_class_vectors(str(tmp_path / name)).sha256(names) for name in ("a.mat", "b.npz")}) == 1


def test_classes_that_share_a_row_are_named(save, features):
    features[6] = features[5]
    kind = open_class_vectors(save(features=features)).kind
    assert kind == "wv_embeddings.mat (rows in ZSCMR's order, one vector for armor and axe)"


def test_a_class_that_is_not_of_sketchy_is_missing(save, features):
    assert open_class_vectors(save(features=features)).missing(["zebra", "snowman"]) == ("snowman",)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"wv": np.ones((125, 300))},
            r"a variable 'features' of shape \(125, v\).*has none \(variables: wv\)",
        ),
        ({"features": np.ones((124, 300))}, r"it is float64 of shape \(124, 300\)"),
        ({"features": np.ones((300, 125))}, r"it is float64 of shape \(300, 125\)"),
    ],
)
def test_another_variable_or_shape_is_refused(save, variables, message):
    with pytest.raises(BenchmarkError, match=message):
        open_class_vectors(save(**variables))


def test_a_damaged_file_is_refused(save, features):
    path = save(features=features)
    with open(path, "r+b") as file:  # noqa: PTH123 - a text here
        file.truncate(1000)
    with pytest.raises(BenchmarkError, match=r"wv_embeddings\.mat: cannot be read as \.mat"):
        open_class_vectors(path)


def test_without_h5py_the_way_to_install_it_is_said(tmp_path, monkeypatch):
    path = tmp_path / "new.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(500))

    def no_package(name):
        raise ImportError(name)

    monkeypatch.setattr("datasets.array_files.importlib.import_module", no_package)
    with pytest.raises(BenchmarkError, match=r"MATLAB 7\.3 file \(HDF5\) needs .*pip install h5py"):
        open_class_vectors(str(path))
