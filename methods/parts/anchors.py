"""Items described by their similarities to anchors, and a neighbour graph that goes through anchors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class AnchorMap:
    """φ(x)_a = exp(-‖x - anchor_a‖² / spread). anchors: (a, d) float32. spread: () float32."""

    anchors: Tensor
    spread: Tensor

    def __call__(self, items: Tensor) -> Tensor:
        """(n, d) float32 -> (n, a) float32."""
        return (squared_distances(items, self.anchors) / -self.spread).exp_()


def anchor_map(items: Tensor, *, n_anchors: int) -> AnchorMap:
    """Draw anchors from (n, d) items, by torch's global generator; all items where there are fewer.

    The spread is the mean of all squared distances between items and anchors, as in the demo of zero-shot
    hashing's authors (test.m, Luoyadan's repository).
    """
    anchors = items[torch.randperm(len(items))[:n_anchors]]
    # The mean over pairs of ‖x‖² + ‖a‖² - 2 xᵀa needs no pair.
    lengths = items.square().sum(dim=1).mean() + anchors.square().sum(dim=1).mean()
    spread = lengths - 2 * items.mean(dim=0) @ anchors.mean(dim=0)
    return AnchorMap(anchors, spread.clamp(min=torch.finfo(spread.dtype).tiny))


def squared_distances(items: Tensor, anchors: Tensor) -> Tensor:
    """(n, d), (a, d) -> (n, a), not below 0."""
    products = torch.addmm(anchors.square().sum(dim=1), items, anchors.T, alpha=-2)
    return products.add_(items.square().sum(dim=1, keepdim=True)).clamp_(min=0)


class AnchorGraph:
    """Items joined through the anchors next to them: A = Z Λ⁻¹ Zᵀ, whose rows sum to 1, and L = I - A.

    Z (n, a) holds each item's similarities to its nearest anchors, scaled to sum 1, and Λ its column sums
    (Liu et al., ICML 2011). A is positive semi-definite; a product with it costs n times the number of
    neighbours.
    """

    def __init__(self, similarities: Tensor, *, n_neighbours: int) -> None:
        """similarities: (n, a), positive; an item is joined to the n_neighbours largest, or to all."""
        n_joined = min(n_neighbours, similarities.shape[1])
        nearest, self.neighbours = similarities.topk(n_joined, dim=1)
        self.shares = (nearest / nearest.sum(dim=1, keepdim=True)).double()
        self.n_anchors = similarities.shape[1]
        self.loads = self._sums(torch.ones(len(similarities), dtype=torch.float64))

    def smoothed(self, values: Tensor) -> Tensor:
        """A times (n,) float64 values."""
        # An anchor that nobody is joined to has no load and no sum.
        means = self._sums(values) / self.loads.masked_fill(self.loads == 0, 1.0)
        return (self.shares * means[self.neighbours]).sum(dim=1)

    def _sums(self, values: Tensor) -> Tensor:
        sums = torch.zeros(self.n_anchors, dtype=torch.float64)
        return sums.index_add_(0, self.neighbours.flatten(), (self.shares * values[:, None]).flatten())
