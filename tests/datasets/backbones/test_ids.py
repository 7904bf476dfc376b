"""What a backbone is called, and what is said of names that do not exist."""

from __future__ import annotations

import pytest

from benchmark.errors import BenchmarkError
from datasets.backbones import make_backbone, whole_id
from datasets.backbones.weights import Weights
from datasets.features import extract
from datasets.preprocessing import PRESETS


@pytest.mark.parametrize(
    ("given", "whole", "dim"),
    [
        ("efficientnet_lite0", "efficientnet_lite0", 1280),
        ("efficientnet_lite0@pooled", "efficientnet_lite0", 1280),
        ("resnet50", "resnet50@pooled", 2048),
        ("resnet50@pooled", "resnet50@pooled", 2048),
        ("vgg16", "vgg16@fc7", 4096),
        ("vgg16@pooled", "vgg16@pooled", 512),
        ("vit_b_16", "vit_b_16@cls", 768),
        ("vit_b_16@patches", "vit_b_16@patches", 768),
        ("timm:test_resnet.r160_in1k", "timm:test_resnet.r160_in1k@pre_logits", 96),
        ("open_clip:ViT-B-32/openai", "open_clip:ViT-B-32/openai@projected", 512),
    ],
)
def test_a_record_holds_the_whole_id(given: str, whole: str, dim: int) -> None:
    card = make_backbone(given).card
    assert (card.id, card.dim) == (whole, dim)
    assert whole_id(given) == whole


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "resnet5",
            r"no backbone named 'resnet5'\. Close names: resnet50\. Known: efficientnet_lite0, open_c",
        ),
        ("vgg16@fc6", r"backbone 'vgg16' is not read at 'fc6'\. Its layers: fc7, pooled\."),
        ("efficientnet_lite0@cls", r"'efficientnet_lite0' is not read at 'cls'\. Its layers: pooled\."),
        ("resnet50:a1_in1k", r"'resnet50' is one network: leave ':a1_in1k' out\. .*timm:resnet18\.a1_in1k"),
        ("timm", r"backbone 'timm' needs a model: timm:resnet18\.a1_in1k, say"),
        ("timm:resnet18.a2_in1", r"knows no model 'resnet18\.a2_in1' .*Close names: resnet18\.a2_in1k"),
        ("timm:nothing_like_it", r"knows no model 'nothing_like_it' .*Close names: none"),
        ("timm:resnet18.a1_in1k@layer4", r"'timm' is not read at 'layer4'\. Its layers: pre_logits\."),
        ("open_clip", r"no weights ''\. Write open_clip:MODEL/PRETRAINED"),
        ("open_clip:ViT-B-32", r"no weights 'ViT-B-32'\. Write .* Close: ViT-B-32/openai, ViT-B-32/laion"),
        ("open_clip:ViT-B-23/openai", r"no weights 'ViT-B-23/openai'\. .*Close: .*ViT-B-32/openai"),
    ],
)
def test_an_unknown_name_is_answered_with_what_there_is(given: str, message: str) -> None:
    with pytest.raises(BenchmarkError, match=message):
        make_backbone(given)


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        ("vit_1b_patch16_sapiens2.fb", "takes no square pictures"),
        ("qwen3_vit_88m_enc.qwen3_5_0_8b", "is made for no classifier"),
    ],
)
def test_a_network_that_gives_no_feature_is_refused_when_it_is_named(model: str, fault: str) -> None:
    timm = pytest.importorskip("timm")
    if model not in timm.list_models(pretrained=True):
        pytest.skip("this timm is older than the network")
    with pytest.raises(BenchmarkError, match=f"'{model}' {fault}"):
        make_backbone(f"timm:{model}")


@pytest.mark.parametrize("family", ["vgg16", "vit_b_16"])
def test_layers_of_one_network_have_features_of_their_own(family: str, narrow: None, tmp_path) -> None:
    weights = Weights("random")

    def key(layer: str) -> str:
        backbone = make_backbone(f"{family}{layer}", weights)
        return extract([], [], backbone, modality="photo", cache_dir=tmp_path).key

    default, first, other = (
        key(f"{layer}") for layer in ("", *map("@{}".format, make_backbone(family).layers))
    )
    assert default == first != other


def test_the_steps_of_a_backbone_name_size_normalisation_and_layer() -> None:
    assert make_backbone("vit_b_16@patches").steps(PRESETS["zse"]) == (
        "224 x 224, (x/255 - 0.5) / 0.5, mean of the patch tokens, after the last normalisation"
    )
