"""Means and covariances over all pairs of a group, without writing the pairs out."""

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
