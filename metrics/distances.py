"""The named distances as matrix products: rows prepared so that their product falls as the distance grows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrics.inputs import IntArray

Host = NDArray[Any]
Prepare = Callable[[Host], Host]


def prepare(distance: str, gallery: Host) -> tuple[Prepare, Host]:
    """What turns a block of queries (B, d) into its left factor, and the right factor (N, d') of the gallery.

    Queries are prepared block by block: a second copy of all of them would be the largest array around.
    """
    return _PREPARE[distance](gallery)


def _squared_norms(array: Host) -> NDArray[np.float64]:
    norms: NDArray[np.float64] = np.einsum("ij,ij->i", array, array, dtype=np.float64)
    return norms


def _of_length_one(array: Host) -> Host:
    """A zero row stays zero: its cosine to everything counts as 0. One too long to measure becomes nan."""
    with np.errstate(over="ignore"):
        length = np.sqrt(_squared_norms(array)).astype(array.dtype)
    length[length == 0] = 1
    length[np.isinf(length)] = np.nan  # dividing by infinity would pass for a zero row
    unit: Host = array / length[:, None]
    return unit


def _dot(gallery: Host) -> tuple[Prepare, Host]:
    return lambda queries: queries, gallery


def _cosine(gallery: Host) -> tuple[Prepare, Host]:
    return _of_length_one, _of_length_one(gallery)


def _euclidean(gallery: Host) -> tuple[Prepare, Host]:
    """q·g - |g|²/2 falls as |q - g| grows; the constant rides along as one more dimension."""
    # Distances do not see a shift. A whole-number one saves the digits that an offset shared by all
    # embeddings would eat, leaves unit-scale embeddings as they are and keeps integer codes exact.
    shift = np.rint(gallery.mean(axis=0, dtype=np.float64)).astype(gallery.dtype)
    shifted = gallery - shift
    constant = (-0.5 * _squared_norms(shifted)).astype(gallery.dtype)

    def with_one(queries: Host) -> Host:
        return np.column_stack([queries - shift, np.ones_like(queries[:, :1])])

    return with_one, np.column_stack([shifted, constant])


def _hamming(gallery: Host) -> tuple[Prepare, Host]:
    def signs(codes: Host) -> Host:
        return np.where(codes == 1, np.float32(1), np.float32(-1))

    return signs, signs(gallery)


_PREPARE: dict[str, Callable[[Host], tuple[Prepare, Host]]] = {
    "euclidean": _euclidean,
    "cosine": _cosine,
    "dot": _dot,
    "hamming": _hamming,
}
DISTANCES = tuple(_PREPARE)


def check_codes(queries: Host, gallery: Host) -> None:
    """Raise ValueError unless all entries are -1 and 1, or all are 0 and 1."""
    for low in (-1, 0):
        if all(((codes == 1) | (codes == low)).all() for codes in (queries, gallery)):
            return
    values = np.union1d(queries, gallery)
    shown = ", ".join(f"{value:g}" for value in values[:4])
    raise ValueError(
        f"hamming needs codes of -1 and 1, or of 0 and 1; found {values.size} values ({shown} ...). "
        "Turn the embeddings into codes first, or use another distance."
    )


def unique_rows(gallery: Host) -> tuple[Host, IntArray | None]:
    """Distinct rows and, where some are equal, which of them each gallery row is (else None).

    A matrix product may give equal columns different last bits; scored once, equal rows tie exactly.
    """
    rows = np.ascontiguousarray(gallery + gallery.dtype.type(0))  # -0.0 + 0.0 = +0.0: one bit pattern
    if np.unique(_hashes(rows)).size == len(rows):
        return gallery, None
    as_bytes = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    _, first, inverse = np.unique(as_bytes, return_index=True, return_inverse=True)
    return (gallery, None) if first.size == len(rows) else (rows[first], inverse)


def _hashes(rows: Host) -> NDArray[np.uint64]:
    """(N,) a number of each row, equal for equal rows; sorting numbers is far cheaper than sorting rows."""
    words: Host = rows.view(np.uint64 if rows[0].nbytes % 8 == 0 else np.uint32)
    weights = np.random.default_rng(0).integers(1 << 63, size=words.shape[1], dtype=np.uint64)
    parts = (words[i : i + 256] * weights for i in range(0, len(words), 256))  # wraps around, which is exact
    return np.concatenate([part.sum(axis=1, dtype=np.uint64) for part in parts])
