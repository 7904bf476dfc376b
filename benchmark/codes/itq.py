"""Iterative quantization: principal components, turned until they lie near the corners of a cube.

The signs of what comes out are the code. Gong and Lazebnik, CVPR 2011; letters are those of the paper.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

N_ITERATIONS = 50  # the paper's choice (section 2.2)

Array = NDArray[np.float64]


def fit_itq(centred: Array, *, bits: int, rng: np.random.Generator) -> Array:
    """Learn the directions whose signs are the bits.

    centred: (n, d) float64 of mean zero. Returns (d, bits) float64 with orthonormal columns; the code of x is
    the sign of x @ directions. Raises ValueError where an embedding has fewer dimensions than the code bits.
    """
    width = centred.shape[1]
    if width < bits:
        raise ValueError(
            f"an ITQ code of {bits} bits needs embeddings of width {bits} or more, these have {width}. "
            "Ask for fewer bits, or for wider embeddings where the method is free to choose"
        )
    components = principal_components(centred, bits)
    return components @ fit_rotation(centred @ components, rng=rng)


def principal_components(centred: Array, n_components: int) -> Array:
    """W of the paper (equation 1): the (d, n_components) directions of largest variance, largest first."""
    ascending = np.linalg.eigh(centred.T @ centred).eigenvectors
    return ascending[:, ::-1][:, :n_components]


def fit_rotation(projected: Array, *, rng: np.random.Generator, n_iterations: int = N_ITERATIONS) -> Array:
    """Learn the (c, c) orthogonal R with a small loss ||B - V R||^2, B the signs of V R (equation 2).

    projected: (n, c) float64, V of the paper. Starts from a random rotation. Each iteration takes the best B
    for R, then the best R for B, an orthogonal Procrustes problem: the loss never rises.
    """
    n_bits = projected.shape[1]
    rotation = np.linalg.qr(rng.standard_normal((n_bits, n_bits))).Q
    for _ in range(n_iterations):
        corners = np.where(as_bits(projected @ rotation), 1.0, -1.0)
        left, _, right = np.linalg.svd(corners.T @ projected)
        rotation = right.T @ left.T
    return rotation


def as_bits(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """1 where a value is above zero, else 0.

    An exact zero counts as 0: embeddings that a ReLU cut off are mostly zeros, and those say "absent".
    """
    return (values > 0).astype(np.uint8)
