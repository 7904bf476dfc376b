"""ZSIH's fusion and loss number by number, what moves what, and codes that are the signs of embeddings."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from benchmark.errors import BenchmarkError
from datasets.seen import SeenData
from methods.base import FitProgress
from methods.parts.pairs import PairBatch, PairSampler
from methods.zsih import ZSIH, BitEncoder, Fusion, ZSIHConfig, ZSIHObjective

N_PAIRS, WIDTH = 16, 5
SMALL = {"hidden": 8, "width": WIDTH, "dropout": 0.0, "n_fused": 4}


@pytest.fixture
def batch(uneven) -> PairBatch:
    return next(PairSampler(uneven, seed=5).epoch(N_PAIRS))


@pytest.fixture
def thresholds(monkeypatch) -> torch.Tensor:
    """(B, WIDTH): the uniform numbers that a bit is drawn with, the same in every batch."""
    uniform = torch.rand(N_PAIRS, WIDTH, generator=torch.Generator().manual_seed(4))
    monkeypatch.setattr(torch, "rand_like", lambda x: uniform)
    return uniform


def build(seen: SeenData, **config: Any) -> ZSIHObjective:
    torch.manual_seed(0)
    return ZSIHObjective(ZSIHConfig(**{**SMALL, **config}), seen)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def linear(layer: torch.nn.Linear, x: list[float]) -> list[float]:
    biases = [0.0] * layer.out_features if layer.bias is None else layer.bias.tolist()
    rows = zip(layer.weight.tolist(), biases, strict=True)
    return [sum(w * number for w, number in zip(row, x, strict=True)) + bias for row, bias in rows]


def spread_over(graph: list[list[float]], nodes: list[list[float]]) -> list[list[float]]:
    return [
        [sum(a * node[k] for a, node in zip(row, nodes, strict=True)) for k in range(len(nodes[0]))]
        for row in graph
    ]


def graph_of(vectors: list[list[float]], temperature: float) -> list[list[float]]:
    edges = [[math.exp(-(math.dist(v, w) ** 2) / temperature) for w in vectors] for v in vectors]
    degrees = [sum(row) for row in edges]
    return [
        [edge / math.sqrt(degrees[i] * degrees[j]) for j, edge in enumerate(row)]
        for i, row in enumerate(edges)
    ]


# The fusion.


def seen_of(sketches: torch.Tensor, photos: torch.Tensor) -> SeenData:
    """Seen data of one class that holds these items alone."""
    labels = torch.zeros(len(sketches), dtype=torch.int64)
    return SeenData(
        class_names=("one",),
        sketches=sketches.clone(),
        photos=photos.clone(),
        sketch_labels=labels,
        photo_labels=labels,
        sketch_instances=None,
        photo_instances=None,
        class_vectors=None,
        pairs="class",
    )


def root_mean_square(features: torch.Tensor) -> float:
    numbers = features.flatten().tolist()
    return math.sqrt(sum(x * x for x in numbers) / len(numbers))


@pytest.mark.parametrize("temperature", [0.1, 1.5])
@pytest.mark.parametrize("n_pairs", [1, 4])
def test_the_fusion_multiplies_all_numbers_of_both_and_passes_them_twice_over_the_graph(temperature, n_pairs):
    torch.manual_seed(0)
    config = ZSIHConfig(hidden=3, width=2, n_fused=2, temperature=temperature)
    generator = torch.Generator().manual_seed(1)
    sketches, photos, vectors = (torch.randn(n_pairs, n, generator=generator) for n in (4, 5, 3))
    fusion = Fusion(config, seen_of(sketches, photos))
    own_sketches, own_photos = sketches / root_mean_square(sketches), photos / root_mean_square(photos)
    graph, nodes = graph_of(vectors.tolist(), temperature), []
    for sketch, photo in zip(own_sketches.tolist(), own_photos.tolist(), strict=True):
        of_sketch = [max(0.0, x) for x in linear(fusion.of_sketch, sketch)]
        of_photo = [max(0.0, x) for x in linear(fusion.of_photo, photo)]
        products = [a * b for a in of_sketch for b in of_photo]
        nodes.append([sigmoid(x) for x in linear(fusion.fused, products)])
    hidden = [
        [max(0.0, x) for x in row] for row in spread_over(graph, [linear(fusion.first, n) for n in nodes])
    ]
    outputs = spread_over(graph, [linear(fusion.second, n) for n in hidden])
    expected = torch.tensor([[sigmoid(x) for x in row] for row in outputs])
    torch.testing.assert_close(fusion(sketches, photos, vectors), expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_pairs_of_a_class_hear_of_each_other_and_at_a_low_temperature_no_others_do():
    torch.manual_seed(0)
    sketches, photos = torch.randn(3, 6), torch.randn(3, 7)
    fusion = Fusion(ZSIHConfig(hidden=8, width=5, n_fused=4, temperature=1e-3), seen_of(sketches, photos))
    vectors = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    before = fusion(sketches, photos, vectors)
    sketches[0] += 3.0
    is_moved = (fusion(sketches, photos, vectors) != before).any(dim=1)
    assert is_moved.tolist() == [True, True, False]


# The loss.


@torch.no_grad()
def probabilities(objective: ZSIHObjective, batch: PairBatch) -> list[list[float]]:
    vectors = objective.class_vectors[batch.labels]
    return objective.fusion(batch.sketches, batch.photos, vectors).tolist()


def bits(objective: ZSIHObjective, batch: PairBatch, thresholds: torch.Tensor) -> list[list[float]]:
    rows = zip(probabilities(objective, batch), thresholds.tolist(), strict=True)
    return [[float(u < p) for p, u in zip(*row, strict=True)] for row in rows]


@pytest.mark.parametrize("lambda_entropy", [1.0, 0.2])
def test_the_entropy_term_is_the_mean_log_probability_of_the_drawn_bits(
    uneven, batch, thresholds, lambda_entropy
):
    objective, expected = build(uneven, lambda_entropy=lambda_entropy), 0.0
    drawn = bits(objective, batch, thresholds)
    assert 0 < sum(map(sum, drawn)) < N_PAIRS * WIDTH
    for row, of_row in zip(drawn, probabilities(objective, batch), strict=True):
        expected += sum(math.log(p if bit else 1 - p) for bit, p in zip(row, of_row, strict=True))
    found = objective(batch)["entropy"].item()
    assert found == pytest.approx(lambda_entropy * expected / (N_PAIRS * WIDTH), rel=1e-5)


@pytest.mark.parametrize("lambda_semantic", [1.0, 2.5])
def test_the_class_vector_is_decoded_from_the_bits(uneven, batch, thresholds, lambda_semantic):
    objective, expected = build(uneven, lambda_semantic=lambda_semantic), 0.0
    for row, label in zip(bits(objective, batch, thresholds), batch.labels.tolist(), strict=True):
        vector = uneven.class_vectors[label].tolist()
        decoded = [x / math.sqrt(len(vector)) for x in linear(objective.semantic_decoder, row)]
        expected += math.dist(decoded, vector) ** 2
    found = objective(batch)["semantic"].item()
    assert found == pytest.approx(lambda_semantic * expected / N_PAIRS, rel=1e-5)


def test_both_encoders_learn_the_bits_as_probabilities(uneven, batch, thresholds):
    objective, expected = build(uneven), 0.0
    for encoder, items in (
        (objective.sketch_encoder.encoder, batch.sketches),
        (objective.photo_encoder.encoder, batch.photos),
    ):
        outputs = encoder(items).tolist()
        for row, own in zip(bits(objective, batch, thresholds), outputs, strict=True):
            expected += sum((sigmoid(x) - bit) ** 2 for bit, x in zip(row, own, strict=True))
    found = objective(batch)["encoders"].item()
    assert found == pytest.approx(expected / (2 * WIDTH) / N_PAIRS, rel=1e-5)


def test_the_loss_has_these_three_terms_and_bits_are_drawn_anew_for_every_batch(uneven, batch):
    objective = build(uneven)
    first, second = objective(batch), objective(batch)
    assert set(first) == {"entropy", "semantic", "encoders"}
    assert first["semantic"].item() != second["semantic"].item()


@pytest.mark.parametrize(
    ("term", "parts"),
    [
        ("entropy", {"fusion"}),
        ("semantic", {"fusion", "semantic_decoder"}),
        ("encoders", {"fusion", "sketch_encoder", "photo_encoder"}),
    ],
)
def test_a_term_moves_what_it_passes(uneven, batch, moved_by, term, parts):
    """Through the drawn bits too, which is what the card says of the encoders' term."""
    objective = build(uneven)
    assert moved_by(objective, objective(batch)[term]) == parts


