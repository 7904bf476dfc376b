"""A graph over the seen classes, and a graph convolution on it."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from scipy.sparse.csgraph import minimum_spanning_tree as scipy_minimum_spanning_tree
from torch import Tensor, nn


def minimum_spanning_tree(class_vectors: Tensor) -> Tensor:
    """Adjacency (C, C) of 0 and 1, symmetric, of the tree with the smallest sum of 1 - cos(s_a, s_b).

    class_vectors: (C, v) of length 1.
    """
    vectors = class_vectors.detach().cpu().double().numpy()
    # Every spanning tree has C - 1 edges, so a constant added to all costs changes no tree; it keeps equal
    # vectors, at cost 0, from being read as "no edge".
    costs = 2.0 - np.clip(vectors @ vectors.T, -1.0, 1.0)
    np.fill_diagonal(costs, 0.0)
    tree = scipy_minimum_spanning_tree(costs).toarray() > 0
    return torch.from_numpy(tree | tree.T).to(class_vectors)


def normalised_adjacency(adjacency: Tensor) -> Tensor:
    """D^-½ (A + I) D^-½ with D the degrees of A + I (Kipf and Welling, ICLR 2017)."""
    with_loops = adjacency + torch.eye(len(adjacency)).to(adjacency)
    scale = with_loops.sum(dim=1).rsqrt()
    return scale[:, None] * with_loops * scale[None, :]


def similarity_graph(vectors: Tensor, *, temperature: float) -> Tensor:
    """(n, n): D^-½ A D^-½ with A_ij = exp(-‖v_i - v_j‖² / temperature), whose diagonal of 1 is its loops.

    vectors: (n, v). Source: Shen et al., Zero-shot sketch-image hashing, CVPR 2018.
    """
    similarity = (-torch.cdist(vectors, vectors).square() / temperature).exp()
    scale = similarity.sum(dim=1).rsqrt()
    return scale[:, None] * similarity * scale[None, :]


class GraphConvolution(nn.Linear):
    """X -> P X W on a graph with propagation P (n, n), such as Â (Kipf and Welling, ICLR 2017)."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(n_in, n_out, bias=False)

    def forward(self, nodes: Tensor, propagation: Tensor) -> Tensor:  # type: ignore[override]
        """(n, n_in), (n, n) -> (n, n_out)."""
        return propagation @ super().forward(nodes)


class ClassGraphConvolution(nn.Module):
    """Semantic codes of all seen classes at once: Â · ReLU(Â S W₁) · W₂ on their minimum spanning tree."""

    propagation: Tensor

    def __init__(self, class_vectors: Tensor, *, hidden: int, width: int) -> None:
        super().__init__()
        self.register_buffer("propagation", normalised_adjacency(minimum_spanning_tree(class_vectors)))
        self.first = GraphConvolution(class_vectors.shape[1], hidden)
        self.second = GraphConvolution(hidden, width)

    def forward(self, class_vectors: Tensor) -> Tensor:
        """(C, v) -> (C, width)."""
        hidden = self.first(class_vectors, self.propagation).relu()
        return cast(Tensor, self.second(hidden, self.propagation))
