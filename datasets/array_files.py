"""Arrays out of .npz, .npy, .mat, .pt and .txt files, without ever running code that a file holds."""

from __future__ import annotations

import importlib
import pickle
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmark.errors import BenchmarkError

ALONE = "the only array"  # the name of an array in a file that gives it none


class Contents(NamedTuple):
    """Arrays that were wanted and found, and the names of everything in the file."""

    arrays: dict[str, Any]
    names: tuple[str, ...]


class _NotPlain(Exception):  # noqa: N818 - a state, not a fault
    """The file holds Python objects. remedy: how to save the same without them."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


def read_arrays(path: Path, wanted: Collection[str], asked_by: str) -> Contents:
    """Read the wanted arrays of a file; a file of one array without a name gives it as `ALONE`.

    asked_by: begins every message, such as a flag or a data set. Raises BenchmarkError for a file that is not
    there, of another kind, damaged, or only readable by unpickling objects.
    """
    if path.is_dir():
        raise BenchmarkError(f"{asked_by} {path}: this is a folder. Give a file: {', '.join(READERS)}.")
    if not path.is_file():
        raise BenchmarkError(f"{asked_by} {path}: no such file.")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise BenchmarkError(
            f"{asked_by} {path}: files ending in '{path.suffix}' are not read. Known: {', '.join(READERS)}. "
            'For example np.savez("embeddings.npz", embeddings=array, labels=labels).'
        )
    try:
        return reader(path, wanted)
    except BenchmarkError:
        raise
    except _NotPlain as error:
        raise BenchmarkError(
            f"{asked_by} {path}: {error}. Loading Python objects could run any code in the file, so it is "
            f"not done. {error.remedy}"
        ) from error
    except Exception as error:  # every library has faults of its own for damaged files
        raise BenchmarkError(
            f"{asked_by} {path}: cannot be read as {path.suffix} ({type(error).__name__}: {error}). "
            "Write it anew, or give another format."
        ) from error


def _from_npz(path: Path, wanted: Collection[str]) -> Contents:
    if not zipfile.is_zipfile(path):
        raise ValueError("it is no archive, as np.savez writes one")
    with np.load(path, allow_pickle=False) as file:
        found = {}
        for name in file.files:
            if name in wanted:
                with _no_pickles(f"'{name}'"):
                    found[name] = file[name]
        return Contents(found, tuple(file.files))


def _from_npy(path: Path, wanted: Collection[str]) -> Contents:
    with _no_pickles("it"):
        array = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError("it is an archive: name it .npz")
    return Contents({ALONE: array}, (ALONE,))


@contextmanager
def _no_pickles(what: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if "pickle" in str(error):
            raise _NotPlain(
                f"{what} holds pickled Python objects (an object array?)",
                "Save plain arrays: numbers, or text as np.array(list_of_str).",
            ) from error
        raise


def _from_torch(path: Path, wanted: Collection[str]) -> Contents:
    import torch

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _NotPlain(
            "it holds objects that are neither tensors nor lists",
            "Save arrays of numbers as tensors and text as array.tolist(); or text labels in a file of their "
            "own; or all as .npz, text there as np.array(list_of_str).",
        ) from error
    if not isinstance(loaded, dict):
        return Contents({ALONE: _from_tensor(loaded)}, (ALONE,))
    found = {name: _from_tensor(value) for name, value in loaded.items() if name in wanted}
    return Contents(found, tuple(map(str, loaded)))


def _from_tensor(value: Any) -> Any:
    import torch

    if not isinstance(value, torch.Tensor):
        return np.asarray(value)
    return value.detach().to(torch.float32 if value.dtype == torch.bfloat16 else value.dtype).numpy()


def _from_text(path: Path, wanted: Collection[str]) -> Contents:
    lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    return Contents({ALONE: np.array([line.strip() for line in lines])}, (ALONE,))


def _from_mat(path: Path, wanted: Collection[str]) -> Contents:
    import scipy.io

    try:
        names = tuple(name for name, _, _ in scipy.io.whosmat(path))
        loaded = scipy.io.loadmat(path, variable_names=[name for name in names if name in wanted])
    except NotImplementedError:  # version 7.3 is HDF5 inside
        return _from_hdf5(path, wanted)
    found = {name: _cells(value) for name, value in loaded.items() if name in wanted}
    return Contents(found, names)


def _cells(value: Any) -> Any:
    """A cell array of texts as an array of text; anything else as it is."""
    if not isinstance(value, np.ndarray) or value.dtype != object:
        return value
    parts = [np.asarray(cell).ravel() for cell in value.ravel(order="F")]
    if any(part.dtype.kind != "U" or part.size > 1 for part in parts):
        return value
    return np.array([str(part[0]) if part.size else "" for part in parts])


def _from_hdf5(path: Path, wanted: Collection[str]) -> Contents:
    try:
        h5py: Any = importlib.import_module("h5py")
    except ImportError as error:
        raise BenchmarkError(
            f"{path}: a MATLAB 7.3 file (HDF5) needs the package h5py: pip install h5py. Or write it in "
            "MATLAB with save(..., '-v7')."
        ) from error
    with h5py.File(path) as file:
        names = tuple(name for name in file if not name.startswith("#"))
        return Contents({name: _hdf5_value(file, file[name]) for name in names if name in wanted}, names)


def _hdf5_value(file: Any, item: Any) -> Any:
    """MATLAB's arrays lie transposed in HDF5, its texts as character codes, its cells as references."""
    kind = item.attrs.get("MATLAB_class", b"")
    if kind == b"struct":
        raise ValueError(f"{item.name} is a struct, not an array")
    value = np.asarray(item[()]).T
    if kind == b"cell":
        cells = [file[reference] for reference in value.ravel(order="F")]
        if any(cell.attrs.get("MATLAB_class") != b"char" for cell in cells):
            raise ValueError(f"{item.name} is a cell array, and not of texts only")
        return np.array(["".join(_lines(cell)) for cell in cells])
    return np.array(_lines(item)) if kind == b"char" else value


def _lines(item: Any) -> list[str]:
    """The rows of a MATLAB char array."""
    if "MATLAB_empty" in item.attrs:
        return []
    return ["".join(map(chr, row)) for row in np.atleast_2d(np.asarray(item[()]).T)]


READERS: dict[str, Callable[[Path, Collection[str]], Contents]] = {
    ".npz": _from_npz,
    ".npy": _from_npy,
    ".mat": _from_mat,
    ".pt": _from_torch,
    ".pth": _from_torch,
    ".txt": _from_text,
}
