"""From embeddings to codes, under a suite's code type."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmark.codes.itq import Array, as_bits, fit_itq
from benchmark.codes.term import CodeKind, Codes
from datasets.settings import Modality

Emb = NDArray[np.float32]
Bits = NDArray[np.uint8]
Encode = Callable[[Emb, Emb], tuple[Bits, Bits]]

_ROWS = 4096


def make_encoder(
    codes: Codes,
    seen: Callable[[], tuple[Emb, Emb]],
    *,
    seed: int,
    modalities: tuple[Modality, Modality] = ("sketch", "photo"),
) -> Encode:
    """Return the function that turns (Q, d) queries and (N, d) gallery items into (Q, b) and (N, b) bits.

    codes: any kind but `real`. seen: gives the embeddings of the seen sketches and photos. `itq` calls it
    here, before there is a test embedding, and learns from nothing else; the transductive kinds never call it
    and learn from what they encode. modalities: of the queries and of the gallery. Bits are uint8, 0 or 1;
    equal seeds give equal bits.
    Raises ValueError, here or from the function, for embeddings that are too narrow.
    """
    rng = np.random.default_rng(seed)

    def of_seen(sketches: Emb, photos: Emb) -> Encode:
        """Each modality loses its own mean; equally many of both shape the directions."""
        mean_of, n = {"sketch": _mean(sketches), "photo": _mean(photos)}, min(len(sketches), len(photos))
        drawn = [np.sort(rng.permutation(len(emb))[:n]) for emb in (sketches, photos)]
        sample = np.concatenate([sketches[drawn[0]] - mean_of["sketch"], photos[drawn[1]] - mean_of["photo"]])
        means = mean_of[modalities[0]], mean_of[modalities[1]]
        return _itq(means, fit_itq(sample, bits=codes.bits, rng=rng))

    def of_test(queries: Emb, gallery: Emb) -> tuple[Bits, Bits]:
        means = _mean(queries), _mean(gallery)
        sample = queries - means[0] if codes.kind is CodeKind.ITQ_QUERIES else gallery - means[1]
        return _itq(means, fit_itq(sample, bits=codes.bits, rng=rng))(queries, gallery)

    if codes.kind is CodeKind.SIGN:
        return lambda queries, gallery: (as_bits(queries), as_bits(gallery))
    return of_seen(*seen()) if codes.kind is CodeKind.ITQ else of_test


def _mean(emb: Emb) -> Array:
    mean: Array = emb.mean(axis=0, dtype=np.float64)
    return mean


def _itq(means: tuple[Array, Array], directions: Array) -> Encode:
    def bits_of(emb: Emb, mean: Array) -> Bits:
        # In parts: centring makes float64 copies, and a gallery may be large.
        parts = (emb[start : start + _ROWS] for start in range(0, len(emb), _ROWS))
        return np.concatenate([as_bits((part - mean) @ directions) for part in parts])

    return lambda queries, gallery: (bits_of(queries, means[0]), bits_of(gallery, means[1]))
