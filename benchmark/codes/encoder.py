"""From embeddings to codes, under a suite's code type."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmark.codes.itq import Array, as_bits, fit_itq
from benchmark.codes.term import CodeKind, Codes

Emb = NDArray[np.float32]
Bits = NDArray[np.uint8]
Encode = Callable[[Emb, Emb], tuple[Bits, Bits]]

_ROWS = 4096


def make_encoder(codes: Codes, seen: Callable[[], tuple[Emb, Emb]], *, seed: int) -> Encode:
    """Return the function that turns (Q, d) sketches and (N, d) photos of the test into (Q, b), (N, b) bits.

    codes: any kind but `real`. seen: gives the embeddings of the seen sketches and photos. `itq` calls it
    here, before there is a test embedding, and learns from nothing else; the transductive kinds never call it
    and learn from what they encode. Bits are uint8, 0 or 1; equal seeds give equal bits.
    Raises ValueError, here or from the function, for embeddings that are too narrow.
    """
    rng = np.random.default_rng(seed)

    def of_seen(sketches: Emb, photos: Emb) -> Encode:
        """Each modality loses its own mean; equally many of both shape the directions."""
        means, n = (_mean(sketches), _mean(photos)), min(len(sketches), len(photos))
        drawn = [np.sort(rng.permutation(len(emb))[:n]) for emb in (sketches, photos)]
        sample = np.concatenate([sketches[drawn[0]] - means[0], photos[drawn[1]] - means[1]])
        return _itq(means, fit_itq(sample, bits=codes.bits, rng=rng))

    def of_test(sketches: Emb, photos: Emb) -> tuple[Bits, Bits]:
        means = _mean(sketches), _mean(photos)
        sample = sketches - means[0] if codes.kind is CodeKind.ITQ_QUERIES else photos - means[1]
        return _itq(means, fit_itq(sample, bits=codes.bits, rng=rng))(sketches, photos)

    if codes.kind is CodeKind.SIGN:
        return lambda sketches, photos: (as_bits(sketches), as_bits(photos))
    return of_seen(*seen()) if codes.kind is CodeKind.ITQ else of_test


def _mean(emb: Emb) -> Array:
    mean: Array = emb.mean(axis=0, dtype=np.float64)
    return mean


def _itq(means: tuple[Array, Array], directions: Array) -> Encode:
    def bits_of(emb: Emb, mean: Array) -> Bits:
        # In parts: centring makes float64 copies, and a gallery may be large.
        parts = (emb[start : start + _ROWS] for start in range(0, len(emb), _ROWS))
        return np.concatenate([as_bits((part - mean) @ directions) for part in parts])

    return lambda sketches, photos: (bits_of(sketches, means[0]), bits_of(photos, means[1]))