def test_bits_are_drawn_towards_what_both_encoders_say(uneven, batch, monkeypatch):
    """The gradient of b in ((f - b)² + (g - b)²) / 2 is 2b - f - g, over the numbers of bits and of pairs."""
    generator = torch.Generator().manual_seed(4)
    drawn = (torch.rand(N_PAIRS, WIDTH, generator=generator) < 0.5).float().requires_grad_()
    monkeypatch.setattr("methods.zsih.drawn_bits", lambda probabilities: drawn)
    objective = build(uneven)
    objective(batch)["encoders"].backward()
    of_sketches = objective.sketch_encoder.encoder(batch.sketches).tolist()
    of_photos = objective.photo_encoder.encoder(batch.photos).tolist()
    for row, gradient, f, g in zip(drawn.tolist(), drawn.grad.tolist(), of_sketches, of_photos, strict=True):
        expected = [
            (2 * bit - sigmoid(x) - sigmoid(y)) / (N_PAIRS * WIDTH)
            for bit, x, y in zip(row, f, g, strict=True)
        ]
        assert gradient == pytest.approx(expected, abs=1e-7)


# Codes.


def fitted(seen: SeenData, **config: Any) -> ZSIH:
    return ZSIH(ZSIHConfig(**{**SMALL, "epochs": 1, **config})).fit(seen, seed=0, progress=FitProgress())


