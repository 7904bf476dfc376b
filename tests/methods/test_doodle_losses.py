"""The losses of doodle2search by hand, where gradients turn round, and which negatives are drawn."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from benchmark.errors import BenchmarkError
from datasets.seen import SeenData
from methods.parts.doodle_losses import DoodleConfig, DoodleObjective
from methods.parts.pairs import PairBatch, PairSampler

N_PAIRS, WIDTH = 16, 5
SMALL = {"hidden": 8, "width": WIDTH, "dropout": 0.0, "epochs": 8}
ENCODERS = {"sketch_encoder", "photo_encoder"}


@pytest.fixture
def batch(uneven) -> PairBatch:
    return next(PairSampler(uneven, seed=5).epoch(N_PAIRS))


def build(seen: SeenData, batch: PairBatch, **config: Any) -> DoodleObjective:
    """An objective that takes the negatives of the batch instead of drawing its own."""
    torch.manual_seed(0)
    objective = DoodleObjective(DoodleConfig(**{**SMALL, **config}), seen)
    objective.similar_negatives = lambda labels: batch.negatives
    return objective


@torch.no_grad()
def codes(objective: DoodleObjective, batch: PairBatch) -> list[torch.Tensor]:
    """Of sketches, photos, and negative photos."""
    photos = objective.photo_encoder(batch.photos)
    return [objective.sketch_encoder(batch.sketches), photos, photos[batch.negatives]]


# The losses.


@pytest.mark.parametrize("margin", [0.01, 1.0])
def test_the_hinge_is_anchored_at_sketches(uneven, batch, margin):
    objective, expected = build(uneven, batch, margin=margin), 0.0
    for sketch, photo, negative in zip(*(c.tolist() for c in codes(objective, batch)), strict=True):
        expected += max(0.0, math.dist(sketch, photo) - math.dist(sketch, negative) + margin)
    assert objective(batch)["triplet"].item() == pytest.approx(expected / N_PAIRS, rel=1e-5)


@pytest.mark.parametrize("weight", [1.0, 2.5])
def test_all_three_are_decoded_to_the_vector_of_the_class_of_the_sketch(uneven, batch, weight):
    objective, expected = build(uneven, batch, lambda_semantic=weight), 0.0
    for own in codes(objective, batch):
        decoded = objective.semantic_decoder(own).tolist()
        for vector, label in zip(decoded, batch.labels.tolist(), strict=True):
            wanted = uneven.class_vectors[label].tolist()
            product = sum(a * b for a, b in zip(vector, wanted, strict=True))
            expected += (1 - product / math.hypot(*vector) / math.hypot(*wanted)) / 2
    assert objective(batch)["semantic"].item() == pytest.approx(weight * expected / N_PAIRS, rel=1e-5)


@pytest.mark.parametrize("weight", [1.0, 2.5])
def test_the_modality_is_classified_with_photos_as_1_a_mean_over_three(uneven, batch, weight):
    objective, expected = build(uneven, batch, lambda_domain=weight), 0.0
    for own, is_photo in zip(codes(objective, batch), (False, True, True), strict=True):
        for logit in objective.domain_classifier(own).squeeze(1).tolist():
            probability = 1 / (1 + math.exp(-logit))
            expected -= math.log(probability if is_photo else 1 - probability)
    found = objective(batch)["domain"].item()
    assert found == pytest.approx(weight * expected / (3 * N_PAIRS), rel=1e-5)


def test_the_loss_has_these_three_terms(uneven, batch):
    assert set(build(uneven, batch)(batch)) == {"triplet", "semantic", "domain"}


@pytest.mark.parametrize(
    ("term", "parts"),
    [
        ("triplet", ENCODERS),
        ("semantic", {*ENCODERS, "semantic_decoder"}),
        ("domain", {*ENCODERS, "domain_classifier"}),
    ],
)
def test_a_term_moves_what_it_passes(uneven, batch, moved_by, term, parts):
    objective = build(uneven, batch)
    objective.start_epoch()
    assert moved_by(objective, objective(batch)[term]) == parts


# Reversed gradients.


def gradients(loss: torch.Tensor, *parts: nn.Module) -> torch.Tensor:
    own = torch.autograd.grad(loss, [p for part in parts for p in part.parameters()], retain_graph=True)
    return torch.cat([gradient.flatten() for gradient in own])


@pytest.mark.parametrize(("n_epochs", "strength"), [(1, 0.25), (2, 0.5), (4, 1.0), (7, 1.0)])
def test_encoders_unlearn_the_modality_and_its_classifier_learns_it(uneven, batch, n_epochs, strength):
    objective = build(uneven, batch)
    for _ in range(n_epochs):
        objective.start_epoch()
    sketches, photos = objective.sketch_encoder(batch.sketches), objective.photo_encoder(batch.photos)
    logits = objective.domain_classifier(torch.cat([sketches, photos, photos[batch.negatives]]))
    is_photo = torch.cat([torch.zeros(N_PAIRS, 1), torch.ones(2 * N_PAIRS, 1)])
    plain = F.binary_cross_entropy_with_logits(logits, is_photo)
    found = objective(batch)["domain"]
    encoders = objective.sketch_encoder, objective.photo_encoder
    torch.testing.assert_close(gradients(found, *encoders), -strength * gradients(plain, *encoders))
    classifier = objective.domain_classifier
    torch.testing.assert_close(gradients(found, classifier), gradients(plain, classifier))


@pytest.mark.parametrize("strength", [0.5, 2.0])
def test_negatives_unlearn_the_class_of_the_sketch_and_the_other_two_learn_it(uneven, batch, strength):
    objective = build(uneven, batch, negative_reversal=strength)
    sketches, photos = objective.sketch_encoder(batch.sketches), objective.photo_encoder(batch.photos)
    wanted = uneven.class_vectors[batch.labels]
    of_sketches, of_photos, of_negatives = (
        (1 - F.cosine_similarity(objective.semantic_decoder(own), wanted)).mean() / 2
        for own in (sketches, photos, photos[batch.negatives])
    )
    found, encoders = objective(batch)["semantic"], (objective.sketch_encoder, objective.photo_encoder)
    expected = gradients(of_sketches, objective.sketch_encoder)
    torch.testing.assert_close(gradients(found, objective.sketch_encoder), expected)
    expected = gradients(of_photos, encoders[1]) - strength * gradients(of_negatives, encoders[1])
    torch.testing.assert_close(gradients(found, encoders[1]), expected)
    decoder = objective.semantic_decoder
    expected = gradients(of_sketches + of_photos + of_negatives, decoder)
    torch.testing.assert_close(gradients(found, decoder), expected)


def test_the_reversal_grows_over_the_first_half_of_the_epochs_and_then_stays(uneven):
    objective, strengths = DoodleObjective(DoodleConfig(**SMALL), uneven), []
    for _ in range(8):
        objective.start_epoch()
        strengths.append(objective.domain_reversal)
    assert strengths == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0]


# Negatives.


def squares_of_classes(seen: SeenData) -> list[list[float]]:
    vectors = seen.class_vectors.tolist()
    return [[math.dist(a, b) ** 2 for b in vectors] for a in vectors]


@pytest.mark.parametrize("temperature", [0.2, 1.0])
def test_negatives_are_drawn_with_the_probabilities_of_the_formula(world, temperature):
    objective = DoodleObjective(DoodleConfig(**SMALL, temperature=temperature), world.seen)
    labels, n_draws = [0, 0, 1, 4, 4, 7], 5000
    torch.manual_seed(0)
    drawn = torch.stack([objective.similar_negatives(torch.tensor(labels)) for _ in range(n_draws)])
    squares = squares_of_classes(world.seen)
    for i, label in enumerate(labels):
        weights = [0.0 if j == label else math.exp(-squares[label][j] / temperature) for j in labels]
        for j, weight in enumerate(weights):
            p, share = weight / sum(weights), (drawn[:, i] == j).float().mean().item()
            assert share == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / n_draws))


def test_negatives_are_never_of_the_class_even_where_all_others_are_far_from_it(world):
    """At this temperature exp(-‖t_a - t_b‖² / temperature) of every other class is 0 in float32."""
    objective = DoodleObjective(DoodleConfig(**SMALL, temperature=1e-4), world.seen)
    labels = world.seen.sketch_labels
    torch.manual_seed(0)
    negatives = objective.similar_negatives(labels)
    assert (labels[negatives] != labels).all()
    squares = squares_of_classes(world.seen)
    for label, negative in zip(labels.tolist(), labels[negatives].tolist(), strict=True):
        assert squares[label][negative] == min(s for c, s in enumerate(squares[label]) if c != label)


def test_negatives_in_training_are_those_that_were_drawn(world):
    torch.manual_seed(0)
    objective, asked = DoodleObjective(DoodleConfig(**SMALL), world.seen), []
    drawing = objective.similar_negatives
    objective.similar_negatives = lambda labels: asked.append(drawing(labels)) or asked[-1]
    batch = next(PairSampler(world.seen, seed=5).epoch(N_PAIRS))
    found, expected = objective(batch)["triplet"].item(), 0.0
    with torch.no_grad():
        sketches, photos = (own.tolist() for own in objective.codes(batch))
    for i, negative in enumerate(asked[0].tolist()):
        expected += max(0.0, math.dist(sketches[i], photos[i]) - math.dist(sketches[i], photos[negative]) + 1)
    assert found == pytest.approx(expected / N_PAIRS, rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": 0.0}, "temperature = 0.0, allowed: numbers above 0"),
        ({"negative_reversal": 0.0}, "negative_reversal = 0.0, allowed: numbers above 0"),
        ({"margin": -0.1}, "margin = -0.1, allowed: numbers above 0"),
        ({"lambda_semantic": -1.0}, "lambda_semantic = -1.0, allowed: numbers from 0 on"),
        ({"lambda_domain": -1.0}, "lambda_domain = -1.0, allowed: numbers from 0 on"),
    ],
)
def test_wrong_values_are_refused(changes, message):
    with pytest.raises(BenchmarkError, match=message):
        DoodleConfig(**changes)
