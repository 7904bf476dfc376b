"""The losses of siamese and triplet, against slow loops over the items of a small batch."""

from __future__ import annotations

import math

import pytest
import torch

from datasets.seen import SeenData
from methods.parts.objectives import Objective, total
from methods.parts.pairs import PairBatch, PairSampler
from methods.parts.trained import TrainedMethod
from methods.siamese import Siamese
from methods.triplet import GNTriplet

SMALL = {"hidden": 8, "width": 5, "dropout": 0.0}
N_PAIRS = 16


def build(method: type[TrainedMethod], seen: SeenData, **config: float) -> Objective:
    torch.manual_seed(0)
    return method.Objective(method.Config(**{**SMALL, **config}), seen)


@torch.no_grad()
def codes(objective: Objective, batch: PairBatch) -> list[tuple[list[float], ...]]:
    """(sketch, photo, negative photo) of each pair."""
    sketches, photos = (part.tolist() for part in objective.codes(batch))
    negatives = [photos[i] for i in batch.negatives.tolist()]
    return list(zip(sketches, photos, negatives, strict=True))


@pytest.fixture
def batch(world) -> PairBatch:
    return next(PairSampler(world.seen, seed=5).epoch(N_PAIRS))


@pytest.mark.parametrize("margin", [0.5, 1.5])
def test_siamese_pulls_the_photo_to_the_sketch_and_pushes_the_negative_a_margin_away(world, batch, margin):
    objective = build(Siamese, world.seen, margin=margin)
    expected = 0.0
    for sketch, photo, negative in codes(objective, batch):
        expected += math.dist(sketch, photo) ** 2
        expected += max(0.0, margin - math.dist(sketch, negative)) ** 2
    assert total(objective(batch)).item() == pytest.approx(expected / N_PAIRS, rel=1e-5)


def test_siamese_has_one_encoder(world):
    objective = build(Siamese, world.seen)
    assert objective.sketch_encoder is objective.photo_encoder


@pytest.mark.parametrize("lambda_class", [0.0, 2.5])
@pytest.mark.parametrize("margin", [0.1, 0.7])
def test_triplet_is_a_hinge_anchored_at_sketches_plus_the_weighted_cross_entropies(
    world, batch, margin, lambda_class
):
    objective = build(GNTriplet, world.seen, margin=margin, lambda_class=lambda_class)
    weight, bias = objective.classifier.weight.tolist(), objective.classifier.bias.tolist()
    expected = 0.0
    for (sketch, photo, negative), label in zip(codes(objective, batch), batch.labels.tolist(), strict=True):
        expected += max(0.0, math.dist(sketch, photo) - math.dist(sketch, negative) + margin)
        for code in (sketch, photo):
            logits = [
                sum(w * c for w, c in zip(row, code, strict=True)) + b
                for row, b in zip(weight, bias, strict=True)
            ]
            expected += lambda_class * (math.log(sum(map(math.exp, logits))) - logits[label])
    assert total(objective(batch)).item() == pytest.approx(expected / N_PAIRS, rel=1e-5)


def test_triplet_has_an_encoder_for_each_modality(world):
    objective = build(GNTriplet, world.seen)
    assert objective.sketch_encoder is not objective.photo_encoder
