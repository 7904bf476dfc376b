"""Features of a file as float32 rows on the disk: converted once, found again by the file's content."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from datasets.array_checks import as_matrix
from datasets.array_files import read_arrays
from datasets.files import whole_file, write_whole
from datasets.precomputed.places import Place
from datasets.progress import Progress

FORMAT = "1: rows as float32, 0 for -0, sha256 of each row"
"""Part of the key: a change of what is stored needs a change of the text."""

ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class ConvertedRows:
    """Features of one modality. digests: (n,) hex sha256 of each row. is_finite: (n,) whether it can be used.

    path: of the .npy file, (n, dim) float32 in the order of the items.
    """

    path: Path
    dim: int
    digests: tuple[str, ...]
    is_finite: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.digests)

    def rows(self, idx: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return (len(idx), dim) float32: copies, which lead neither to the file nor to other rows."""
        stored = np.asarray(np.load(self.path, mmap_mode="r"))
        rows: NDArray[np.float32] = stored[idx]
        return rows


def convert(
    place: Place,
    n_items: int,
    *,
    file_sha256: str,
    cache_dir: Path,
    asked_by: str,
    progress: Progress | None = None,
) -> ConvertedRows:
    """Return the features of a place, one row an item, converting what the cache does not hold.

    n_items: number of labels, which tells (n, d) from (d, n), the form of some MATLAB files. A second process
    that wants the same rows waits for the first. The array is in memory once, in the type of its file.

    Raises BenchmarkError for an array that has no row for each label, or other content than real numbers.
    """
    parts = (FORMAT, file_sha256, place.name, str(n_items))
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    folder = cache_dir / "precomputed" / key
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        stored = _stored(folder, n_items)
        if stored is None:
            _write(folder, _oriented(place, n_items, asked_by), progress)
            stored = _stored(folder, n_items)
    assert stored is not None  # it was written just now
    return stored


def _oriented(place: Place, n_items: int, asked_by: str) -> NDArray[Any]:
    path, name = place.file.path, place.name
    origin = f"{asked_by} {path}"
    matrix = as_matrix(read_arrays(path, {name}, asked_by).arrays[name], name, origin)
    if len(matrix) == n_items:
        return matrix
    if matrix.shape[1] == n_items:
        return matrix.T
    raise BenchmarkError(
        f"{origin}: there are {n_items} labels, and {name} has shape {matrix.shape}: it must have one row "
        "for each label."
    )


def _write(folder: Path, matrix: NDArray[Any], progress: Progress | None) -> None:
    """Write rows, then what is known of them: the second file says that the first is whole."""
    n, dim = matrix.shape
    digests, is_finite = np.empty((n, 32), np.uint8), np.empty(n, bool)
    with whole_file(folder / "rows.npy") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f4", "fortran_order": False, "shape": (n, dim)}
        )
        for start in range(0, n, ROWS_AT_ONCE):
            with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is said below
                part = matrix[start : start + ROWS_AT_ONCE].astype("<f4", order="C") + np.float32(0)
            file.write(part.tobytes())
            is_finite[start : start + len(part)] = np.isfinite(part).all(axis=1)
            for row, values in enumerate(part, start=start):
                digests[row] = np.frombuffer(hashlib.sha256(values).digest(), np.uint8)
            if progress is not None:
                progress(start + len(part), n)
    facts = io.BytesIO()
    np.savez(facts, digests=digests, is_finite=is_finite)
    write_whole(folder / "facts.npz", facts.getvalue())


def _stored(folder: Path, n_items: int) -> ConvertedRows | None:
    """What the cache holds, None where it is not there or not whole."""
    try:
        rows = np.load(folder / "rows.npy", mmap_mode="r")
        with np.load(folder / "facts.npz", allow_pickle=False) as file:
            digests, is_finite = file["digests"], file["is_finite"]
    except (OSError, ValueError, EOFError, KeyError, BadZipFile):
        return None
    if len(rows) != n_items or digests.shape != (n_items, 32) or is_finite.shape != (n_items,):
        return None
    text = digests.tobytes().hex()
    hexes = tuple(text[start : start + 64] for start in range(0, len(text), 64))
    return ConvertedRows(folder / "rows.npy", int(rows.shape[1]), hexes, is_finite)
