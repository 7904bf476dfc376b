"""Features of timm's networks against timm itself, on the smallest ones that it has."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torchvision.transforms.functional import normalize

from benchmark.errors import BenchmarkError
from datasets.backbones import make_backbone
from datasets.backbones.weights import Weights
from datasets.preprocessing import NORMALISATIONS

timm = pytest.importorskip("timm")
huggingface_hub = pytest.importorskip("huggingface_hub")

WITH_HEAD = "test_resnet.r160_in1k"
WITHOUT_HEAD = "convnextv2_atto.fcmae"  # pretrained without labels: num_classes 0, as of dino
MODELS = (WITH_HEAD, "test_vit.r160_in1k", WITHOUT_HEAD)


def own_network(model: str) -> nn.Module:
    torch.manual_seed(7)
    return timm.create_model(model).eval()


def own_input(model: str, pictures: Tensor) -> Tensor:
    config = timm.models.get_pretrained_cfg(model)
    size = config.input_size[-1]
    return normalize(pictures[:, :, :size, :size] / 255, config.mean, config.std)


def features_of(model: str, weights: Weights, pictures: Tensor) -> Tensor:
    backbone = make_backbone(f"timm:{model}", weights)
    size = backbone.card.image_size
    return backbone.load("cpu", backbone.card.normalisation)(pictures[:, :, :size, :size])


def cached(monkeypatch: pytest.MonkeyPatch, root: Path, model: str, weights: Path) -> Path:
    """Lay a file of weights where the hub's cache would have it."""
    repository = root / f"models--timm--{model}"
    path = repository / "snapshots" / ("a" * 40) / "model.safetensors"
    path.parent.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40)
    weights.rename(path)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(root))
    return path


