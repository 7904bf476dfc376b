"""Pickled numpy arrays, without ever running code that the file holds.

`np.load(allow_pickle=True)` would: a pickle names any function and calls it. Here a pickle may name what
numpy itself writes for arrays, and even that is not numpy's own: `__setstate__` of arrays and types trusts
what it is given, so stand-ins take the state, check it, and make the arrays.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy


class NotPlain(Exception):  # noqa: N818 - a state, not a fault
    """The file is no pickled numpy array, or names something that is not admitted."""


def read_pickled_array(path: Path) -> Any:
    """Return what an `.npy` file holds: an array, or the one object of an object array without dimensions.

    Raises NotPlain for a file that is damaged or no `.npy`, and for one whose pickle names anything but numpy
    arrays of numbers or objects.
    """
    try:
        with path.open("rb") as file:
            version = npy.read_magic(file)
            read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            if not read_header(file)[2].hasobject:
                file.seek(0)
                return np.load(file, allow_pickle=False)
            found = _plain(_ArraysOnly(file, encoding="latin1").load())
    except NotPlain:
        raise
    except Exception as error:  # a damaged pickle raises whatever it likes
        raise NotPlain(f"it cannot be read ({type(error).__name__}: {error})") from error
    return found


class _Type:
    """A stand-in for numpy.dtype: numbers, or objects."""

    def __init__(self, code: str, *_: object) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[fiu][1248]|b1|O8?", code):
            raise NotPlain(f"its pickle holds an array of type {code!r}")
        self.is_object, self._code, self._order = code.startswith("O"), code, "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._order = {"<": "<", ">": ">"}.get(state[1], "=")

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type itself."""
        return np.dtype(self._order + self._code)


class _Array:
    """A stand-in for numpy.ndarray, which takes its content as numpy pickles it."""

    content: Any = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, is_fortran, content = state
        if kind.is_object:
            if shape != ():
                raise NotPlain(f"it is an array of objects of shape {shape}, not a single dict")
            (self.content,) = content
        else:
            raw = content.encode("latin1") if isinstance(content, str) else content  # as Python 2 wrote it
            flat = np.frombuffer(raw, kind.dtype)
            self.content = flat.reshape(shape, order="F" if is_fortran else "C")


class _ArraysOnly(pickle.Unpickler):
    """Resolves the few names that numpy 1 and 2 write for arrays."""

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy.core.", "numpy._core.")
        admitted = {
            ("numpy", "ndarray"): _Array,
            ("numpy", "dtype"): _Type,
            ("numpy._core.multiarray", "_reconstruct"): _new_array,
            ("_codecs", "encode"): _bytes,
        }
        if (module, name) not in admitted:
            raise NotPlain(f"its pickle names {module}.{name}, which could run any code, so it is not read")
        return admitted[module, name]


def _new_array(*_: object) -> _Array:
    return _Array()


def _bytes(text: str, _: str = "latin1") -> bytes:
    """Bytes as pickle protocol 2 writes them."""
    return text.encode("latin1")


def _plain(found: Any) -> Any:
    """The arrays in the place of their stand-ins; of a dict, its values."""
    if isinstance(found, _Array):
        return _plain(found.content)
    if isinstance(found, dict):
        return {name: _plain(value) for name, value in found.items()}
    return found
