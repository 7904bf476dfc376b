"""CAAE's adversarial prior against slow loops over the items of a small batch, and who moves whom."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from benchmark.errors import BenchmarkError
from datasets.seen import SeenData
from methods.base import FitProgress
from methods.caae import CAAEConfig, CAAEObjective
from methods.parts.objectives import total
from methods.parts.pairs import PairBatch, PairSampler
from methods.parts.training import Schedule, train

N_PAIRS, WIDTH = 16, 5
SMALL = {"hidden": 8, "width": WIDTH, "dropout": 0.0}


@pytest.fixture
def batch(uneven) -> PairBatch:
    return next(PairSampler(uneven, seed=5).epoch(N_PAIRS))


def build(seen: SeenData, **config: Any) -> CAAEObjective:
    torch.manual_seed(0)
    return CAAEObjective(CAAEConfig(**{**SMALL, **config}), seen)


@pytest.fixture
def objective(uneven) -> CAAEObjective:
    return build(uneven)


@torch.no_grad()
def codes(objective: CAAEObjective, batch: PairBatch) -> torch.Tensor:
    """(B, WIDTH), of photo and sketch side by side."""
    return objective.encoder(torch.hstack([batch.photos, batch.sketches]))


@torch.no_grad()
def judgements(objective: CAAEObjective, items: torch.Tensor) -> list[float]:
    return objective.discriminators(items).squeeze(1).tolist()


def surprise(judgement: float, *, is_real: bool) -> float:
    """-log of the probability σ(D) that an item is real, or of its opposite."""
    return math.log(1 + math.exp(-judgement if is_real else judgement))


def mean_square(a: list[float], b: list[float]) -> float:
    return math.dist(a, b) ** 2 / len(a)


@pytest.mark.parametrize("lambda_adversarial", [1.0, 0.3])
def test_codes_want_to_be_taken_for_noise(uneven, batch, scaled, lambda_adversarial):
    objective = build(uneven, lambda_adversarial=lambda_adversarial)
    judged = judgements(objective, codes(objective, scaled))
    expected = lambda_adversarial * sum(surprise(j, is_real=True) for j in judged) / N_PAIRS
    assert objective(batch)["adversarial"].item() == pytest.approx(expected, rel=1e-5)


def test_the_discriminator_takes_noise_for_real_and_codes_for_made(objective, batch, scaled):
    noise = torch.randn(N_PAIRS, WIDTH, generator=torch.Generator().manual_seed(9))
    expected = sum(surprise(j, is_real=True) for j in judgements(objective, noise))
    expected += sum(surprise(j, is_real=False) for j in judgements(objective, codes(objective, scaled)))
    torch.manual_seed(9)
    assert objective.discriminator_loss(batch).item() == pytest.approx(expected / N_PAIRS, rel=1e-5)


def test_photos_are_made_again_of_codes_that_are_not_random(uneven, batch, scaled):
    objective = build(uneven, lambda_sketch=2.5)
    with torch.no_grad():
        made = objective.made.decoder(codes(objective, scaled), scaled.sketches)
        returned = objective.made.regressor(made)
    of_photos = of_sketches = 0.0
    for i in range(N_PAIRS):
        of_photos += mean_square(made[i].tolist(), scaled.photos[i].tolist())
        of_sketches += (
            math.dist(returned[i].tolist(), scaled.sketches[i].tolist()) ** 2 / scaled.sketches.shape[1]
        )
    found = objective(batch)
    assert set(found) == {"adversarial", "reconstruction", "sketch"}
    assert found["reconstruction"].item() == pytest.approx(of_photos / N_PAIRS, rel=1e-5)
    assert found["sketch"].item() == pytest.approx(2.5 * of_sketches / N_PAIRS, rel=1e-5)


def test_the_loss_of_the_discriminator_moves_it_alone(objective, batch, moved_by):
    assert moved_by(objective, objective.discriminator_loss(batch)) == {"discriminators"}


def test_to_be_taken_for_noise_moves_the_encoder_of_pairs(objective, batch, moved_by):
    # The discriminator has a gradient too, which its player does not take: see the next test.
    assert moved_by(objective, objective(batch)["adversarial"]) == {"encoder", "discriminators"}


def test_the_discriminator_belongs_to_the_first_player_and_all_else_to_the_second(objective):
    theirs, ours = ({id(p) for p in player.parameters} for player in objective.players())
    assert theirs == {id(p) for p in objective.discriminators.parameters()}
    assert ours == {id(p) for part in (objective.encoder, objective.made) for p in part.parameters()}


@pytest.mark.parametrize("mover", ["discriminators", "loss"])
def test_a_player_whose_loss_is_nothing_stands_still_while_the_other_moves(
    uneven, objective, monkeypatch, mover
):
    """One batch of training in which one of both losses is 0."""
    nothing = sum(p.sum() for p in objective.parameters()) * 0
    if mover == "loss":
        monkeypatch.setattr(objective, "discriminator_loss", lambda batch: nothing.clone())
    else:
        monkeypatch.setattr(objective, "forward", lambda batch: nothing.clone())
    before = {name: p.clone() for name, p in objective.named_parameters()}
    schedule = Schedule(lr=0.1, weight_decay=0.0, n_epochs=1, n_pairs=len(uneven.sketches))
    train(objective, PairSampler(uneven, seed=0), schedule, FitProgress())
    moved = {name for name, p in objective.named_parameters() if not torch.equal(p, before[name])}
    of_discriminator = {name for name in before if name.startswith("discriminators.")}
    assert moved == (of_discriminator if mover == "discriminators" else set(before) - of_discriminator)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lambda_adversarial": -0.1}, "lambda_adversarial = -0.1, allowed: numbers from 0 on"),
        ({"lambda_sketch": -1.0}, "lambda_sketch = -1.0, allowed: numbers from 0 on"),
        ({"normalise": True}, "normalise = True, allowed: False"),
        ({"depth": 1}, "depth = 1, allowed: 2"),
    ],
)
def test_wrong_values_are_refused(changes, message):
    with pytest.raises(BenchmarkError, match=message):
        CAAEConfig(**changes)


def test_the_sum_of_the_terms_is_what_is_minimised(objective, batch):
    loss = objective(batch)
    assert total(loss).item() == pytest.approx(sum(term.item() for term in loss.values()), rel=1e-6)
