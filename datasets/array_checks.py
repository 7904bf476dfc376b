"""Arrays from files as rows of numbers and as columns, or the message that says how to save them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError

Array = NDArray[Any]


def as_matrix(value: Any, noun: str, origin: str) -> Array:
    """Return (n, d) real numbers in their own type, extended precision as float64.

    noun: what the rows are, in the plural. origin: begins the message. Raises BenchmarkError for other types
    and shapes; whether the numbers are finite is not looked at.
    """
    rows = np.asarray(value)
    if rows.dtype == np.longdouble:
        rows = rows.astype(np.float64)
    if rows.dtype.kind not in "fiub":
        raise BenchmarkError(
            f"{origin}: {noun} must be real numbers, found {rows.dtype} of shape {rows.shape}."
        )
    if rows.ndim == 2 and len(rows) == 0:
        raise BenchmarkError(f"{origin}: no items: the {noun} have shape {rows.shape}, which is no row.")
    if rows.ndim != 2 or 0 in rows.shape:
        raise BenchmarkError(
            f"{origin}: {noun} must have shape (items, dimensions), found {rows.shape}. "
            "Reshape them to one row for each item."
        )
    return rows


def as_column(value: Any, name: str, origin: str) -> Array:
    """Return numbers or text; MATLAB's (1, n) and (n, 1) are laid flat, what has another shape keeps it.

    Raises BenchmarkError for anything else, such as Python objects.
    """
    array = np.asarray(value)
    if array.ndim == 2 and 1 in array.shape:
        array = array.ravel()
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind == "U":
        array = np.char.strip(array)  # MATLAB pads the rows of a char array with blanks
    if array.dtype.kind not in "Ufiub":
        raise BenchmarkError(
            f"{origin}: {name} must be numbers or text, found {array.dtype} of shape {array.shape}. "
            "Save them as np.array(list_of_str) or as whole numbers."
        )
    return array


def require_labels(labels: Array, origin: str) -> None:
    """Raise BenchmarkError when a row has no label: NaN, or an empty text."""
    nothing = np.isnan(labels) if labels.dtype.kind == "f" else labels == ""
    if labels.dtype.kind in "fU" and nothing.any():
        raise BenchmarkError(
            f"{origin}: {nothing.sum()} of {len(labels)} rows have no label (first row: "
            f"{np.flatnonzero(nothing)[0]}, counted from 0). Every row needs the class it belongs to."
        )


def not_finite(bad: NDArray[np.int64], n: int, use: str) -> str:
    """Say which of n rows, counted from 0, hold NaN or infinity. use: what needs finite numbers."""
    first = ", ".join(map(str, bad[:5].tolist()))
    return (
        f"{len(bad)} of {n} rows hold nan or infinity (first rows: {first}, counted from 0). "
        f"{use} needs finite numbers: look at what produced them."
    )
