"""Blocks of costs from embeddings: smaller is better, so that sorted rows stand best first.

Only the order of costs counts. Every named distance is one matrix product of prepared arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metrics.arrays import Array, as_index, like, namespace
from metrics.distances import DISTANCES, check_codes, prepare, unique_rows
from metrics.hamming import distances, pack
from metrics.inputs import IntArray, as_array, check_finite

Host = NDArray[Any]
Distance = str | Callable[[Any, Any], Any]
Pair = tuple[Host, Host]
Rows = IntArray


class Block(NamedTuple):
    """Costs of some queries against the whole gallery; the reader may overwrite them.

    rows: (B,) positions of the queries. costs: (B, N), a numpy array on the CPU, a tensor on other devices.
    n_levels: where costs are whole numbers from 0 of a small range, how many there are; else None.
    """

    rows: Rows
    costs: Array
    n_levels: int | None


def count_items(query_emb: Any, gallery_emb: Any, distance: Distance, block: int) -> tuple[int, int]:
    """Check what `cost_blocks` is about to be given, and return (Q, N).

    Raises ValueError for unknown distances, shapes that do not fit and embeddings that are not finite.
    """
    if not isinstance(block, int | np.integer) or block < 1:
        raise ValueError(f"block must be a whole number from 1, got {block!r}.")
    for name, given in (("query_emb", query_emb), ("gallery_emb", gallery_emb)):
        # A tensor stays on its device: a callable may be given all scores as "embeddings".
        array = given if hasattr(given, "detach") else np.asarray(given)
        if array.ndim < 1 or len(array) == 0:
            raise ValueError(f"{name} has no rows: got shape {tuple(array.shape)}.")
        check_finite(name, array)
    if not callable(distance):
        if not isinstance(distance, str):
            kind = type(distance).__name__
            raise ValueError(
                f"distance must be one of {', '.join(DISTANCES)}, or a callable; got {kind}. "
                "Scores computed elsewhere go in by a callable that looks them up by row: metrics/README.md."
            )
        if distance not in DISTANCES:
            raise ValueError(f"No distance named {distance!r}. Known: {', '.join(DISTANCES)}, or a callable.")
        _check_shapes((as_array(query_emb), as_array(gallery_emb)))
    return len(query_emb), len(gallery_emb)


def cost_blocks(
    query_emb: Any, gallery_emb: Any, *, distance: Distance, device: str, order: Rows, block: int
) -> Iterator[Block]:
    """Costs of `block` queries at a time against the whole gallery.

    query_emb (Q, d), gallery_emb (N, d): arrays or tensors. order: queries in the order they are taken.
    Embeddings that float32 cannot hold (float64, int32, int64) give float64 costs, all others float32 ones;
    TF32 is never used.
    Equal gallery rows get equal costs under the named distances. A callable receives rows of `query_emb` and
    all of `gallery_emb` as they were given, and returns (B, N) scores, larger is better; whole numbers among
    them stay whole.
    """
    rows_of = [order[start : start + block] for start in range(0, len(order), block)]
    if callable(distance):
        return _given(query_emb, gallery_emb, distance, rows_of, device)
    queries, gallery = as_array(query_emb), as_array(gallery_emb)
    if distance == "hamming":
        check_codes(queries, gallery)
        if str(device) == "cpu":
            return _counted_bits(queries, gallery, rows_of)
    dtype = np.result_type(np.float32, queries.dtype, gallery.dtype)
    prepare_queries, right = prepare(distance, gallery.astype(dtype, copy=False))
    factors = _Factors(
        left=lambda rows: -prepare_queries(queries[rows].astype(dtype, copy=False)), right=right
    )
    if distance == "hamming":
        return _multiplied_bits(factors, rows_of, device)
    products = _numpy_products if str(device) == "cpu" else _torch_products
    return products(factors, rows_of, device)


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


@dataclass(frozen=True)
class _Factors:
    """Costs as a product. left: rows of queries -> (B, d). right: (N, d)."""

    left: Callable[[Rows], Host]
    right: Host


def _numpy_products(factors: _Factors, rows_of: list[Rows], _: str) -> Iterator[Block]:
    right, copies = unique_rows(factors.right)
    product = np.empty((len(rows_of[0]), len(right)), dtype=right.dtype)
    for rows in rows_of:
        with np.errstate(over="ignore", invalid="ignore"):  # check_costs words the error
            costs = np.matmul(factors.left(rows), right.T, out=product[: len(rows)])
        yield Block(rows, costs if copies is None else costs.take(copies, axis=1), None)


def _torch_products(factors: _Factors, rows_of: list[Rows], device: str) -> Iterator[Block]:
    import torch

    right, copies = unique_rows(factors.right)
    # In float64, where no TF32 setting of the process reaches; a GPU hardly notices at these sizes.
    on_device = torch.from_numpy(right.astype(np.float64)).to(device).T
    dtype = torch.float32 if right.dtype == np.float32 else torch.float64
    columns = None if copies is None else torch.from_numpy(copies).to(device)
    for rows in rows_of:
        product = torch.from_numpy(factors.left(rows).astype(np.float64)).to(device) @ on_device
        costs = product.to(dtype)
        yield Block(rows, costs if columns is None else costs[:, columns], None)


def _counted_bits(queries: Host, gallery: Host, rows_of: list[Rows]) -> Iterator[Block]:
    query_words, gallery_words = pack(queries), pack(gallery)
    for rows in rows_of:
        yield Block(rows, distances(query_words[rows], gallery_words), gallery.shape[1] + 1)


def _multiplied_bits(factors: _Factors, rows_of: list[Rows], device: str) -> Iterator[Block]:
    """From products of codes of -1 and 1, which are b - 2 differing bits and exact in floating point."""
    n_bits = factors.right.shape[1]
    for rows, costs, _ in _torch_products(factors, rows_of, device):
        yield Block(rows, as_index((costs + n_bits) / 2), n_bits + 1)


def _given(
    query_emb: Any,
    gallery_emb: Any,
    score: Callable[[Any, Any], Any],
    rows_of: list[Rows],
    device: str,
) -> Iterator[Block]:
    n_gallery = len(gallery_emb)
    queries = query_emb if hasattr(query_emb, "shape") else np.asarray(query_emb)
    for rows in rows_of:
        given = score(queries[rows], gallery_emb)
        shape, dtype = tuple(np.shape(given)), str(getattr(given, "dtype", type(given).__name__))
        if shape != (len(rows), n_gallery) or not _is_real(dtype):
            raise ValueError(
                f"The distance callable returned {dtype} of shape {shape} for {len(rows)} queries; it must "
                f"return ({len(rows)}, {n_gallery}) real scores, larger is better."
            )
        yield Block(rows, *_negated(given, device))


# Whole numbers of so few values that counting them is faster than sorting: lowest and highest.
_SMALL = {"bool": (0, 1), "int8": (-128, 127), "uint8": (0, 255)}
_LARGEST = np.iinfo(np.int64).max


def _is_real(dtype: str) -> bool:
    return any(kind in dtype for kind in ("int", "float", "bool"))


def _negated(scores: Any, device: str) -> tuple[Array, int | None]:
    """Fresh costs in the reverse order of the scores (a callable may hand out its own array), and levels."""
    if str(device) == "cpu" or not hasattr(scores, "detach"):
        scores = as_array(scores)
    else:
        scores = scores.detach()
        scores = scores.float() if "float16" in str(scores.dtype) else scores
    kind = str(scores.dtype).removeprefix("torch.")
    if kind in _SMALL:
        lowest, highest = _SMALL[kind]
        costs, n_levels = highest - as_index(scores), highest - lowest + 1
    elif "int" in kind:
        if kind == "uint64":  # the same order in int64
            scores = scores.view(namespace(scores).int64) ^ -(1 << 63)
        # ~x = -x - 1 reverses the order of all whole numbers; -x has no place for the smallest one.
        costs, n_levels = ~as_index(scores), None
        if costs.max() == _LARGEST:  # room for removed items, behind all others
            costs = namespace(costs).unique(costs, return_inverse=True)[1].reshape(costs.shape)
    else:
        costs, n_levels = (-scores if kind != "float16" else -scores.astype(np.float32)), None
    if str(device) != "cpu":
        import torch

        costs = torch.as_tensor(costs, device=device)
    return costs, n_levels


def remove(block: Block, index: Rows, columns: Rows) -> None:
    """Put items behind all that count, in place: of rows `index` of the block, the items `columns`."""
    costs, worst = block.costs, float(block.n_levels or np.inf)
    if block.n_levels is None and "float" not in str(costs.dtype):
        worst = _LARGEST
    costs[like(costs, index), like(costs, columns)] = worst


def check_costs(costs: Array, is_named: bool) -> None:
    """Raise ValueError for costs that are not finite."""
    if not np.isfinite([float(costs.max()), float(costs.min())]).all():
        origin = "the product of the embeddings" if is_named else "the distance callable"
        raise ValueError(
            f"A score from {origin} is nan or infinite. A ranking needs finite scores; "
            "embeddings this large overflow, so rescale them, or replace such scores by finite ones."
        )