@pytest.mark.parametrize("model", MODELS)
def test_features_are_timms_own_before_its_classifier(model: str, pictures: Tensor, save_weights) -> None:
    network = own_network(model)
    features = features_of(model, Weights(str(save_weights(network.state_dict()))), pictures)
    with torch.inference_mode():
        truth = network.forward_head(network.forward_features(own_input(model, pictures)), pre_logits=True)
    assert truth.std(0).max() > 1e-3
    assert features.shape == (4, make_backbone(f"timm:{model}").card.dim)
    torch.testing.assert_close(features, truth, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", ["test_resnet.r160_in1k", "test_vit.r160_in1k"])
def test_the_published_head_turns_features_into_timms_own_logits(
    model: str, pictures: Tensor, save_weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = own_network(model)
    cached(monkeypatch, tmp_path / "hub", model, save_weights(network.state_dict()))
    weights = Weights(may_fetch=False)
    weight, bias = make_backbone(f"timm:{model}", weights).head()
    with torch.inference_mode():
        logits = network(own_input(model, pictures))
    features = features_of(model, weights, pictures)
    torch.testing.assert_close(features @ weight.T + bias, logits, rtol=1e-4, atol=1e-5)


def test_published_weights_lie_in_the_hubs_cache_and_are_not_fetched(
    save_weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = own_network(WITH_HEAD).state_dict()
    path = cached(monkeypatch, tmp_path / "hub", WITH_HEAD, save_weights(state))
    found = make_backbone(f"timm:{WITH_HEAD}", Weights(may_fetch=False)).weights_file()
    assert (found.path, found.origin, found.is_published) == (path, f"timm {WITH_HEAD}", True)


@pytest.mark.parametrize("model", [WITH_HEAD, WITHOUT_HEAD])
def test_a_file_that_was_passed_has_no_label_set_and_no_head(model: str, save_weights) -> None:
    path = save_weights(own_network(model).state_dict())
    backbone = make_backbone(f"timm:{model}", Weights(str(path)))
    assert backbone.supervised_on == "unknown"
    assert backbone.head() is None


def test_pretraining_without_labels_leaves_no_head(
    save_weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = own_network(WITHOUT_HEAD).state_dict()
    cached(monkeypatch, tmp_path / "hub", WITHOUT_HEAD, save_weights(state))
    backbone = make_backbone(f"timm:{WITHOUT_HEAD}", Weights(may_fetch=False))
    assert backbone.supervised_on == "no labels"
    assert backbone.head() is None


@pytest.mark.parametrize("classes", [125, None])
def test_a_classifier_of_another_size_or_none_is_left_aside(
    classes: int | None, pictures: Tensor, save_weights
) -> None:
    network = own_network(WITH_HEAD)
    with torch.inference_mode():
        truth = network.forward_head(
            network.forward_features(own_input(WITH_HEAD, pictures)), pre_logits=True
        )
    network.reset_classifier(classes or 0)
    weights = Weights(str(save_weights(network.state_dict())))
    torch.testing.assert_close(features_of(WITH_HEAD, weights, pictures), truth, rtol=1e-4, atol=1e-5)


def test_published_weights_without_their_classifier_are_refused(
    save_weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = own_network(WITH_HEAD)
    network.reset_classifier(0)
    cached(monkeypatch, tmp_path / "hub", WITH_HEAD, save_weights(network.state_dict()))
    with pytest.raises(
        BenchmarkError, match=r"do not fit timm:test_resnet\.r160_in1k@pre_logits: .*fc\.weight"
    ):
        make_backbone(f"timm:{WITH_HEAD}", Weights(may_fetch=False)).head()


def test_weights_of_another_network_are_refused(save_weights) -> None:
    path = save_weights(own_network("test_vit.r160_in1k").state_dict())
    with pytest.raises(
        BenchmarkError,
        match=r"do not fit timm:test_resnet\S+: .*Missing key.*Give weights of this very network",
    ):
        make_backbone(f"timm:{WITH_HEAD}", Weights(str(path))).whole()


def test_older_forms_of_a_file_are_read_as_timm_reads_them(pictures: Tensor, save_weights) -> None:
    """ConvNeXt's first files name stages and blocks in another way; timm alone knows how."""
    model = "test_convnext.r160_in1k"
    state = own_network(model).state_dict()

    def older(name: str) -> str:
        for new, old in (
            (r"stem.", "downsample_layers.0."),
            (".conv_dw.", ".dwconv."),
            (".mlp.fc1.", ".pwconv1."),
            (".mlp.fc2.", ".pwconv2."),
            ("head.fc.", "head."),
            ("head.norm.", "norm."),
        ):
            name = name.replace(new, old)
        if name.startswith("stages.") and ".blocks." in name:
            return name.replace(".blocks.", ".")
        if name.startswith("stages.") and ".downsample." in name:
            stage, rest = name.removeprefix("stages.").split(".downsample.")
            return f"downsample_layers.{stage}.{rest}"
        return name

    renamed = {older(name): tensor for name, tensor in state.items()}
    assert not set(renamed) & {name for name in state if name.startswith("stages.0.blocks")}
    plain = features_of(model, Weights(str(save_weights(state))), pictures)
    torch.testing.assert_close(features_of(model, Weights(str(save_weights(renamed))), pictures), plain)


def test_the_normalisation_is_that_of_the_networks_training() -> None:
    cards = {name: make_backbone(f"timm:{name}").card for name in ("resnet18.a1_in1k", WITH_HEAD)}
    assert cards["resnet18.a1_in1k"].normalisation == NORMALISATIONS["imagenet"]
    assert cards[WITH_HEAD].normalisation == NORMALISATIONS["half"]


def test_without_the_net_the_message_says_where_the_file_is_and_how_to_pass_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> str:
        raise OSError("no such host. Try again later.")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    with pytest.raises(
        BenchmarkError,
        match=rf"model\.safetensors of timm/{WITH_HEAD} are not on this machine and cannot be fetched "
        rf"\(no such host\)\. Get them from the hub repository timm/{WITH_HEAD} on one that can; "
        r"pass the file with --weights FILE\. --weights random",
    ):
        make_backbone(f"timm:{WITH_HEAD}").weights_file()


def test_a_file_beside_the_hub_is_found_in_the_folder_and_not_fetched(tmp_path: Path) -> None:
    model = "legacy_xception.tf_in1k"
    name = timm.models.get_pretrained_cfg(model).url.rpartition("/")[2]
    (tmp_path / name).write_bytes(b"weights")
    found = make_backbone(f"timm:{model}", Weights(folder=tmp_path, may_fetch=False)).weights_file()
    assert found.path == tmp_path / name
