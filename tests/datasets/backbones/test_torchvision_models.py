"""Features of torchvision's networks against what torchvision itself computes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.transforms.functional import normalize

from benchmark.errors import BenchmarkError
from datasets.backbones import make_backbone
from datasets.backbones.torchvision_models import TorchvisionBackbone
from datasets.backbones.weights import Weights
from datasets.preprocessing import NORMALISATIONS

NetworkOf = Callable[[str], nn.Module]
LAYERS = ("vgg16@fc7", "vgg16@pooled", "resnet50@pooled", "vit_b_16@cls", "vit_b_16@patches")
WITH_HEAD = ("vgg16@fc7", "resnet50@pooled", "vit_b_16@cls")


def expected(backbone_id: str, network: nn.Module, normalised: Tensor) -> Tensor:
    """What leaves torchvision's own modules while the whole network runs."""
    left: dict[str, Tensor] = {}

    def note(name: str) -> None:
        module = network.get_submodule(name)
        module.register_forward_hook(
            lambda _, given, out: left.update({name: out.clone(), f"-> {name}": given[0]})
        )

    places = {"vgg16": ("features", "classifier.4"), "resnet50": ("fc",), "vit_b_16": ("encoder",)}
    for name in places[backbone_id.partition("@")[0]]:
        note(name)
    with torch.inference_mode():
        network(normalised)
    return {
        "vgg16@fc7": lambda: left["classifier.4"],
        "vgg16@pooled": lambda: left["features"].mean((2, 3)),
        "resnet50@pooled": lambda: left["-> fc"],
        "vit_b_16@cls": lambda: left["encoder"][:, 0],
        "vit_b_16@patches": lambda: left["encoder"][:, 1:].mean(1),
    }[backbone_id]()


