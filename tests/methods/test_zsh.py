from __future__ import annotations

import dataclasses

import pytest
import torch

from benchmark.errors import BenchmarkError
from methods.base import FitProgress
from methods.parts.anchors import AnchorGraph, anchor_map
from methods.parts.discrete_codes import DiscreteCodes, TermWeights, gram, signs_or
from methods.zsh import ZSH

WEIGHTS = TermWeights(codes=0.1, graph=0.02, semantic=0.01, anchors=0.001)
WIDTH = 10


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dense(graph: AnchorGraph, n: int) -> torch.Tensor:
    """A = Z Λ⁻¹ Zᵀ written out."""
    z = torch.zeros(n, graph.n_anchors, dtype=torch.float64)
    for i, (anchors, shares) in enumerate(zip(graph.neighbours.tolist(), graph.shares.tolist(), strict=True)):
        for anchor, share in zip(anchors, shares, strict=True):
            z[i, anchor] = share
    loads = z.sum(dim=0)
    return z[:, loads > 0] @ torch.diag(1 / loads[loads > 0]) @ z[:, loads > 0].T


def build(world, weights: TermWeights = WEIGHTS, *, n_neighbours: int = 3) -> DiscreteCodes:
    seen = world.seen
    torch.manual_seed(0)
    maps = [anchor_map(x, n_anchors=20)(x) for x in (seen.sketches, seen.photos)]
    return DiscreteCodes(
        weights,
        [part - part.mean(dim=0) for part in maps],
        [AnchorGraph(part, n_neighbours=n_neighbours) for part in maps],
        torch.cat([seen.sketch_labels, seen.photo_labels]),
        seen.class_vectors.double() - seen.class_vectors.double().mean(dim=0),
        width=WIDTH,
        seed=0,
    )


def objective(codes: DiscreteCodes) -> float:
    """The method's formula, item by item."""
    weights, n = codes.weights, len(codes.bits)
    of_modality = codes.bits.split([len(part) for part in codes.maps])
    total = weights.semantic * float(codes.semantic.square().sum())
    for label, b in zip(codes.labels, codes.bits, strict=True):
        rotated = codes.rotation.T @ codes.vectors[label]
        total += float((rotated - codes.semantic.T @ b).square().sum()) / n
    for part, p, graph, bits in zip(codes.maps, codes.anchor_weights, codes.graphs, of_modality, strict=True):
        for phi, b in zip(part.double(), bits, strict=True):
            total += weights.codes * float((b - p.T @ phi).square().sum()) / n
        total += weights.anchors * float(p.square().sum())
        laplacian = torch.eye(len(part)).double() - dense(graph, len(part))
        total += weights.graph * float(torch.trace(bits.T @ laplacian @ bits)) / n
    return total


@pytest.mark.parametrize("codes_weight", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("graph_weight", [0.0, 0.05, 2.0])
def test_no_step_raises_the_objective_and_bits_change(world, codes_weight, graph_weight):
    codes = build(world, TermWeights(codes=codes_weight, graph=graph_weight, semantic=0.01, anchors=0.001))
    # Bits at random, far from where they settle.
    codes.bits = draw(*codes.bits.shape).sign()
    start, before = codes.bits.clone(), objective(codes)
    for _ in range(3):
        for step in (
            codes.update_rotation,
            codes.update_semantic,
            codes.update_bits,
            codes.update_anchor_weights,
        ):
            step()
            after = objective(codes)
            assert after <= before + 1e-6
            before = after
    assert not torch.equal(codes.bits, start)


def test_one_sweep_over_the_bits_lowers_the_objective(world):
    codes = build(world)
    codes.bits = draw(*codes.bits.shape).sign()
    before = objective(codes)
    codes.update_bits()
    assert objective(codes) < before - 1e-3
    assert codes.bits.abs().eq(1).all()


def test_without_a_graph_no_single_flip_betters_the_bit_that_was_set_last(world):
    codes = build(world, TermWeights(codes=0.1, graph=0.0, semantic=0.01, anchors=0.001))
    codes.bits = draw(*codes.bits.shape).sign()
    codes.update_bits()
    lowest = objective(codes)
    for item in range(0, len(codes.bits), 23):
        codes.bits[item, -1] *= -1
        assert objective(codes) >= lowest
        codes.bits[item, -1] *= -1


def test_the_rotation_is_orthogonal_and_no_other_is_better(world):
    codes = build(world)
    codes.semantic = draw(*codes.semantic.shape)
    codes.update_rotation()
    found, size = codes.rotation, codes.rotation.shape[0]
    torch.testing.assert_close(found @ found.T, torch.eye(size).double(), atol=1e-10, rtol=0)
    lowest = objective(codes)
    for seed in range(20):
        skew = 0.1 * draw(size, size, seed=seed)
        codes.rotation = found @ torch.matrix_exp(skew - skew.T)
        assert objective(codes) > lowest


def test_semantic_weights_solve_their_normal_equations(world):
    codes = build(world)
    codes.update_semantic()
    targets = codes.vectors[codes.labels] @ codes.rotation
    n = len(codes.bits)
    slope = codes.bits.T @ (codes.bits @ codes.semantic - targets) / n + WEIGHTS.semantic * codes.semantic
    torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-10, rtol=0)


def test_anchor_weights_solve_their_normal_equations(world):
    codes = build(world)
    codes.update_anchor_weights()
    n = len(codes.bits)
    of_modality = codes.bits.split([len(part) for part in codes.maps])
    for part, p, bits in zip(codes.maps, codes.anchor_weights, of_modality, strict=True):
        phi = part.double()
        slope = WEIGHTS.codes * phi.T @ (phi @ p - bits) / n + WEIGHTS.anchors * p
        torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-7, rtol=0)


