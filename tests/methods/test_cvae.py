"""CVAE's loss against slow loops over the items of a small batch, and what moves what."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from benchmark.errors import BenchmarkError
from datasets.seen import SeenData
from methods.cvae import CVAEConfig, CVAEObjective
from methods.parts.objectives import total
from methods.parts.pairs import PairBatch, PairSampler

N_PAIRS, WIDTH, N_SKETCH = 16, 5, 24
SMALL = {"hidden": 8, "width": WIDTH, "dropout": 0.0}
NOISE = 0.7


@pytest.fixture
def batch(uneven) -> PairBatch:
    return next(PairSampler(uneven, seed=5).epoch(N_PAIRS))


@pytest.fixture
def drawn_by_hand(monkeypatch):
    """Let every number that is drawn for a code be NOISE."""
    monkeypatch.setattr(torch, "randn_like", lambda x: torch.full_like(x, NOISE))


def build(seen: SeenData, **config: Any) -> CVAEObjective:
    torch.manual_seed(0)
    return CVAEObjective(CVAEConfig(**{**SMALL, **config}), seen)


@pytest.fixture
def objective(uneven) -> CVAEObjective:
    return build(uneven)


@torch.no_grad()
def gaussians(objective: CVAEObjective, batch: PairBatch) -> list[tuple[list[float], list[float]]]:
    """(means, log variances) of each pair."""
    pairs = torch.tensor([x + s for x, s in zip(batch.photos.tolist(), batch.sketches.tolist(), strict=True)])
    outputs = objective.encoder.network(pairs).tolist()
    return [(row[:WIDTH], row[WIDTH:]) for row in outputs]


def linear(layer: torch.nn.Linear, x: list[float]) -> list[float]:
    biases = [0.0] * layer.out_features if layer.bias is None else layer.bias.tolist()
    rows = zip(layer.weight.tolist(), biases, strict=True)
    return [sum(w * number for w, number in zip(row, x, strict=True)) + bias for row, bias in rows]


def made_photos(objective: CVAEObjective, batch: PairBatch) -> list[list[float]]:
    """W₂ relu(W_z z + W_s s + b) + b₂ of drawn codes z, number by number."""
    decoder, made = objective.made.decoder, []
    for (mean, log_variance), sketch in zip(
        gaussians(objective, batch), batch.sketches.tolist(), strict=True
    ):
        code = [m + math.exp(v / 2) * NOISE for m, v in zip(mean, log_variance, strict=True)]
        summands = zip(linear(decoder.of_code, code), linear(decoder.of_sketch, sketch), strict=True)
        made.append(linear(decoder.output, [max(0.0, a + b) for a, b in summands]))
    return made


@pytest.mark.parametrize("lambda_kl", [1.0, 0.3])
def test_codes_are_kept_like_noise_by_their_weighted_divergence(uneven, batch, scaled, lambda_kl):
    objective = build(uneven, lambda_kl=lambda_kl)
    expected = 0.0
    for mean, log_variance in gaussians(objective, scaled):
        for m, v in zip(mean, log_variance, strict=True):
            expected += (m**2 + math.exp(v) - 1 - v) / 2
    found = objective(batch)["divergence"].item()
    assert found == pytest.approx(lambda_kl * expected / N_PAIRS, rel=1e-5)


def test_photos_are_made_again_of_drawn_codes_and_sketches(objective, batch, scaled, drawn_by_hand):
    expected = 0.0
    for made, photo in zip(made_photos(objective, scaled), scaled.photos.tolist(), strict=True):
        expected += math.dist(made, photo) ** 2 / len(photo)
    assert objective(batch)["reconstruction"].item() == pytest.approx(expected / N_PAIRS, rel=1e-5)


@pytest.mark.parametrize("lambda_sketch", [1.0, 2.5])
def test_of_a_made_photo_the_sketch_is_made_again(uneven, batch, scaled, drawn_by_hand, lambda_sketch):
    objective, expected = build(uneven, lambda_sketch=lambda_sketch), 0.0
    first, last = objective.made.regressor.layers[0], objective.made.regressor.layers[-1]
    for made, sketch in zip(made_photos(objective, scaled), scaled.sketches.tolist(), strict=True):
        returned = linear(last, [max(0.0, x) for x in linear(first, made)])
        expected += math.dist(returned, sketch) ** 2 / len(sketch)
    found = objective(batch)["sketch"].item()
    assert found == pytest.approx(lambda_sketch * expected / N_PAIRS, rel=1e-5)


def test_the_loss_has_these_three_terms(objective, batch):
    assert set(objective(batch)) == {"divergence", "reconstruction", "sketch"}


def test_codes_are_drawn_anew_for_every_batch(objective, batch):
    first, second = (objective(batch)["reconstruction"].item() for _ in range(2))
    assert first != second


@pytest.mark.parametrize(
    ("term", "parts"),
    [("divergence", {"encoder"}), ("reconstruction", {"encoder", "made"}), ("sketch", {"encoder", "made"})],
)
def test_a_term_moves_what_it_passes(objective, batch, moved_by, term, parts):
    # The decoder has two names, and this is the first of them.
    assert moved_by(objective, objective(batch)[term]) == parts


def test_the_regressor_of_sketches_is_moved_by_its_own_term_alone(objective, batch):
    def gradient(term: str) -> float:
        objective.zero_grad()
        objective(batch)[term].backward()
        return sum(
            float(p.grad.abs().sum()) for p in objective.made.regressor.parameters() if p.grad is not None
        )

    assert gradient("reconstruction") == 0
    assert gradient("sketch") > 0


def test_dropout_is_in_the_encoder_of_pairs_and_not_where_photos_are_made(uneven, batch, drawn_by_hand):
    objective = build(uneven, dropout=0.9)
    mean = objective.encoder(torch.hstack([batch.photos, batch.sketches])).mean
    assert (mean != objective.encoder(torch.hstack([batch.photos, batch.sketches])).mean).any()
    codes = torch.ones(N_PAIRS, WIDTH)
    first, second = (objective.made.losses(codes, batch.sketches, batch.photos) for _ in range(2))
    assert total(first).item() == total(second).item()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lambda_kl": -0.1}, "lambda_kl = -0.1, allowed: numbers from 0 on"),
        ({"lambda_sketch": -1.0}, "lambda_sketch = -1.0, allowed: numbers from 0 on"),
        ({"normalise": True}, "normalise = True, allowed: False"),
        ({"depth": 1}, "depth = 1, allowed: 2"),
    ],
)
def test_wrong_values_are_refused(changes, message):
    with pytest.raises(BenchmarkError, match=message):
        CVAEConfig(**changes)
