"""What numpy and torch spell differently: everything else in this package runs on arrays of either.

The CPU works with numpy arrays, whose value sort is the fastest there is, any other device with torch
tensors. Arrays here have one row a query; `Array` stands for both kinds.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from metrics.inputs import IntArray

Array = Any


def namespace(array: Array) -> ModuleType:
    """The module whose functions take this array: numpy or torch."""
    if isinstance(array, np.ndarray):
        return np
    import torch

    return torch


def like(array: Array, values: Any) -> Array:
    """A numpy array or a number as an array of the kind, and on the device, of another one."""
    if isinstance(array, np.ndarray):
        return np.asarray(values)
    import torch

    return torch.as_tensor(values, device=array.device)


def to_host(array: Array) -> Any:
    """The numpy array of an array of either kind."""
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()


def as_index(array: Array) -> Array:
    """Whole numbers as int64."""
    return array.astype(np.int64) if isinstance(array, np.ndarray) else array.long()


def as_float(array: Array) -> Array:
    """float64, which holds every count exactly."""
    return array.astype(np.float64) if isinstance(array, np.ndarray) else array.double()


def sort_rows(array: Array) -> Array:
    """Rows in ascending order; a numpy array is sorted in place."""
    if isinstance(array, np.ndarray):
        array.sort(axis=1)
        return array
    return array.sort(dim=1).values


def stable_argsort_rows(array: Array) -> Array:
    """Columns of each row in ascending order of their values, equal ones from left to right."""
    if isinstance(array, np.ndarray):
        return np.argsort(array, axis=1, kind="stable")
    return array.sort(dim=1, stable=True).indices


def first_columns(array: Array, k: int) -> Array:
    """(B, k) the first k columns of `stable_argsort_rows`."""
    if not isinstance(array, np.ndarray):
        return stable_argsort_rows(array)[:, :k]
    found = np.empty((len(array), k), dtype=np.int64)
    for row, values, last in zip(found, array, np.partition(array, k - 1, axis=1)[:, k - 1], strict=True):
        candidates = np.flatnonzero(values <= last)
        row[:] = candidates[np.argsort(values[candidates], kind="stable")][:k]
    return found


def search_rows(ascending: Array, values: Array, side: str, where: Array | None = None) -> Array:
    """(B, R) int64: where the values (B, R) stand in sorted rows (B, N), in every row on its own.

    where: (B, R) entries to search, the others may come out as anything; None for all.
    """
    if not isinstance(ascending, np.ndarray):
        import torch

        return torch.searchsorted(ascending.contiguous(), values.contiguous(), side=side)
    found = np.zeros(values.shape, dtype=np.int64)
    for row in range(len(values)) if where is None else np.flatnonzero(where.any(axis=1)):
        wanted = slice(None) if where is None else where[row]
        found[row, wanted] = ascending[row].searchsorted(values[row, wanted], side)
    return found


def take_rows(array: Array, columns: Array) -> Array:
    """(B, R): of each row of (B, N), the columns (B, R)."""
    if isinstance(array, np.ndarray):
        return np.take_along_axis(array, columns, axis=1)
    return array.gather(1, columns)


def best_from_here(array: Array) -> Array:
    """Running maximum of each row from its right end."""
    if isinstance(array, np.ndarray):
        return np.maximum.accumulate(array[:, ::-1], axis=1)[:, ::-1]
    return array.flip(1).cummax(dim=1).values.flip(1)


def best_from_columns(array: Array, columns: IntArray) -> Array:
    """(B, K) maxima of each row from the given columns on; columns (K,) must not descend."""
    if isinstance(array, np.ndarray):
        return best_from_here(np.maximum.reduceat(array, columns, axis=1))
    return best_from_here(array)[:, like(array, columns)]


def repeat_entries(array: Array, times: Array) -> Array:
    """Each entry of (B, E) as often as `times` (B, E) says; every row must come to the same length."""
    flat = array.reshape(-1), as_index(times).reshape(-1)
    repeated = np.repeat(*flat) if isinstance(array, np.ndarray) else flat[0].repeat_interleave(flat[1])
    return repeated.reshape(len(array), -1)


def histogram_rows(array: Array, n_bins: int) -> Array:
    """(B, n_bins) int64: how often each of 0 ... n_bins - 1 stands in every row of whole numbers."""
    if isinstance(array, np.ndarray):
        return np.stack([np.bincount(row, minlength=n_bins) for row in array])
    offset = like(array, np.arange(len(array)) * n_bins)
    flat = (array + offset[:, None]).reshape(-1)
    return flat.bincount(minlength=len(array) * n_bins).reshape(len(array), n_bins)
