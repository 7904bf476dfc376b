"""Canonical correlation analysis of items that are paired by group, without writing the pairs out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PairMoments:
    """Means and covariances over pairs: x_mean (p,), y_mean (q,), xx (p, p), yy (q, q), xy (p, q)."""

    x_mean: Tensor
    y_mean: Tensor
    xx: Tensor
    yy: Tensor
    xy: Tensor


def pair_moments(x: Tensor, y: Tensor, x_groups: Tensor, y_groups: Tensor) -> PairMoments:
    """Moments over all pairs (x_i, y_j) of one group, every pair counted once.

    x: (n, p) and y: (m, q) float64. x_groups, y_groups: (n,) and (m,) int64. A sum over pairs needs only the
    group sums: an item counts as often as its group has partners, and the sum over pairs of x_i y_jᵀ is the
    product of the two group sums. Items without a partner do not count. Raises ValueError when no two match.
    """
    n_groups = int(max(x_groups.max(), y_groups.max())) + 1
    n_x = torch.bincount(x_groups, minlength=n_groups).to(x.dtype)
    n_y = torch.bincount(y_groups, minlength=n_groups).to(y.dtype)
    n_pairs = n_x @ n_y
    if n_pairs == 0:
        raise ValueError("no item of one modality has a partner in the other")
    x_weights, y_weights = n_y[x_groups] / n_pairs, n_x[y_groups] / n_pairs
    x_mean, y_mean = x_weights @ x, y_weights @ y
    x, y = x - x_mean, y - y_mean
    x_sums = torch.zeros(n_groups, x.shape[1], dtype=x.dtype).index_add_(0, x_groups, x)
    y_sums = torch.zeros(n_groups, y.shape[1], dtype=y.dtype).index_add_(0, y_groups, y)
    return PairMoments(
        x_mean=x_mean,
        y_mean=y_mean,
        xx=x.T @ (x * x_weights[:, None]),
        yy=y.T @ (y * y_weights[:, None]),
        xy=x_sums.T @ y_sums / n_pairs,
    )


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
