"""Bits that give class vectors back and that functions of the items can give, by alternating steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from methods.parts.anchors import AnchorGraph


@dataclass(frozen=True)
class TermWeights:
    """Of the functions' error (codes, α), the graph (γ), W (semantic, λ) and P (anchors, β)."""

    codes: float
    graph: float
    semantic: float
    anchors: float


class DiscreteCodes:
    """The unknowns, and steps that each lower the objective or leave it as it is.

    maps: φ(X) (n_m, a_m) of each modality, float32. graphs: its neighbour graph. labels: (n,) int64 of all
    items, sketches first. vectors T: (C, v) float64. Bits B: (n, L) of 1 and -1, rotation R: (v, v),
    semantic W: (L, v), anchor weights P: (a_m, L), all float64.
    """

    def __init__(
        self,
        weights: TermWeights,
        maps: Sequence[Tensor],
        graphs: Sequence[AnchorGraph],
        labels: Tensor,
        vectors: Tensor,
        *,
        width: int,
        seed: int,
    ) -> None:
        """Bits start as signs of random projections of the class vectors, R as the identity."""
        self.weights, self.maps, self.graphs, self.width = weights, maps, graphs, width
        self.labels, self.vectors = labels, vectors
        n_semantic = vectors.shape[1]
        generator = torch.Generator().manual_seed(seed)
        planes = torch.randn(n_semantic, width, generator=generator, dtype=torch.float64)
        self.bits = signs_or(vectors @ planes, torch.ones(()))[labels]
        self.rotation = torch.eye(n_semantic, dtype=torch.float64)
        self._starts = [len(part) for part in maps][:-1]
        self._grams = [gram(part) for part in maps]
        self.update_semantic()
        self.update_anchor_weights()

    def update_rotation(self) -> None:
        """Orthogonal Procrustes: of all rotations, R = UVᵀ brings Rᵀt nearest Wᵀb, T Bᵀ W = U S Vᵀ."""
        left, _, right = torch.linalg.svd(self.vectors.T @ self._class_sums() @ self.semantic)
        self.rotation = left @ right

    def update_semantic(self) -> None:
        """Ridge regression of the rotated class vectors on the bits."""
        penalty = self.weights.semantic * len(self.bits) * torch.eye(self.width).double()
        targets = self._class_sums().T @ self.vectors @ self.rotation
        self.semantic = torch.linalg.solve(self.bits.T @ self.bits + penalty, targets)

    def update_anchor_weights(self) -> None:
        """Ridge regression of the bits on the anchor similarities, for each modality."""
        penalty = self.weights.anchors / self.weights.codes * len(self.bits)
        self.anchor_weights = []
        for part, square, bits in zip(
            self.maps, self._grams, self.bits.tensor_split(self._starts), strict=True
        ):
            ridge = square + penalty * torch.eye(len(square), dtype=torch.float64)
            products = (part.T @ bits.float()).double()
            self.anchor_weights.append(torch.linalg.solve(ridge, products))

    def update_bits(self) -> None:
        """Discrete cyclic coordinate descent: each bit of all items at once, the other bits held.

        For one bit the objective is linear but for the graph's -γ bᵀAb, which is concave: with its tangent in
        place of it, the signs of the slope are the minimum of an upper bound (Shen et al., CVPR 2015, for the
        linear part).
        """
        predicted = torch.cat(
            [(part @ p.float()).double() for part, p in zip(self.maps, self.anchor_weights, strict=True)]
        )
        of_classes = self.vectors @ self.rotation @ self.semantic.T
        inner = self.semantic @ self.semantic.T
        for k in range(self.width):
            bit = self.bits[:, k]
            others = self.bits @ inner[:, k] - inner[k, k] * bit
            slope = of_classes[self.labels, k] - others + self.weights.codes * predicted[:, k]
            if self.weights.graph:
                parts = zip(self.graphs, bit.tensor_split(self._starts), strict=True)
                slope += self.weights.graph * torch.cat([graph.smoothed(part) for graph, part in parts])
            self.bits[:, k] = signs_or(slope, bit)

    def _class_sums(self) -> Tensor:
        """(C, L): sums of the bits of each class."""
        sums = torch.zeros(len(self.vectors), self.width, dtype=torch.float64)
        return sums.index_add_(0, self.labels, self.bits)


def signs_or(values: Tensor, at_zero: Tensor) -> Tensor:
    """1 or -1 by the sign of each value, `at_zero` where it is 0."""
    return torch.where(values == 0, at_zero.to(values), values.sign())


def gram(items: Tensor) -> Tensor:
    """XᵀX in float64 of (n, a) float32 items, a part at a time."""
    total = torch.zeros(items.shape[1], items.shape[1], dtype=torch.float64)
    for start in range(0, len(items), 4096):
        part = items[start : start + 4096].double()
        total.addmm_(part.T, part)
    return total
