from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from methods.parts.graphs import (
    ClassGraphConvolution,
    GraphConvolution,
    minimum_spanning_tree,
    normalised_adjacency,
    similarity_graph,
)


def unit_rows(n: int, *, seed: int) -> torch.Tensor:
    return normalize(torch.randn(n, 4, generator=torch.Generator().manual_seed(seed)), dim=1)


def edges(adjacency: torch.Tensor) -> set[tuple[int, int]]:
    return {(i, j) for i, j in combinations(range(len(adjacency)), 2) if adjacency[i, j]}


def is_tree(candidate: tuple[tuple[int, int], ...], n: int) -> bool:
    parts = [{i} for i in range(n)]
    for i, j in candidate:
        a, b = (next(part for part in parts if node in part) for node in (i, j))
        if a is b:
            return False
        parts = [part for part in parts if part is not a and part is not b] + [a | b]
    return len(parts) == 1


@pytest.mark.parametrize("seed", range(4))
def test_spanning_tree_is_the_cheapest_of_all_trees(seed):
    vectors = unit_rows(5, seed=seed)
    costs = 1 - vectors @ vectors.T
    trees = [t for t in combinations(combinations(range(5), 2), 4) if is_tree(t, 5)]
    assert len(trees) == 125  # Cayley: 5 ** 3 labelled trees on five nodes
    cheapest = min(trees, key=lambda tree: sum(float(costs[i, j]) for i, j in tree))
    assert edges(minimum_spanning_tree(vectors)) == set(cheapest)


def test_equal_class_vectors_are_joined_although_their_edge_costs_nothing():
    vectors = torch.tensor([[1.0, 0], [0, 1], [1, 0], [1, 0]])
    found = edges(minimum_spanning_tree(vectors))
    assert len(found) == 3
    assert len(found & {(0, 2), (0, 3), (2, 3)}) == 2


def test_adjacency_is_symmetric_without_loops():
    adjacency = minimum_spanning_tree(unit_rows(7, seed=0))
    assert torch.equal(adjacency, adjacency.T)
    assert adjacency.diagonal().sum() == 0
    assert adjacency.dtype == torch.float32


def test_normalised_adjacency_of_a_path_of_three_by_hand():
    path = torch.tensor([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]])
    # With loops the degrees are 2, 3, 2.
    expected = [[1 / 2, 6**-0.5, 0], [6**-0.5, 1 / 3, 6**-0.5], [0, 6**-0.5, 1 / 2]]
    np.testing.assert_allclose(normalised_adjacency(path), expected, rtol=1e-6)


def test_graph_convolution_follows_its_formula():
    vectors = unit_rows(5, seed=1)
    layer = ClassGraphConvolution(vectors, hidden=6, width=3)
    first, second = layer.first.weight.detach().numpy().T, layer.second.weight.detach().numpy().T
    hat = normalised_adjacency(minimum_spanning_tree(vectors)).numpy()
    expected = hat @ np.maximum(hat @ vectors.numpy() @ first, 0) @ second
    np.testing.assert_allclose(layer(vectors).detach(), expected, atol=1e-6)


def graph_by_hand(vectors: list[list[float]], temperature: float) -> list[list[float]]:
    similarity = [[math.exp(-(math.dist(v, w) ** 2) / temperature) for w in vectors] for v in vectors]
    degrees = [sum(row) for row in similarity]
    return [
        [a / math.sqrt(degrees[i] * degrees[j]) for j, a in enumerate(row)]
        for i, row in enumerate(similarity)
    ]


# More than 25 rows, where torch takes a product of matrices for distances.
@pytest.mark.parametrize("n", [5, 40])
@pytest.mark.parametrize("temperature", [0.1, 2.0])
def test_similarity_graph_is_the_normalised_exponential_of_square_distances(n, temperature):
    vectors = torch.cat([unit_rows(n, seed=2), unit_rows(2, seed=2)])  # two stand in it twice
    found = similarity_graph(vectors, temperature=temperature)
    np.testing.assert_allclose(found, graph_by_hand(vectors.tolist(), temperature), atol=2e-5)


def test_similarity_graph_leaves_the_roots_of_its_degrees_as_they_are():
    """D^-½ A D^-½ · D^½ 1 = D^-½ A 1 = D^½ 1: what is propagated neither grows nor fades."""
    vectors = unit_rows(6, seed=3)
    similarity = (-torch.cdist(vectors, vectors).square() / 0.5).exp()
    roots = similarity.sum(dim=1).sqrt()
    torch.testing.assert_close(similarity_graph(vectors, temperature=0.5) @ roots, roots)


def test_similarity_graph_of_a_low_temperature_joins_equal_vectors_alone():
    vectors = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    expected = [[0.5, 0.0, 0.5], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]]
    np.testing.assert_allclose(similarity_graph(vectors, temperature=1e-3), expected, atol=1e-6)


def test_similarity_graph_of_a_high_temperature_joins_all_alike():
    found = similarity_graph(unit_rows(4, seed=0), temperature=1e6)
    np.testing.assert_allclose(found, np.full((4, 4), 1 / 4), atol=1e-5)


def test_a_layer_of_the_graph_mixes_nodes_and_then_their_numbers():
    layer = GraphConvolution(2, 3)
    nodes, propagation = [[1.0, -2.0], [0.5, 3.0]], [[0.9, 0.1], [0.3, 0.6]]
    found = layer(torch.tensor(nodes), torch.tensor(propagation)).tolist()
    for i, row in enumerate(propagation):
        mixed = [sum(p * node[k] for p, node in zip(row, nodes, strict=True)) for k in range(2)]
        for weights, number in zip(layer.weight.tolist(), found[i], strict=True):
            expected = sum(w * m for w, m in zip(weights, mixed, strict=True))
            assert number == pytest.approx(expected, abs=1e-6)
