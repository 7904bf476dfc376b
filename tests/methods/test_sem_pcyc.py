"""SEM-PCYC's losses against slow loops over the items of a small batch, and which player moves what."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from benchmark.errors import BenchmarkError
from datasets.seen import SeenData
from methods.base import FitProgress
from methods.parts.objectives import total
from methods.parts.pairs import PairBatch, PairSampler
from methods.parts.training import Schedule, train
from methods.sem_pcyc import SemanticAutoEncoder, SemPcyc, SemPcycConfig, SemPcycObjective

N_PAIRS, WIDTH = 16, 5
SMALL = {"hidden": 8, "width": WIDTH, "dropout": 0.0, "discriminator_hidden": 6}
DISCRIMINATORS = {"code_discriminator", "sketch_discriminator", "photo_discriminator"}
GENERATORS = {"sketch_encoder", "photo_encoder", "to_sketch", "to_photo"}
CLASSIFIERS = {"code_classifier", "sketch_classifier", "photo_classifier"}


@pytest.fixture
def batch(uneven) -> PairBatch:
    return next(PairSampler(uneven, seed=5).epoch(N_PAIRS))


def build(seen: SeenData, **config: Any) -> SemPcycObjective:
    torch.manual_seed(0)
    return SemPcycObjective(SemPcycConfig(**{**SMALL, **config}), seen)


@pytest.fixture
def objective(uneven) -> SemPcycObjective:
    return build(uneven)


def linear(layer: torch.nn.Linear, x: list[float]) -> list[float]:
    biases = [0.0] * layer.out_features if layer.bias is None else layer.bias.tolist()
    rows = zip(layer.weight.tolist(), biases, strict=True)
    return [sum(w * number for w, number in zip(row, x, strict=True)) + bias for row, bias in rows]


def lengthened(seen: SeenData, batch: PairBatch) -> list[list[float]]:
    """The class vectors of the pairs, in numbers of order 1."""
    factor = math.sqrt(seen.class_vectors.shape[1])
    return [[factor * x for x in seen.class_vectors[label].tolist()] for label in batch.labels.tolist()]


@torch.no_grad()
def made(objective: SemPcycObjective, seen: SeenData, batch: PairBatch) -> dict[str, torch.Tensor]:
    """Codes of both modalities and of classes, and what is made of the codes of classes."""
    encoder = objective.auto_encoder.encoder
    real = torch.tensor([[max(0.0, x) for x in linear(encoder, v)] for v in lengthened(seen, batch)])
    return {
        "sketch codes": objective.sketch_encoder(batch.sketches),
        "photo codes": objective.photo_encoder(batch.photos),
        "real codes": real,
        "sketches": objective.to_sketch(real),
        "photos": objective.to_photo(real),
    }


@torch.no_grad()
def judged(judge: torch.nn.Module, items: torch.Tensor, wanted: float) -> float:
    """Mean of (D - wanted)²."""
    judgements = judge(items).squeeze(1).tolist()
    return sum((judgement - wanted) ** 2 for judgement in judgements) / len(judgements)


def mean_square(a: torch.Tensor, b: torch.Tensor) -> float:
    pairs = zip(a.flatten().tolist(), b.flatten().tolist(), strict=True)
    return sum((x - y) ** 2 for x, y in pairs) / a.numel()


# The auto-encoder.


def test_the_auto_encoder_makes_vectors_again_of_codes_that_are_not_negative():
    torch.manual_seed(0)
    auto_encoder = SemanticAutoEncoder(4, 3)
    vectors, expected = torch.randn(6, 4), 0.0
    codes = [[max(0.0, x) for x in linear(auto_encoder.encoder, v)] for v in vectors.tolist()]
    torch.testing.assert_close(auto_encoder.codes(vectors), torch.tensor(codes))
    for vector, code in zip(vectors.tolist(), codes, strict=True):
        expected += math.dist(linear(auto_encoder.decoder, code), vector) ** 2
    found = auto_encoder.losses(vectors, 0.0)["vectors"].item()
    assert found == pytest.approx(expected / (6 * 4), rel=1e-5)


def test_sparsity_is_the_sum_of_lengths_of_the_weights_of_each_number_of_a_vector():
    auto_encoder = SemanticAutoEncoder(4, 3)
    weights, expected = auto_encoder.encoder.weight.tolist(), 0.0
    for number in range(4):
        expected += math.sqrt(sum(weights[code][number] ** 2 for code in range(3)))
    found = auto_encoder.losses(torch.randn(6, 4), 0.7)["sparsity"].item()
    assert found == pytest.approx(0.7 * expected / 6, rel=1e-5)


def test_numbers_of_no_use_are_left_out_by_the_sparsity_and_useful_ones_stay():
    """Two numbers of a vector vary, and the others are constant."""
    torch.manual_seed(0)
    auto_encoder, vectors = SemanticAutoEncoder(4, 6), torch.zeros(40, 4)
    vectors[:, :2] = torch.randn(40, 2)
    optimiser = torch.optim.Adam(auto_encoder.parameters(), lr=1e-2)
    for _ in range(400):
        optimiser.zero_grad()
        torch.stack(list(auto_encoder.losses(vectors, 1.0).values())).sum().backward()
        optimiser.step()
    lengths = auto_encoder.encoder.weight.norm(dim=0).tolist()
    assert max(lengths[2:]) < 0.05
    assert min(lengths[:2]) > 0.3


def test_the_auto_encoder_sees_class_vectors_in_numbers_of_order_1(uneven, objective, batch):
    player = objective.players()[0]
    expected = objective.auto_encoder.losses(torch.tensor(lengthened(uneven, batch)), 1e-3)
    assert player.name == "auto-encoder"
    for name, value in player.loss(batch).items():
        torch.testing.assert_close(value, expected[name])


# What the generators minimise.


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_generators_want_what_they_make_judged_1(uneven, batch, weight):
    objective = build(uneven, lambda_adversarial=weight)
    own = made(objective, uneven, batch)
    expected = judged(objective.code_discriminator, own["sketch codes"], 1.0)
    expected += judged(objective.code_discriminator, own["photo codes"], 1.0)
    expected += judged(objective.sketch_discriminator, own["sketches"], 1.0)
    expected += judged(objective.photo_discriminator, own["photos"], 1.0)
    assert objective(batch)["adversarial"].item() == pytest.approx(weight * expected, rel=1e-4)


@pytest.mark.parametrize("weight", [10.0, 3.0])
def test_cycles_lead_from_items_to_codes_and_back_and_from_codes_to_items_and_back(
    uneven, batch, scaled, weight
):
    objective = build(uneven, lambda_cycle=weight)
    own, expected = made(objective, uneven, batch), 0.0
    sketch_size = (batch.sketches / scaled.sketches).mean()
    photo_size = (batch.photos / scaled.photos).mean()
    with torch.no_grad():
        cycles = (
            (scaled.sketches, objective.to_sketch(own["sketch codes"])),
            (scaled.photos, objective.to_photo(own["photo codes"])),
            (own["real codes"], objective.sketch_encoder(own["sketches"] * sketch_size)),
            (own["real codes"], objective.photo_encoder(own["photos"] * photo_size)),
        )
    for original, returned in cycles:
        pairs = zip(original.flatten().tolist(), returned.flatten().tolist(), strict=True)
        expected += sum(abs(x - y) for x, y in pairs) / original.numel()
    assert objective(batch)["cycles"].item() == pytest.approx(weight * expected, rel=1e-4)


@pytest.mark.parametrize("weight", [10.0, 3.0])
def test_all_that_is_made_is_classified_by_classifiers_without_a_bias(uneven, batch, weight):
    objective = build(uneven, lambda_class=weight)
    own, expected = made(objective, uneven, batch), 0.0
    for classifier, items in (
        (objective.code_classifier, own["sketch codes"]),
        (objective.code_classifier, own["photo codes"]),
        (objective.sketch_classifier, own["sketches"]),
        (objective.photo_classifier, own["photos"]),
    ):
        assert classifier.bias is None
        for item, label in zip(items.tolist(), batch.labels.tolist(), strict=True):
            logits = linear(classifier, item)
            expected += (math.log(sum(map(math.exp, logits))) - logits[label]) / N_PAIRS
    assert objective(batch)["classification"].item() == pytest.approx(weight * expected, rel=1e-4)


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_codes_of_a_pair_count_twice_in_the_regression_and_items_in_units_of_their_usual_size(
    uneven, batch, scaled, weight
):
    objective = build(uneven, lambda_regression=weight)
    own = made(objective, uneven, batch)
    expected = 2 * mean_square(own["sketch codes"], own["photo codes"])
    for name, wanted in (("sketches", scaled.sketches), ("photos", scaled.photos)):
        expected += mean_square(own[name], wanted)
    assert objective(batch)["regression"].item() == pytest.approx(weight * expected, rel=1e-4)


def test_the_loss_of_the_generators_has_these_four_terms(objective, batch):
    assert set(objective(batch)) == {"adversarial", "cycles", "classification", "regression"}


# What the discriminators minimise.


def test_the_judge_of_codes_takes_those_of_classes_for_real_and_halves_what_two_kinds_cost(
    uneven, objective, batch
):
    own, judge = made(objective, uneven, batch), objective.code_discriminator
    expected = judged(judge, own["real codes"], 1.0) / 2
    expected += (judged(judge, own["sketch codes"], 0.0) + judged(judge, own["photo codes"], 0.0)) / 4
    assert objective.discriminator_loss(batch)["judge of codes"].item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("modality", ["sketch", "photo"])
def test_the_judge_of_a_modality_takes_its_features_for_real_and_those_of_codes_for_made(
    uneven, objective, batch, scaled, modality
):
    judge = {"sketch": objective.sketch_discriminator, "photo": objective.photo_discriminator}[modality]
    real = {"sketch": scaled.sketches, "photo": scaled.photos}[modality]
    name = {"sketch": "sketches", "photo": "photos"}[modality]
    fake = made(objective, uneven, batch)[name]
    expected = (judged(judge, real, 1.0) + judged(judge, fake, 0.0)) / 2
    assert objective.discriminator_loss(batch)[f"judge of {name}"].item() == pytest.approx(expected, rel=1e-4)


# Who moves whom.


def test_the_loss_of_the_auto_encoder_moves_it_alone(objective, batch, moved_by):
    assert moved_by(objective, total(objective.players()[0].loss(batch))) == {"auto_encoder"}


def test_the_loss_of_the_discriminators_moves_them_alone(objective, batch, moved_by):
    assert moved_by(objective, total(objective.discriminator_loss(batch))) == DISCRIMINATORS


def test_the_loss_of_the_generators_moves_them_and_not_the_auto_encoder(objective, batch, moved_by):
    # Discriminators have gradients too, which their player does not take: see the next test.
    assert moved_by(objective, total(objective(batch))) == GENERATORS | DISCRIMINATORS


def test_each_part_belongs_to_one_player_and_the_classifiers_to_none(objective):
    name_of = {id(parameter): name.partition(".")[0] for name, parameter in objective.named_parameters()}
    parts = {player.name: {name_of[id(p)] for p in player.parameters} for player in objective.players()}
    assert parts == {
        "auto-encoder": {"auto_encoder"},
        "discriminators": DISCRIMINATORS,
        "loss": GENERATORS,
    }
    taken = [id(parameter) for player in objective.players() for parameter in player.parameters]
    assert len(taken) == len(set(taken))
    assert {name_of[i] for i in set(name_of) - set(taken)} == CLASSIFIERS


def test_training_moves_all_but_the_random_classifiers(uneven, objective):
    before = {name: p.clone() for name, p in objective.named_parameters()}
    schedule = Schedule(lr=0.01, weight_decay=0.1, n_epochs=1, n_pairs=len(uneven.sketches))
    train(objective, PairSampler(uneven, seed=0), schedule, FitProgress())
    still = {name for name, p in objective.named_parameters() if torch.equal(p, before[name])}
    assert still == {f"{name}.weight" for name in CLASSIFIERS}


@pytest.mark.parametrize(
    ("term", "parts"),
    [
        ("classification", GENERATORS),
        ("regression", GENERATORS),
        ("cycles", GENERATORS),
        ("adversarial", GENERATORS | DISCRIMINATORS),
    ],
)
def test_a_term_moves_what_it_passes(objective, batch, moved_by, term, parts):
    assert moved_by(objective, objective(batch)[term]) == parts


# What is kept.


def fitted(seen: SeenData) -> SemPcyc:
    return SemPcyc(SemPcycConfig(**{**SMALL, "epochs": 1})).fit(seen, seed=0, progress=FitProgress())


def test_the_generators_to_codes_are_kept_and_nothing_else(uneven):
    assert {name.partition(".")[0] for name in fitted(uneven).state()} == {"sketch", "photo"}
    assert fitted(uneven).embed_photos(uneven.photos).shape == (len(uneven.photos), WIDTH)


def test_a_saved_method_embeds_two_widths_as_before(uneven, tmp_path):
    method = fitted(uneven)
    method.save(tmp_path / "model.safetensors")
    loaded = SemPcyc.load(tmp_path / "model.safetensors")
    assert torch.equal(loaded.embed_sketches(uneven.sketches), method.embed_sketches(uneven.sketches))
    assert torch.equal(loaded.embed_photos(uneven.photos), method.embed_photos(uneven.photos))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"discriminator_hidden": 0}, "discriminator_hidden = 0, allowed: numbers above 0"),
        ({"lambda_sparsity": -1.0}, "lambda_sparsity = -1.0, allowed: numbers from 0 on"),
        ({"lambda_cycle": -1.0}, "lambda_cycle = -1.0, allowed: numbers from 0 on"),
        ({"normalise": True}, "normalise = True, allowed: False"),
    ],
)
def test_wrong_values_are_refused(changes, message):
    with pytest.raises(BenchmarkError, match=message):
        SemPcycConfig(**changes)