def imagenet(pictures: Tensor) -> Tensor:
    return normalize(pictures / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def features_of(backbone_id: str, weights: Weights, pictures: Tensor) -> Tensor:
    return make_backbone(backbone_id, weights).load("cpu", NORMALISATIONS["imagenet"])(pictures)


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
@pytest.mark.parametrize("backbone_id", LAYERS)
def test_features_are_what_leaves_the_layer_of_torchvisions_own_network(
    backbone_id: str, name: str, network_of: NetworkOf, pictures: Tensor, save_weights
) -> None:
    network = network_of(backbone_id.partition("@")[0])
    features = features_of(backbone_id, Weights(str(save_weights(network.state_dict(), name))), pictures)
    truth = expected(backbone_id, network, imagenet(pictures))
    assert truth.std(0).max() > 1e-3  # pictures differ
    torch.testing.assert_close(features, truth, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("backbone_id", LAYERS)
def test_the_whole_network_has_the_layer_the_width_and_the_classifier_of_the_card(backbone_id: str) -> None:
    backbone = make_backbone(backbone_id)
    with torch.device("meta"):
        network = torchvision.models.get_model(backbone.family)
        heads = {name: t for name, t in network.state_dict().items() if name.startswith(backbone.head_name)}
        assert sorted(t.shape[0] for t in heads.values()) == [1000, 1000]  # weight and bias
        assert backbone.read_layer(network.eval())(torch.empty(2, 3, 224, 224)).shape == (
            2,
            backbone.card.dim,
        )


@pytest.mark.parametrize("backbone_id", WITH_HEAD)
def test_the_published_head_turns_features_into_the_networks_own_logits(
    backbone_id: str, network_of: NetworkOf, pictures: Tensor, save_weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = network_of(backbone_id.partition("@")[0])
    path = save_weights(network.state_dict(), "net.pth")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(TorchvisionBackbone, "_hash_prefix", lambda self: sha256[:8])
    backbone = make_backbone(backbone_id, Weights(str(path)))
    assert (backbone.supervised_on, backbone.weights_sha256()) == ("imagenet1k", sha256)
    weight, bias = backbone.head()
    assert weight.shape == (1000, backbone.card.dim)
    assert not weight.requires_grad
    with torch.inference_mode():
        logits = network(imagenet(pictures))
    features = backbone.load("cpu", NORMALISATIONS["imagenet"])(pictures)
    torch.testing.assert_close(features @ weight.T + bias, logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("backbone_id", sorted({*LAYERS} - {*WITH_HEAD}))
def test_a_layer_that_no_classifier_reads_has_no_head(
    backbone_id: str, network_of: NetworkOf, save_weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_weights(network_of(backbone_id.partition("@")[0]).state_dict())
    monkeypatch.setattr(TorchvisionBackbone, "is_published", lambda self, sha256: True)
    backbone = make_backbone(backbone_id, Weights(str(path)))
    assert backbone.supervised_on == "imagenet1k"
    assert backbone.head() is None


def test_a_file_of_unknown_origin_has_no_label_set_and_no_head(network_of: NetworkOf, save_weights) -> None:
    backbone = make_backbone("resnet50", Weights(str(save_weights(network_of("resnet50").state_dict()))))
    assert backbone.supervised_on == "unknown"
    assert backbone.head() is None


def test_random_weights_have_no_label_set_and_no_head(narrow: None) -> None:
    backbone = make_backbone("resnet50", Weights("random"))
    assert backbone.supervised_on == "nothing"
    assert backbone.head() is None


@pytest.mark.parametrize("classes", [125, None])
def test_a_classifier_of_another_size_or_none_is_left_aside(
    classes: int | None, network_of: NetworkOf, pictures: Tensor, save_weights
) -> None:
    network = network_of("resnet50")
    truth = expected("resnet50@pooled", network, imagenet(pictures))
    network.fc = nn.Linear(2048, classes) if classes else nn.Identity()
    weights = Weights(str(save_weights(network.state_dict())))
    torch.testing.assert_close(features_of("resnet50", weights, pictures), truth, rtol=1e-4, atol=1e-5)


def test_weights_of_another_network_are_refused_with_the_tensors_that_do_not_fit(
    network_of: NetworkOf, save_weights
) -> None:
    path = save_weights(network_of("vit_b_16").state_dict())
    with pytest.raises(
        BenchmarkError,
        match=r"weights \S+\.safetensors do not fit: \d+ missing or of another shape \(conv1\.weight, .*…\), "
        r"\d+ unknown \(class_token, .*Give weights of this very network",
    ):
        make_backbone("resnet50", Weights(str(path))).load("cpu", NORMALISATIONS["imagenet"])


def test_a_tensor_of_another_shape_is_refused(network_of: NetworkOf, save_weights) -> None:
    state = network_of("resnet50").state_dict()
    state["bn1.weight"] = state["bn1.weight"][:-1]
    with pytest.raises(BenchmarkError, match=r"1 missing or of another shape \(bn1\.weight\), none unknown"):
        make_backbone("resnet50", Weights(str(save_weights(state)))).whole()


def test_older_files_without_batch_counters_are_read(network_of: NetworkOf, save_weights) -> None:
    state = network_of("resnet50").state_dict()
    older = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    assert len(older) < len(state)
    network = make_backbone("resnet50", Weights(str(save_weights(older)))).whole()
    torch.testing.assert_close(
        network.state_dict()["layer4.0.bn3.running_var"], state["layer4.0.bn3.running_var"]
    )


@pytest.mark.parametrize("backbone_id", LAYERS)
def test_a_feature_does_not_depend_on_the_batch(backbone_id: str, narrow: None, pictures: Tensor) -> None:
    embed = make_backbone(backbone_id, Weights("random")).load("cpu", NORMALISATIONS["imagenet"])
    torch.testing.assert_close(embed(pictures[2:3]), embed(pictures)[2:3], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["unit", "half"])
def test_another_normalisation_is_applied_where_a_preset_asks_for_it(
    name: str, network_of: NetworkOf, pictures: Tensor, save_weights
) -> None:
    mean, std = {"unit": (0.0, 1.0), "half": (0.5, 0.5)}[name]
    network = network_of("resnet50")
    backbone = make_backbone("resnet50", Weights(str(save_weights(network.state_dict()))))
    truth = expected("resnet50@pooled", network, normalize(pictures / 255, [mean] * 3, [std] * 3))
    torch.testing.assert_close(
        backbone.load("cpu", NORMALISATIONS[name])(pictures), truth, rtol=1e-4, atol=1e-5
    )


def test_every_layer_is_listed_with_a_card(tmp_path: Path) -> None:
    kinds = {make_backbone(name).__class__ for name in LAYERS}
    assert {card.id for kind in kinds for card in kind.listed()} == {*LAYERS}
