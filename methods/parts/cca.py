"""Canonical correlation analysis from the moments of pairs."""

from __future__ import annotations

import torch
from torch import Tensor

from methods.parts.pair_moments import PairMoments


def canonical_directions(moments: PairMoments, *, width: int, ridge: float) -> tuple[Tensor, Tensor, Tensor]:
    """Directions (p, k), (q, k) of largest correlation and the k correlations, largest first.

    ridge: added to the diagonal of each covariance, as a share of its total variance. k is `width` or less:
    directions without correlation are dropped, since which of them come out is left to rounding. Class pairs
    of C classes have at most C - 1. The directions A satisfy Aᵀ (Cov + ridge) A = I (Hotelling, Biometrika
    1936; the ridge: Vinod, J. Econometrics 1976).
    """
    x_whitening = _inverse_root(_with_ridge(moments.xx, ridge))
    y_whitening = _inverse_root(_with_ridge(moments.yy, ridge))
    x_turn, correlations, y_turn = torch.linalg.svd(x_whitening @ moments.xy @ y_whitening)
    n_kept = min(width, int((correlations > 1e-8).sum()))
    return (
        x_whitening @ x_turn[:, :n_kept],
        y_whitening @ y_turn.T[:, :n_kept],
        correlations[:n_kept],
    )


def principal_directions(x: Tensor, n_directions: int) -> Tensor:
    """Return the (d, k) directions of largest variance of (n, d) float64 items, k = n_directions or the rank.

    Raises ValueError when all items are equal.
    """
    centred = x - x.mean(dim=0)
    variances, directions = torch.linalg.eigh(centred.T @ centred)
    if variances[-1] <= 1e-20 * x.square().sum():  # what rounding leaves of equal items
        raise ValueError(f"all {len(x)} items of one modality have equal features: there is no direction")
    n_kept = min(n_directions, int((variances > 1e-10 * variances[-1]).sum()))
    largest_first: Tensor = directions[:, -n_kept:].flip(1)
    return largest_first


def _with_ridge(covariance: Tensor, ridge: float) -> Tensor:
    total_variance = covariance.diagonal().sum()
    return covariance + ridge * total_variance * torch.eye(len(covariance), dtype=covariance.dtype)


def _inverse_root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = vectors @ (vectors / values.sqrt()).T
    return root
