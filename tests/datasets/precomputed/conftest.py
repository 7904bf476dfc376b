"""Small feature files as researchers save them: .npz, MATLAB 5 and MATLAB 7.3."""

import numpy as np
import pytest
import scipy.io

from datasets.precomputed import Precomputed

CLASSES = ("ant", "bee", "cat", "dog")
LABELS = {"sketch": np.repeat(np.arange(4), 2), "photo": np.repeat(np.arange(4), 3)}
SPLIT = 'unseen = ["ant"]\nvalidation = ["bee"]\n'


def features(modality, width=5):
    """Rows whose values differ everywhere."""
    n = len(LABELS[modality])
    first = {"sketch": 0.25, "photo": 1000.5}[modality]
    return np.arange(n * width, dtype=np.float32).reshape(n, width) + first


def save_mat73(path, **arrays):
    """Write arrays as MATLAB 7.3 lays them out: transposed, texts as codes, cells of texts as references."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in arrays.items():
            if isinstance(value, np.ndarray):
                file[name] = np.atleast_2d(value).T
                file[name].attrs["MATLAB_class"] = np.bytes_("double")
                continue
            cells = file.create_dataset(name, (1, len(value)), dtype=h5py.ref_dtype)
            cells.attrs["MATLAB_class"] = np.bytes_("cell")
            for i, text in enumerate(value):
                codes = np.array([[ord(character)] for character in text], dtype=np.uint16)
                item = file.create_dataset(f"#refs#/{name}{i}", data=codes)
                item.attrs["MATLAB_class"] = np.bytes_("char")
                cells[0, i] = item.ref
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    path.write_bytes(header + path.read_bytes()[128:])


def save_mat5(path, **arrays):
    """Write arrays as scipy does, texts as a column of cells."""
    content = {}
    for name, value in arrays.items():
        if not isinstance(value, np.ndarray):
            cells = np.empty((len(value), 1), dtype=object)
            cells[:, 0] = value
            value = cells
        content[name] = value
    scipy.io.savemat(path, content)


def save_npz(path, **arrays):
    """Write arrays with numpy."""
    np.savez(path, **{name: np.asarray(value) for name, value in arrays.items()})


SAVE = {".npz": save_npz, ".mat": save_mat5, ".mat 7.3": save_mat73}


@pytest.fixture
def save():
    """What writes a file of each format."""
    return SAVE


@pytest.fixture
def features_of():
    """(modality, width=5) -> the rows that the files here hold."""
    return features


@pytest.fixture
def empty_root(tmp_path):
    """A root with a split and nothing else."""
    root = tmp_path / "My Features"
    root.mkdir()
    (root / "split.toml").write_text(SPLIT, encoding="utf-8")
    return root


@pytest.fixture
def root(empty_root):
    """Four classes with two sketches and three photos each, one .npz file a modality."""
    for modality in LABELS:
        save_npz(
            empty_root / f"{modality}.npz",
            features=features(modality),
            labels=LABELS[modality],
            class_names=CLASSES,
        )
    return empty_root


@pytest.fixture
def change(root):
    """Save one file of the root again with some arrays replaced, or left out where they are None."""

    def change(modality, **arrays):
        path = root / f"{modality}.npz"
        with np.load(path) as file:
            content = {**file, **arrays}
        np.savez(path, **{name: value for name, value in content.items() if value is not None})

    return change


@pytest.fixture
def open_root(empty_root, tmp_path):
    """Open a root as it now is."""

    def opened(path=empty_root, *, skip_corrupt=False):
        return Precomputed(root=path, cache_dir=tmp_path / "cache", skip_corrupt=skip_corrupt)

    return opened
