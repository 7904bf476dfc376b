"""Checks and conversions of what a caller hands in: arrays, tensors, labels, ids."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def as_array(values: Any) -> NDArray[Any]:
    """A numpy array from an array, a tensor on any device, or a sequence; bfloat16 becomes float32."""
    if hasattr(values, "detach"):
        tensor = values.detach().cpu()
        return np.asarray(tensor.float().numpy() if "bfloat16" in str(tensor.dtype) else tensor.numpy())
    return np.asarray(values)


def check_finite(name: str, values: Any) -> None:
    """Refuse nan and infinity, saying how many rows hold them and which come first.

    values: an array, or a tensor, which is looked at where it lies.
    """
    if hasattr(values, "isfinite"):
        finite = values.isfinite()
    elif values.dtype.kind == "f":
        finite = np.isfinite(values)
    else:
        return
    if finite.all():
        return
    rows = np.flatnonzero(~as_array(finite.reshape(len(finite), -1).all(1)))
    first = ", ".join(str(row) for row in rows[:5])
    raise ValueError(
        f"{name}: {rows.size} of {len(finite)} rows hold nan or infinity (first rows: {first}). "
        "A ranking needs finite numbers; look at the training that produced them."
    )


def as_values(name: str, values: Any, n: int, of_what: str) -> list[Hashable]:
    """A list of `n` labels or ids from a sequence, an array or a tensor."""
    array = as_array(values)
    if array.ndim != 1 or len(array) != n:
        raise ValueError(
            f"{name} must have shape ({n},), one entry for each row of {of_what}; got {array.shape}."
        )
    if array.dtype.kind in "US":  # a number beside text would have become text
        array = np.asarray(values, dtype=object)
    listed: list[Hashable] = array.tolist()
    return listed


def as_names(name: str, values: Any, n: int, of_what: str) -> list[Hashable | None]:
    """Like `as_values`, with None, "", -1 and nan all meaning that an item has no such id."""
    listed = as_values(name, values, n, of_what)
    return [None if value in (None, "", -1) or value != value else value for value in listed]


def check_comparable(what: str, query_values: Sequence[Hashable], gallery_values: Sequence[Hashable]) -> None:
    """Refuse text on one side and numbers on the other: nothing would ever match. None is neither.

    what: "labels", "ids", ..., for the message.
    """
    queries, gallery = (
        {_kind(value) for value in values if value is not None} for values in (query_values, gallery_values)
    )
    if queries and gallery and not queries & gallery:
        raise ValueError(
            f"query_{what} are {' and '.join(queries)} and gallery_{what} are {' and '.join(gallery)}: "
            "none could match. Give both in the same form."
        )


def _kind(value: Hashable) -> str:
    return "text" if isinstance(value, str) else "bytes" if isinstance(value, bytes) else "numbers"


def positions_by_value(values: Sequence[Hashable]) -> dict[Hashable, IntArray]:
    """Each different value, in order of first appearance, with the ascending positions that hold it."""
    positions: dict[Hashable, list[int]] = {}
    for position, value in enumerate(values):
        positions.setdefault(value, []).append(position)
    return {value: np.array(found, dtype=np.int64) for value, found in positions.items()}
