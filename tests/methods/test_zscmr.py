from __future__ import annotations

import math
import tomllib
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
import torch
from torch import nn

import methods
from benchmark.errors import BenchmarkError
from methods.base import FitProgress, make_config
from methods.parts.objectives import total
from methods.parts.pairs import PairBatch, PairSampler
from methods.zscmr import ZSCMR, ZSCMRObjective

TERMS = ("lambda_latent", "lambda_triplet", "lambda_decoder", "lambda_class")
NONE = dict.fromkeys(TERMS, 0.0)
SMALL = {"hidden": 8, "width": 5, "dropout": 0.0}


def build(world, **config: object) -> ZSCMRObjective:
    torch.manual_seed(0)
    return ZSCMRObjective(ZSCMR.Config(**{**SMALL, **config}), world.seen)


def draw(world, n_pairs: int = 9) -> PairBatch:
    batch = next(PairSampler(world.seen, seed=0).epoch(n_pairs))
    assert len(batch.labels.unique()) < n_pairs  # some class stands in it more than once
    return batch


def codes(objective: ZSCMRObjective, batch: PairBatch) -> tuple[list[list[float]], ...]:
    with torch.no_grad():
        sketches, photos = objective.codes(batch)
    own = sketches, photos, sketches[batch.negatives], photos[batch.negatives]
    return tuple(part.tolist() for part in own)


def has_gradient(part: nn.Module) -> bool:
    return any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in part.parameters())


@pytest.mark.parametrize("normalise", [True, False])
def test_latent_term_is_the_mean_squared_distance_to_the_semantic_codes(world, normalise):
    objective, batch = build(world, **{**NONE, "lambda_latent": 1.0}, normalise=normalise), draw(world)
    sketch_codes, photo_codes, _, _ = codes(objective, batch)
    expected = 0.0
    for i, label in enumerate(batch.labels.tolist()):
        target = objective.semantic(world.seen.class_vectors[label]).tolist()
        length = math.hypot(*target) if normalise else 1.0
        target = [value / length for value in target]
        expected += math.dist(photo_codes[i], target) ** 2 + math.dist(sketch_codes[i], target) ** 2
    assert total(objective(batch)).item() == pytest.approx(expected / 9, rel=1e-5)


@pytest.mark.parametrize("squared", [False, True])
def test_triplet_term_is_a_hinge_anchored_at_photos_plus_one_at_sketches(world, squared):
    objective = build(world, **{**NONE, "lambda_triplet": 1.0}, squared=squared, alpha=0.3)
    batch, power = draw(world), 2 if squared else 1
    expected = 0.0
    for sketch, photo, other_sketch, other_photo in zip(*codes(objective, batch), strict=True):
        positive = math.dist(photo, sketch) ** power
        expected += max(0.0, positive - math.dist(photo, other_sketch) ** power + 0.3)
        expected += max(0.0, positive - math.dist(sketch, other_photo) ** power + 0.3)
    assert total(objective(batch)).item() == pytest.approx(expected / 9, rel=1e-5)


def test_hard_negatives_are_the_nearest_of_another_class_in_the_batch(world):
    objective = build(world, **{**NONE, "lambda_triplet": 1.0}, negatives="hard")
    batch = draw(world)
    sketch_codes, photo_codes, _, _ = codes(objective, batch)
    labels, expected = batch.labels.tolist(), 0.0
    for i in range(9):
        others = [j for j in range(9) if labels[j] != labels[i]]
        positive = math.dist(photo_codes[i], sketch_codes[i])
        expected += max(0.0, positive - min(math.dist(photo_codes[i], sketch_codes[j]) for j in others) + 0.2)
        expected += max(0.0, positive - min(math.dist(sketch_codes[i], photo_codes[j]) for j in others) + 0.2)
    assert total(objective(batch)).item() == pytest.approx(expected / 9, rel=1e-5)


def test_decoder_term_reconstructs_the_feature_of_the_other_modality(world):
    objective, batch = build(world, **{**NONE, "lambda_decoder": 1.0}), draw(world)
    sketch_codes, photo_codes, _, _ = (torch.tensor(part) for part in codes(objective, batch))
    expected = 0.0
    for i in range(9):
        expected += (objective.sketch_decoder(photo_codes[i]) - batch.sketches[i]).square().mean().item() / 9
        expected += (objective.photo_decoder(sketch_codes[i]) - batch.photos[i]).square().mean().item() / 9
    assert total(objective(batch)).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("is_shared", [True, False])
