"""IIAE's loss against slow loops over the items of a small batch, and what moves the two encoders kept."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from benchmark.errors import BenchmarkError
from datasets.seen import SeenData
from methods.base import FitProgress
from methods.iiae import IIAE, IIAEConfig, IIAEObjective
from methods.parts.pairs import PairBatch, PairSampler
from methods.parts.vae import GaussianEncoder

N_PAIRS, WIDTH, NOISE = 16, 5, 0.7
SMALL = {"hidden": 8, "width": WIDTH, "dropout": 0.0}
WEIGHTS = pytest.mark.parametrize(
    "weights",
    [
        {"beta": 0.5, "lambda_interaction": 1.0, "lambda_reconstruction": 30.0},
        {"beta": 0.2, "lambda_interaction": 3.0, "lambda_reconstruction": 7.0},
    ],
)
Gaussians = list[list[tuple[float, float]]]
"""(mean, log variance) of every number of every item."""


@pytest.fixture
def batch(uneven) -> PairBatch:
    return next(PairSampler(uneven, seed=5).epoch(N_PAIRS))


@pytest.fixture
def drawn_by_hand(monkeypatch):
    """Let every number that is drawn for a code be NOISE."""
    monkeypatch.setattr(torch, "randn_like", lambda x: torch.full_like(x, NOISE))


def build(seen: SeenData, **config: Any) -> IIAEObjective:
    torch.manual_seed(0)
    return IIAEObjective(IIAEConfig(**{**SMALL, **config}), seen)


@torch.no_grad()
def gaussians(encoder: GaussianEncoder, *items: torch.Tensor) -> Gaussians:
    outputs = encoder.network(torch.hstack(items)).tolist()
    return [list(zip(row[:WIDTH], row[WIDTH:], strict=True)) for row in outputs]


def drawn(codes: Gaussians) -> list[list[float]]:
    return [[mean + math.exp(log_variance / 2) * NOISE for mean, log_variance in row] for row in codes]


def divergence(codes: Gaussians, others: Gaussians | None = None) -> float:
    """KL of normal distributions, summed over the numbers of a code, a mean over items."""
    result = 0.0
    for row, other_row in zip(codes, others or [[(0.0, 0.0)] * WIDTH] * len(codes), strict=True):
        for (mean, log_variance), (other_mean, other_log_variance) in zip(row, other_row, strict=True):
            ratio = (math.exp(log_variance) + (mean - other_mean) ** 2) / math.exp(other_log_variance)
            result += (other_log_variance - log_variance + ratio - 1) / 2
    return result / len(codes)


@WEIGHTS
def test_both_items_are_made_again_of_the_shared_and_their_own_exclusive_code(
    uneven, batch, scaled, drawn_by_hand, weights
):
    objective, expected = build(uneven, **weights), 0.0
    shared = drawn(gaussians(objective.both_shared, batch.photos, batch.sketches))
    for items, targets, exclusive, decoder in (
        (batch.photos, scaled.photos, objective.photo_exclusive, objective.photo_decoder),
        (batch.sketches, scaled.sketches, objective.sketch_exclusive, objective.sketch_decoder),
    ):
        own = drawn(gaussians(exclusive, items))
        codes = torch.tensor([a + b for a, b in zip(shared, own, strict=True)])
        for made, wanted in zip(decoder(codes).tolist(), targets.tolist(), strict=True):
            expected += math.dist(made, wanted) ** 2 / len(wanted) / N_PAIRS
    weight = (weights["beta"] + weights["lambda_interaction"]) * weights["lambda_reconstruction"]
    assert objective(batch)["reconstruction"].item() == pytest.approx(weight * expected, rel=1e-5)


@WEIGHTS
def test_exclusive_codes_are_kept_like_noise(uneven, batch, weights):
    objective = build(uneven, **weights)
    expected = divergence(gaussians(objective.photo_exclusive, batch.photos))
    expected += divergence(gaussians(objective.sketch_exclusive, batch.sketches))
    weight = weights["beta"] + weights["lambda_interaction"]
    assert objective(batch)["exclusive"].item() == pytest.approx(weight * expected, rel=1e-5)


@WEIGHTS
def test_the_shared_code_is_kept_like_noise(uneven, batch, weights):
    objective = build(uneven, **weights)
    expected = divergence(gaussians(objective.both_shared, batch.photos, batch.sketches))
    assert objective(batch)["shared"].item() == pytest.approx(weights["beta"] * expected, rel=1e-5)


@WEIGHTS
def test_what_both_say_together_is_what_each_alone_is_to_say(uneven, batch, weights):
    objective = build(uneven, **weights)
    shared = gaussians(objective.both_shared, batch.photos, batch.sketches)
    expected = divergence(shared, gaussians(objective.photo_shared, batch.photos))
    expected += divergence(shared, gaussians(objective.sketch_shared, batch.sketches))
    found = objective(batch)["interaction"].item()
    assert found == pytest.approx(weights["lambda_interaction"] * expected, rel=1e-5)


def test_the_loss_has_these_four_terms(uneven, batch):
    assert set(build(uneven)(batch)) == {"reconstruction", "exclusive", "shared", "interaction"}


@pytest.mark.parametrize(
    ("term", "parts"),
    [
        (
            "reconstruction",
            {"both_shared", "photo_exclusive", "sketch_exclusive", "photo_decoder", "sketch_decoder"},
        ),
        ("exclusive", {"photo_exclusive", "sketch_exclusive"}),
        ("shared", {"both_shared"}),
        ("interaction", {"both_shared", "photo_shared", "sketch_shared"}),
    ],
)
def test_a_term_moves_what_it_passes(uneven, batch, moved_by, term, parts):
    objective = build(uneven)
    assert moved_by(objective, objective(batch)[term]) == parts


@pytest.mark.parametrize(("n_sketches", "term"), [(5, "shared"), (5, "exclusive"), (5, "interaction")])
def test_divergences_are_means_over_items(uneven, term, n_sketches):
    """A pair beside itself, again and again, costs what it costs alone."""
    batch = next(PairSampler(uneven, seed=5).epoch(N_PAIRS))
    rows = torch.zeros(n_sketches, dtype=torch.int64)
    alone, often = (
        PairBatch(batch.sketches[idx], batch.photos[idx], batch.labels[idx], idx, idx, idx)
        for idx in (rows[:1], rows)
    )
    objective = build(uneven)
    torch.testing.assert_close(objective(often)[term], objective(alone)[term])


def fitted(seen: SeenData, **config: Any) -> IIAE:
    return IIAE(IIAEConfig(**{**SMALL, "epochs": 1, **config})).fit(seen, seed=0, progress=FitProgress())


def test_embeddings_are_the_means_of_what_one_modality_says_alone(uneven):
    method = fitted(uneven)
    for embed, encoder, items in (
        (method.embed_sketches, method.sketch_encoder, uneven.sketches[:4]),
        (method.embed_photos, method.photo_encoder, uneven.photos[:4]),
    ):
        means = [[mean for mean, _ in row] for row in gaussians(encoder.gaussian, items)]
        assert embed(items).tolist() == means


def test_the_encoders_kept_are_those_of_the_shared_code(uneven):
    objective = build(uneven)
    assert objective.sketch_encoder.gaussian is objective.sketch_shared
    assert objective.photo_encoder.gaussian is objective.photo_shared


@pytest.mark.parametrize("depth", [1, 2])
def test_a_saved_method_embeds_two_widths_as_before(uneven, tmp_path, depth):
    method = fitted(uneven, depth=depth)
    method.save(tmp_path / "model.safetensors")
    loaded = IIAE.load(tmp_path / "model.safetensors")
    assert torch.equal(loaded.embed_sketches(uneven.sketches), method.embed_sketches(uneven.sketches))
    assert torch.equal(loaded.embed_photos(uneven.photos), method.embed_photos(uneven.photos))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beta": 0.0}, "beta = 0.0, allowed: numbers above 0"),
        ({"lambda_interaction": -1.0}, "lambda_interaction = -1.0, allowed: numbers from 0 on"),
        ({"lambda_reconstruction": -1.0}, "lambda_reconstruction = -1.0, allowed: numbers from 0 on"),
        ({"normalise": True}, "normalise = True, allowed: False"),
    ],
)
def test_wrong_values_are_refused(changes, message):
    with pytest.raises(BenchmarkError, match=message):
        IIAEConfig(**changes)
