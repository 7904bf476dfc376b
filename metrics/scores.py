"""Blocks of scores from embeddings: larger is better, and only the order counts.

Every named distance is one matrix product of prepared arrays, so block sizes and devices share one path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrics.inputs import as_array, check_finite

Array = NDArray[Any]
Distance = str | Callable[[Any, Any], Any]
Pair = tuple[Array, Array]


def score_blocks(
    query_emb: Any, gallery_emb: Any, *, distance: Distance, block: int, device: str
) -> Iterator[tuple[slice, Array]]:
    """Scores of `block` queries at a time against the whole gallery.

    query_emb (Q, d), gallery_emb (N, d): arrays or tensors. Yields (rows, (B, N) float32 or float64), which
    the caller may overwrite. float64 embeddings give float64 scores, all others float32; TF32 is never used.
    Equal gallery rows get equal scores under the named distances. A callable receives its slice of
    `query_emb` and all of `gallery_emb` as they were given, and returns (B, N), larger is better.
    Raises ValueError for unknown distances, shapes that do not fit and anything that is not finite.
    """
    if not isinstance(block, int | np.integer) or block < 1:
        raise ValueError(f"block must be a whole number from 1, got {block!r}.")
    pair = as_array(query_emb), as_array(gallery_emb)
    for name, array in zip(("query_emb", "gallery_emb"), pair, strict=True):
        if array.ndim < 1 or len(array) == 0:
            raise ValueError(f"{name} has no rows: got shape {array.shape}.")
        check_finite(name, array)
    if callable(distance):
        return _given_scores(query_emb, gallery_emb, distance, (len(pair[0]), len(pair[1])), block)
    if distance not in _PREPARE:
        raise ValueError(f"No distance named {distance!r}. Known: {', '.join(_PREPARE)}, or a callable.")
    _check_shapes(pair)
    return _products(*_PREPARE[distance](*_as_floats(pair)), block=block, device=device)


def _check_shapes(pair: Pair) -> None:
    for name, array in zip(("query_emb", "gallery_emb"), pair, strict=True):
        if array.ndim != 2 or array.shape[1] == 0:
            raise ValueError(f"{name} must have shape (items, dimensions), got {array.shape}.")
        if array.dtype.kind not in "fiub":
            raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}.")
    if pair[0].shape[1] != pair[1].shape[1]:
        raise ValueError(
            f"query_emb has {pair[0].shape[1]} dimensions and gallery_emb has {pair[1].shape[1]}: "
            "both must come from one embedding space."
        )


def _as_floats(pair: Pair) -> Pair:
    small = np.dtype(np.float32)
    dtype = np.result_type(small, *(array.dtype for array in pair))
    return pair[0].astype(dtype, copy=False), pair[1].astype(dtype, copy=False)


def _squared_norms(array: Array) -> NDArray[np.float64]:
    norms: NDArray[np.float64] = np.einsum("ij,ij->i", array, array, dtype=np.float64)
    return norms


def _prepare_dot(queries: Array, gallery: Array) -> Pair:
    return queries, gallery


def _prepare_cosine(queries: Array, gallery: Array) -> Pair:
    """Rows of length one. A zero row stays zero: its cosine to everything counts as 0."""
    lengths = [np.sqrt(_squared_norms(array)) for array in (queries, gallery)]
    unit = [
        array / np.where(length > 0, length, 1.0).astype(array.dtype)[:, None]
        for array, length in zip((queries, gallery), lengths, strict=True)
    ]
    return unit[0], unit[1]


def _prepare_euclidean(queries: Array, gallery: Array) -> Pair:
    """q·g - |g|²/2 falls as |q - g| grows; the constant rides along as one more dimension."""
    # Distances do not see a shift. A whole-number one saves the digits that an offset shared by all
    # embeddings would eat, leaves unit-scale embeddings as they are and keeps integer codes exact.
    shift = np.rint(gallery.mean(axis=0, dtype=np.float64)).astype(gallery.dtype)
    queries, gallery = queries - shift, gallery - shift
    constant = (-0.5 * _squared_norms(gallery)).astype(gallery.dtype)
    return np.column_stack([queries, np.ones_like(queries[:, :1])]), np.column_stack([gallery, constant])


def _prepare_hamming(queries: Array, gallery: Array) -> Pair:
    values = np.union1d(queries, gallery)
    if not (np.isin(values, (-1, 1)).all() or np.isin(values, (0, 1)).all()):
        shown = ", ".join(f"{value:g}" for value in values[:4])
        raise ValueError(
            f"hamming needs codes of -1 and 1, or of 0 and 1; found {values.size} values ({shown} ...). "
            "Turn the embeddings into codes first, or use another distance."
        )
    one = np.float32(1)
    return np.where(queries == 1, one, -one), np.where(gallery == 1, one, -one)


_PREPARE: dict[str, Callable[[Array, Array], Pair]] = {
    "euclidean": _prepare_euclidean,
    "cosine": _prepare_cosine,
    "dot": _prepare_dot,
    "hamming": _prepare_hamming,
}


def _unique_rows(gallery: Array) -> tuple[Array, NDArray[np.int64] | None]:
    """Distinct rows and, where some are equal, which of them each gallery row is (else None)."""
    rows = np.ascontiguousarray(gallery + gallery.dtype.type(0))  # -0.0 + 0.0 = +0.0: one bit pattern
    as_bytes = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    _, first, inverse = np.unique(as_bytes, return_index=True, return_inverse=True)
    return (gallery, None) if first.size == len(rows) else (rows[first], inverse)


def _products(queries: Array, gallery: Array, *, block: int, device: str) -> Iterator[tuple[slice, Array]]:
    # A matrix product may give equal columns different last bits; scored once, duplicates tie exactly.
    gallery, copies = _unique_rows(gallery)
    multiply = _numpy_product(gallery) if str(device) == "cpu" else _torch_product(gallery, device)
    for start in range(0, len(queries), block):
        rows = slice(start, min(start + block, len(queries)))
        scores = _checked(multiply(queries[rows]), "the product of the embeddings")
        yield rows, scores if copies is None else scores[:, copies]


def _given_scores(
    query_emb: Any, gallery_emb: Any, score: Callable[[Any, Any], Any], shape: tuple[int, int], block: int
) -> Iterator[tuple[slice, Array]]:
    queries = query_emb if hasattr(query_emb, "shape") else np.asarray(query_emb)
    for start in range(0, shape[0], block):
        rows = slice(start, min(start + block, shape[0]))
        given = as_array(score(queries[rows], gallery_emb))
        expected = (rows.stop - start, shape[1])
        if given.shape != expected or given.dtype.kind not in "fiub":
            raise ValueError(
                f"The distance callable returned {given.dtype} of shape {given.shape} for queries {start} to "
                f"{rows.stop - 1}; it must return {expected} real scores, larger is better."
            )
        # A copy: the ranking overwrites scores, and a callable may hand out a view of its own array.
        dtype = np.result_type(np.float32, given.dtype)
        yield rows, _checked(np.array(given, dtype=dtype, order="C"), "the distance callable")


def _checked(scores: Array, origin: str) -> Array:
    if not np.isfinite(scores).all():
        raise ValueError(
            f"A score from {origin} is nan or infinite. A ranking needs finite scores; "
            "embeddings this large overflow, so rescale them, or replace such scores by finite ones."
        )
    return scores


def _numpy_product(gallery: Array) -> Callable[[Array], Array]:
    def multiply(queries: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):  # _checked words the error
            product: Array = queries @ gallery.T
        return product

    return multiply


def _torch_product(gallery: Array, device: str) -> Callable[[Array], Array]:
    import torch

    # In float64, where no TF32 setting of the process reaches; a GPU hardly notices at these sizes.
    on_device = torch.from_numpy(gallery.astype(np.float64)).to(device).T

    def multiply(queries: Array) -> Array:
        product = torch.from_numpy(queries.astype(np.float64)).to(device) @ on_device
        with np.errstate(over="ignore"):
            rounded: Array = product.cpu().numpy().astype(queries.dtype)
        return rounded

    return multiply