def test_classification_term_is_the_cross_entropy_of_both_modalities(world, is_shared):
    objective, batch = build(world, **{**NONE, "lambda_class": 1.0}, shared_classifier=is_shared), draw(world)
    sketch_codes, photo_codes, _, _ = (torch.tensor(part) for part in codes(objective, batch))
    expected = 0.0
    for i, label in enumerate(batch.labels.tolist()):
        for classifier, code in (
            (objective.sketch_classifier, sketch_codes[i]),
            (objective.photo_classifier, photo_codes[i]),
        ):
            logits = classifier(code).tolist()
            expected += math.log(sum(map(math.exp, logits))) - logits[label]
    assert (objective.sketch_classifier is objective.photo_classifier) == is_shared
    assert total(objective(batch)).item() == pytest.approx(expected / 9, rel=1e-5)


def slow_topology(objective: ZSCMRObjective, batch: PairBatch, class_vectors: torch.Tensor) -> float:
    """Mean squared difference of the distances of class means and of class vectors, each over its mean."""
    sketch_codes, photo_codes, _, _ = codes(objective, batch)
    members: dict[int, list[list[float]]] = {}
    for label, sketch, photo in zip(batch.labels.tolist(), sketch_codes, photo_codes, strict=True):
        members.setdefault(label, []).extend([sketch, photo])
    means = {
        label: [sum(column) / len(of) for column in zip(*of, strict=True)] for label, of in members.items()
    }
    pairs = list(combinations(members, 2))
    between_codes = [math.dist(means[a], means[b]) for a, b in pairs]
    between_vectors = [math.dist(class_vectors[a].tolist(), class_vectors[b].tolist()) for a, b in pairs]
    code_scale, vector_scale = sum(between_codes) / len(pairs), sum(between_vectors) / len(pairs)
    return sum(
        (code / code_scale - vector / vector_scale) ** 2
        for code, vector in zip(between_codes, between_vectors, strict=True)
    ) / len(pairs)


@pytest.mark.parametrize("topology", ["none", "distances"])
def test_the_loss_is_the_weighted_sum_of_its_terms(world, topology):
    batch, weights = draw(world), dict(zip(TERMS, (0.5, 2.0, 3.0, 0.25), strict=True))
    expected = sum(
        w * total(build(world, **{**NONE, name: 1.0})(batch)).item() for name, w in weights.items()
    )
    objective = build(world, **weights, topology=topology, lambda_topology=0.7)
    if topology == "distances":
        expected += 0.7 * slow_topology(objective, batch, world.seen.class_vectors)
    assert total(objective(batch)).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("term", "parts"),
    [
        ("lambda_latent", ("semantic",)),
        ("lambda_decoder", ("sketch_decoder", "photo_decoder")),
        ("lambda_class", ("sketch_classifier",)),
    ],
)
def test_weight_0_leaves_the_parts_of_a_term_without_gradient(world, term, parts):
    for weight in (0.0, 1.0):
        objective = build(world, **{term: weight})
        total(objective(draw(world))).backward()
        assert [has_gradient(getattr(objective, part)) for part in parts] == [weight > 0] * len(parts)


def test_weight_0_of_the_triplets_leaves_the_negatives_without_effect(world):
    batch = draw(world)
    shuffled = replace(batch, negatives=batch.negatives.flip(0))
    without, with_triplets = build(world, lambda_triplet=0.0), build(world, lambda_triplet=1.0)
    assert total(without(batch)).item() == total(without(shuffled)).item()
    assert total(with_triplets(batch)).item() != total(with_triplets(shuffled)).item()


def test_weight_0_of_the_topology_leaves_it_out(world):
    batch = draw(world)
    plain = total(build(world)(batch)).item()
    assert total(build(world, topology="distances", lambda_topology=0.0)(batch)).item() == plain
    assert total(build(world, topology="distances")(batch)).item() != plain


def test_graph_convolution_takes_the_place_of_the_projection_and_is_trained(world):
    objective = build(world, topology="mst_gcn")
    total(objective(draw(world))).backward()
    assert objective.semantic.first.weight.shape == (128, world.seen.class_vectors.shape[1])
    assert has_gradient(objective.semantic)


def test_only_the_encoders_are_saved(world):
    method = ZSCMR(ZSCMR.Config(**SMALL, epochs=1))
    method.fit(world.seen, seed=0, progress=FitProgress())
    assert {key.partition(".")[0] for key in method.state()} == {"sketch", "photo"}


def test_published_configuration_is_the_plain_sum():
    path = Path(methods.__file__).parent / "configs" / "zscmr" / "paper.toml"
    config = make_config(ZSCMR, tomllib.loads(path.read_text())["config"])
    assert [getattr(config, term) for term in TERMS] == [1.0] * 4
    assert config.topology == "none"


@pytest.mark.parametrize("name", ["topology", "negatives"])
def test_an_unknown_choice_is_refused_with_the_known_ones(name):
    with pytest.raises(BenchmarkError, match=rf"{name} = 'tree', allowed: (none, mst_gcn|random, hard)"):
        ZSCMR.Config(**{name: "tree"})


def test_all_weights_0_are_refused():
    with pytest.raises(BenchmarkError, match="nothing to learn from"):
        ZSCMR.Config(**NONE)
