"""Class vectors from `wv_embeddings.mat`, the file of ZSCMR's authors: variable `features`, a row a class.

The rows carry no names. Their script (the one that builds the file from word2vec) lists Sketchy's 125
classes by letters alone, separators left out: seagull, seal, sea turtle, where file names give sea_turtle,
seagull, seal. It puts the vector of `metal` for armor and for axe.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from datasets.array_files import read_arrays
from datasets.class_vectors.arrays import NamedVectors
from datasets.class_vectors.names import letters
from datasets.classes import class_facts

VARIABLE = "features"


def zscmr_order() -> tuple[str, ...]:
    """Return Sketchy's 125 class names in the order of the rows.

    >>> zscmr_order()[91:94]
    ('seagull', 'seal', 'sea_turtle')
    """
    return tuple(sorted((facts.class_name for facts in class_facts("sketchy")), key=letters))


def read_mat(path: Path) -> NamedVectors:
    """Read `features`, (125, v) numbers, of a MATLAB file of version 5 or 7.3.

    Raises BenchmarkError for a file without it, for one of another shape, and for a file of version 7.3
    (HDF5) where h5py is not installed.
    """
    contents = read_arrays(path, (VARIABLE,), "--class-vectors")
    array, there = contents.arrays.get(VARIABLE), contents.names
    names = zscmr_order()
    shape = None if array is None else array.shape
    if array is None or array.ndim != 2 or len(array) != len(names) or array.dtype.kind not in "fiu":
        found = "it has none" if array is None else f"it is {array.dtype} of shape {shape}"
        raise BenchmarkError(
            f"--class-vectors {path}: needs a variable '{VARIABLE}' of shape ({len(names)}, v), a row for "
            f"each class of Sketchy in the order of ZSCMR's authors; {found} (variables: "
            f"{', '.join(there) or 'none'}). Give an .npz with names and vectors for other classes."
        )
    form = "rows in ZSCMR's order"
    if twins := _twins(names, array):
        form += f", one vector for {twins}"
    return NamedVectors(path, form, zip(names, array, strict=True))


def _twins(names: tuple[str, ...], rows: NDArray[Any]) -> str:
    """Name the classes that share a row."""
    groups: dict[bytes, list[str]] = {}
    for name, row in zip(names, rows, strict=True):
        groups.setdefault(np.ascontiguousarray(row).tobytes(), []).append(name)
    return ", ".join(" and ".join(group) for group in groups.values() if len(group) > 1)