def test_an_output_is_twice_the_probability_less_1(uneven):
    torch.manual_seed(0)
    encoder = ZSIHConfig(**SMALL).encoder(24)
    found = BitEncoder(encoder)(uneven.sketches[:4]).tolist()
    for row, outputs in zip(found, encoder(uneven.sketches[:4]).tolist(), strict=True):
        assert row == pytest.approx([2 * sigmoid(x) - 1 for x in outputs], abs=1e-6)


def test_the_sign_of_an_embedding_is_the_bit_cut_at_a_half(uneven):
    method = fitted(uneven)
    for embed, encoder, items in (
        (method.embed_sketches, method.sketch_encoder.encoder, uneven.sketches),
        (method.embed_photos, method.photo_encoder.encoder, uneven.photos),
    ):
        is_set = [[sigmoid(x) >= 0.5 for x in row] for row in encoder(items).tolist()]
        assert (embed(items) >= 0).tolist() == is_set
        assert 0 < sum(map(sum, is_set)) < WIDTH * len(items)


def test_training_brings_the_codes_of_a_pair_together(world):
    """Near 1 / 2 of all bits agree where nothing has been learnt."""

    def agreement(epochs: int) -> float:
        config = {"hidden": 32, "width": 16, "n_fused": 8, "batch": 48, "lr": 5e-3, "epochs": epochs}
        method = fitted(world.seen, **config)
        sketches, photos = method.embed_sketches(world.seen.sketches), method.embed_photos(world.seen.photos)
        return ((sketches >= 0) == (photos >= 0)).float().mean().item()

    assert agreement(epochs=30) > 0.85
    assert agreement(epochs=1) < 0.7


def test_a_saved_method_embeds_two_widths_as_before(uneven, tmp_path):
    method = fitted(uneven)
    method.save(tmp_path / "model.safetensors")
    loaded = ZSIH.load(tmp_path / "model.safetensors")
    assert torch.equal(loaded.embed_sketches(uneven.sketches), method.embed_sketches(uneven.sketches))
    assert torch.equal(loaded.embed_photos(uneven.photos), method.embed_photos(uneven.photos))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": 0.0}, "temperature = 0.0, allowed: numbers above 0"),
        ({"n_fused": 0}, "n_fused = 0, allowed: numbers above 0"),
        ({"lambda_entropy": -1.0}, "lambda_entropy = -1.0, allowed: numbers from 0 on"),
        ({"lambda_semantic": -1.0}, "lambda_semantic = -1.0, allowed: numbers from 0 on"),
        ({"normalise": True}, "normalise = True, allowed: False"),
    ],
)
def test_wrong_values_are_refused(changes, message):
    with pytest.raises(BenchmarkError, match=message):
        ZSIHConfig(**changes)
