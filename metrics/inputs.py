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


def check_finite(name: str, array: NDArray[Any]) -> None:
    """Refuse nan and infinity, saying how many rows hold them and which come first."""
    if array.dtype.kind != "f":
        return
    finite = np.isfinite(array)
    if finite.all():
        return
    rows = np.flatnonzero(~finite.reshape(len(array), -1).all(axis=1))
    first = ", ".join(str(row) for row in rows[:5])
    raise ValueError(
        f"{name}: {rows.size} of {len(array)} rows hold nan or infinity (first rows: {first}). "
        "A ranking needs finite numbers; look at the training that produced them."
    )


def as_values(name: str, values: Any, n: int, of_what: str) -> list[Hashable]:
    """A list of `n` labels or ids from a sequence, an array or a tensor."""
    array = as_array(values)
    if array.ndim != 1 or len(array) != n:
        raise ValueError(
            f"{name} must have shape ({n},), one entry for each row of {of_what}; got {array.shape}."
        )
    listed: list[Hashable] = array.tolist()
    return listed


def as_names(name: str, values: Any, n: int, of_what: str) -> list[Hashable | None]:
    """Like `as_values`, with None, "", -1 and nan all meaning that an item has no such id."""
    listed = as_values(name, values, n, of_what)
    return [None if value in (None, "", -1) or value != value else value for value in listed]


def check_comparable(query_labels: Sequence[Hashable], gallery_labels: Sequence[Hashable]) -> None:
    """Refuse text on one side and numbers on the other: nothing would ever match."""
    query_text = isinstance(query_labels[0], str)
    if query_text != isinstance(gallery_labels[0], str):
        kinds = ("text", "numbers") if query_text else ("numbers", "text")
        raise ValueError(
            f"query_labels are {kinds[0]} and gallery_labels are {kinds[1]}: no label could match. "
            "Give both in the same form."
        )


def positions_by_value(values: Sequence[Hashable]) -> dict[Hashable, IntArray]:
    """Each different value, in order of first appearance, with the ascending positions that hold it."""
    positions: dict[Hashable, list[int]] = {}
    for position, value in enumerate(values):
        positions.setdefault(value, []).append(position)
    return {value: np.array(found, dtype=np.int64) for value, found in positions.items()}
