"""Classes as mixtures of classes: least squares over the probability simplex."""

from __future__ import annotations

import torch
from torch import Tensor


def simplex_projection(points: Tensor) -> Tensor:
    """Nearest point of the simplex {z ≥ 0, Σ z = 1} to each row of (n, C) (Held et al., Math. Prog. 1974)."""
    largest_first = points.sort(dim=1, descending=True).values
    excess = largest_first.cumsum(dim=1) - 1
    ranks = torch.arange(1, points.shape[1] + 1, device=points.device)
    n_kept = (largest_first * ranks > excess).sum(dim=1, keepdim=True)
    return (points - excess.gather(1, n_kept - 1) / n_kept).relu()


def mixtures(vectors: Tensor, *, gamma: float, tolerance: float = 1e-10) -> Tensor:
    """Write every vector as a mixture of all: (C, v) float64 -> Z (C, C), its rows on the simplex.

    Row c minimises ½‖t_c - Σ_k z_k t_k‖² + gamma/2 ‖z‖², gamma above 0, to within `tolerance` of the minimum:
    for a convex function, ⟨gradient, z⟩ - min_k gradient_k bounds what is left. Accelerated projected
    gradient descent for strongly convex functions (Nesterov, 2004, 2.2.20). Raises RuntimeError where that
    does not get there.
    """
    gram = vectors @ vectors.T
    steepest = float(torch.linalg.eigvalsh(gram)[-1]) + gamma
    momentum = (steepest**0.5 - gamma**0.5) / (steepest**0.5 + gamma**0.5)

    def gradient(z: Tensor) -> Tensor:
        return z @ gram + gamma * z - gram

    z = ahead = torch.eye(len(vectors), dtype=vectors.dtype)
    for step in range(100_000):
        last, z = z, simplex_projection(ahead - gradient(ahead) / steepest)
        ahead = z + momentum * (z - last)
        if step % 10 == 0:
            slope = gradient(z)
            if ((slope * z).sum(dim=1) - slope.amin(dim=1)).max() <= tolerance:
                return z
    raise RuntimeError(f"mixtures did not converge at gamma = {gamma}")