def test_items_of_a_class_start_with_equal_bits_of_both_signs(world):
    codes = build(world)
    n_photos = len(world.seen.photos)
    assert torch.equal(codes.bits[:-n_photos], codes.bits[-n_photos:])  # the labels are equal too
    assert codes.bits.abs().eq(1).all()
    assert (codes.bits == 1).any()
    assert (codes.bits == -1).any()


def test_a_sign_of_zero_is_the_one_it_had():
    assert signs_or(torch.tensor([0.0, 0.0, -2.0, 3.0]), torch.tensor([1.0, -1.0, 1.0, -1.0])).tolist() == [
        1.0,
        -1.0,
        -1.0,
        1.0,
    ]


def test_a_gram_matrix_in_parts_is_the_whole_product():
    items = draw(9000, 3).float()
    torch.testing.assert_close(gram(items), items.double().T @ items.double())


def test_similarities_to_anchors_fall_with_the_squared_distance_over_its_mean():
    items = draw(30, 5).float()
    torch.manual_seed(0)
    to_anchors = anchor_map(items, n_anchors=7)
    assert all((items == anchor).all(dim=1).any() for anchor in to_anchors.anchors)
    assert len(to_anchors.anchors.unique(dim=0)) == 7
    squared = torch.cdist(items.double(), to_anchors.anchors.double()).square()
    expected = torch.exp(-squared / squared.mean())
    torch.testing.assert_close(to_anchors(items).double(), expected, atol=1e-5, rtol=0)


def test_anchors_are_all_items_where_there_are_few():
    assert anchor_map(draw(4, 3).float(), n_anchors=10).anchors.shape == (4, 3)


@pytest.mark.parametrize("n_neighbours", [1, 3, 50])
def test_the_graph_smooths_as_its_matrix_whose_rows_sum_to_one(n_neighbours):
    similarities = draw(25, 8).square().float()
    similarities[:, 2] = 0.0  # an anchor next to nobody
    graph = AnchorGraph(similarities, n_neighbours=n_neighbours)
    matrix = dense(graph, 25)
    torch.testing.assert_close(matrix.sum(dim=1), torch.ones(25).double())
    values = draw(25, seed=1)
    torch.testing.assert_close(graph.smoothed(values), matrix @ values)


def test_an_item_is_joined_to_its_most_similar_anchors():
    graph = AnchorGraph(torch.tensor([[0.1, 0.3, 0.2], [0.5, 0.1, 0.1]]), n_neighbours=2)
    assert graph.neighbours[0].tolist() == [1, 2]
    torch.testing.assert_close(graph.shares[0], torch.tensor([0.6, 0.4]).double())


def test_embeddings_have_the_asked_for_width_and_mean_zero_over_the_seen_items_of_a_modality(world):
    method = ZSH(ZSH.Config(width=WIDTH)).fit(world.seen, seed=0, progress=FitProgress())
    for emb in (method.embed_sketches(world.seen.sketches), method.embed_photos(world.seen.photos)):
        assert emb.shape == (len(world.seen.sketches), WIDTH)
        torch.testing.assert_close(emb.mean(dim=0), torch.zeros(WIDTH), atol=1e-3, rtol=0)


def test_signs_of_the_embeddings_of_seen_items_are_mostly_the_bits_of_their_class(world):
    method = ZSH(ZSH.Config(width=WIDTH)).fit(world.seen, seed=0, progress=FitProgress())
    for emb, labels in (
        (method.embed_sketches(world.seen.sketches), world.seen.sketch_labels),
        (method.embed_photos(world.seen.photos), world.seen.photo_labels),
    ):
        for c in range(12):
            bits = emb[labels == c].sign()
            assert bits.mean(dim=0).abs().mean() > 0.9


def test_a_fit_is_rounds_of_the_steps_on_centred_anchors_and_class_vectors(world):
    """With parameters that are not the defaults; the embedding is Pᵀ(φ(x) - mean)."""
    weights = TermWeights(codes=0.3, graph=2.0, semantic=0.02, anchors=0.004)
    config = ZSH.Config(
        width=WIDTH,
        n_anchors=20,
        n_neighbours=15,  # so many that the graph joins classes
        n_iterations=2,
        **{f"lambda_{name}": value for name, value in dataclasses.asdict(weights).items()},
    )
    method = ZSH(config).fit(world.seen, seed=0, progress=FitProgress())
    codes = build(world, weights, n_neighbours=15)
    for _ in range(2):
        codes.update_rotation()
        codes.update_semantic()
        codes.update_bits()
        codes.update_anchor_weights()
    torch.manual_seed(0)
    maps = [anchor_map(x, n_anchors=20) for x in (world.seen.sketches, world.seen.photos)]
    for emb, items, seen, phi, p in (
        (method.embed_sketches(world.sketches), world.sketches, world.seen.sketches, maps[0], 0),
        (method.embed_photos(world.photos), world.photos, world.seen.photos, maps[1], 1),
    ):
        expected = (phi(items) - phi(seen).mean(dim=0)).double() @ codes.anchor_weights[p]
        torch.testing.assert_close(emb, expected.float(), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"distance": "hamming"}, "distance = 'hamming', allowed: euclidean, cosine"),
        ({"n_anchors": 0}, "n_anchors = 0, allowed: numbers above 0"),
        ({"lambda_codes": 0.0}, "lambda_codes = 0.0, allowed: numbers above 0"),
        ({"lambda_graph": -1.0}, "lambda_graph = -1.0, allowed: numbers from 0 on"),
    ],
)
def test_wrong_values_are_refused(changes, message):
    with pytest.raises(BenchmarkError, match=message):
        ZSH.Config(**changes)
