"""Class vectors from a file that holds one vector a class name: `.npz` and SEM-PCYC's `.npy`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from datasets.class_vectors.base import ClassVectors
from datasets.class_vectors.names import letters, wordings
from datasets.class_vectors.pickled import NotPlain, read_pickled_array


class NamedVectors(ClassVectors):
    """Vectors of whole names. Spellings of one name are one: case, separators and brackets do not count.

    rows: (name, (v,) numbers). form: such as "names and vectors". Raises BenchmarkError for vectors that are
    of several widths or not finite, and for two different vectors of one name.
    """

    def __init__(self, path: Path, form: str, rows: Iterable[tuple[str, NDArray[Any]]]) -> None:
        self.id = path.name
        self.kind = f"{path.name} ({form})"
        self.advice = (
            "Spell the classes as the file does, add them to it, or give another file with --class-vectors."
        )
        self._vectors: dict[str, NDArray[np.float32]] = {}
        name_of: dict[str, str] = {}
        for name, row in rows:
            vector, key = np.asarray(row, dtype=np.float32), letters(name)
            if not np.isfinite(vector).all():
                raise BenchmarkError(f"--class-vectors {path}: the vector of '{name}' is not finite.")
            other = self._vectors.setdefault(key, vector)
            if not np.array_equal(other, vector):
                raise BenchmarkError(
                    f"--class-vectors {path}: '{name_of[key]}' and '{name}' are one name with two different "
                    "vectors. Remove one of them."
                )
            name_of.setdefault(key, name)
        widths = sorted({vector.shape for vector in self._vectors.values()})
        if len(widths) != 1 or len(widths[0]) != 1 or not widths[0][0]:
            raise BenchmarkError(
                f"--class-vectors {path}: a vector must be one row of numbers, all of one width; found "
                f"shapes {', '.join(map(str, widths)) or 'none'}."
            )

    def vector(self, class_name: str) -> NDArray[np.float32] | None:
        """Return (v,) float32 of the name, or of a published other spelling of it."""
        keys = (letters(class_name), *("".join(map(letters, wording)) for wording in wordings(class_name)))
        found = next((self._vectors[key] for key in keys if key in self._vectors), None)
        # SEM-PCYC has zeros where word2vec has none of the words.
        return found if found is not None and found.any() else None


def read_npz(path: Path) -> NamedVectors:
    """Read an `.npz` with `names` (n,) text and `vectors` (n, v). Raises BenchmarkError for others."""
    needed = "names=np.array(list_of_str), vectors=array_of_shape_(n, v)"
    try:
        with np.load(path, allow_pickle=False) as file:
            there = tuple(file.files)
            if not {"names", "vectors"} <= set(there):
                raise BenchmarkError(
                    f"--class-vectors {path}: an archive needs the arrays names and vectors, and holds "
                    f"{', '.join(there) or 'nothing'}. Write np.savez(file, {needed}); GloVe and fastText "
                    "come in archives that must be unpacked first."
                )
            names, vectors = file["names"], file["vectors"]
    except BenchmarkError:
        raise
    except Exception as error:  # zipfile, zlib and numpy have faults of their own for damaged files
        raise BenchmarkError(
            f"--class-vectors {path} cannot be read ({error}). Write it anew: np.savez(file, {needed})."
        ) from error
    if names.dtype.kind != "U" or names.ndim != 1 or vectors.ndim != 2 or vectors.dtype.kind not in "fiu":
        raise BenchmarkError(
            f"--class-vectors {path}: names is {names.dtype} of shape {names.shape}, vectors {vectors.dtype} "
            f"of shape {vectors.shape}. Write np.savez(file, {needed})."
        )
    if len(names) != len(vectors):
        raise BenchmarkError(
            f"--class-vectors {path}: {len(names)} names but {len(vectors)} vectors. Write one row a name."
        )
    return NamedVectors(path, "names and vectors", zip(names.tolist(), vectors, strict=True))


def read_npy(path: Path) -> NamedVectors:
    """Read a pickled dict, class name -> (v,) numbers, as SEM-PCYC publishes `word2vec-google-news.npy`.

    No code that the file holds is run: nothing but numpy arrays is admitted. Raises BenchmarkError for any
    other file.
    """
    needed = "a dict from class name to vector, saved with np.save"
    try:
        table = read_pickled_array(path)
    except NotPlain as error:
        raise BenchmarkError(
            f"--class-vectors {path}: {error}. Give {needed} and holding numpy arrays only, or an .npz with "
            "names and vectors."
        ) from error
    if not isinstance(table, dict):
        raise BenchmarkError(
            f"--class-vectors {path}: it holds {type(table).__name__}, not a dict, and rows without names "
            f"fit no class. Give {needed}, or an .npz with names and vectors."
        )
    wrong = [
        str(name)
        for name, row in table.items()
        if not (isinstance(name, str) and isinstance(row, np.ndarray) and row.dtype.kind in "fiu")
    ]
    if wrong:
        raise BenchmarkError(
            f"--class-vectors {path}: '{wrong[0]}' is no name with an array of numbers. Give {needed}."
        )
    return NamedVectors(path, "pickled dict of SEM-PCYC's form", table.items())
