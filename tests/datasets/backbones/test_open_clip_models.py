"""Features of open_clip's image encoders against open_clip itself, on models of a few thousand weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.transforms.functional import normalize

from benchmark.errors import BenchmarkError
from datasets.backbones import make_backbone
from datasets.backbones.weights import Weights

open_clip = pytest.importorskip("open_clip")
huggingface_hub = pytest.importorskip("huggingface_hub")

VISION = {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16}
TEXT = {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1}
DECODER = {"context_length": 8, "vocab_size": 64, "width": 24, "heads": 2, "layers": 1}
POOLED = {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True}
MODELS: dict[str, dict[str, Any]] = {
    "tiny": {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": TEXT},
    "tiny-coca": {
        "embed_dim": 24,
        "vision_cfg": {**VISION, **POOLED},
        "text_cfg": {**TEXT, "embed_cls": True, "output_tokens": True},
        "multimodal_cfg": DECODER,
        "custom_text": True,
    },
    "tiny-roberta": {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": {"hf_model_name": "no/such"}},
}
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@pytest.fixture(autouse=True)
def tiny_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let open_clip know the tiny models, two sets of weights of each, and a hub's cache that is empty."""
    for name, config in MODELS.items():
        monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, name, config)
        known = {
            tag: {"url": "", "hf_hub": hub, "mean": MEAN, "std": STD, "quick_gelu": tag == "quick"}
            for tag, hub in (("made", f"nobody/{name}/"), ("quick", f"nobody/{name}/weights.bin"))
        }
        monkeypatch.setitem(open_clip.pretrained._PRETRAINED, name, known)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.fixture
def own_model() -> Callable[..., nn.Module]:
    def make(name: str = "tiny", **options: Any) -> nn.Module:
        torch.manual_seed(7)
        return open_clip.create_model(name, **options).eval()

    return make


def cached(tmp_path: Path, name: str, file: Path) -> Path:
    """Lay a file of weights where the hub's cache would have it."""
    repository = tmp_path / "hub" / f"models--nobody--{name}"
    path = repository / "snapshots" / ("a" * 40) / file.name
    path.parent.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40)
    return file.rename(path)


def features_of(backbone_id: str, weights: Weights, pictures: Tensor) -> Tensor:
    backbone = make_backbone(backbone_id, weights)
    return backbone.load("cpu", backbone.card.normalisation)(pictures[:, :, :32, :32])


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pt"])
@pytest.mark.parametrize("model", ["tiny", "tiny-coca"])
def test_features_are_those_of_encode_image(
    model: str, name: str, own_model, pictures: Tensor, save_weights
) -> None:
    network = own_model(model)
    weights = Weights(str(save_weights(network.state_dict(), name)))
    with torch.inference_mode():
        truth = network.encode_image(normalize(pictures[:, :, :32, :32] / 255, MEAN, STD), normalize=False)
    assert truth.shape == (4, 24)
    assert truth.std(0).max() > 1e-3
    features = features_of(f"open_clip:{model}/made", weights, pictures)
    torch.testing.assert_close(features, truth, rtol=1e-4, atol=1e-5)


def test_weights_made_with_quick_gelu_are_run_with_it(own_model, pictures: Tensor, save_weights) -> None:
    network = own_model(force_quick_gelu=True)
    weights = Weights(str(save_weights(network.state_dict())))
    with torch.inference_mode():
        truth = network.encode_image(normalize(pictures[:, :, :32, :32] / 255, MEAN, STD), normalize=False)
    features = features_of("open_clip:tiny/quick", weights, pictures)
    torch.testing.assert_close(features, truth, rtol=1e-4, atol=1e-5)
    other = features_of("open_clip:tiny/made", weights, pictures)
    assert (other - truth).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("tag", "file"),
    [
        ("made", "open_clip_model.safetensors"),
        ("made", "open_clip_pytorch_model.bin"),
        ("quick", "weights.safetensors"),
        ("quick", "weights.bin"),
    ],
)
def test_published_weights_lie_in_the_hubs_cache_and_are_not_fetched(
    tag: str, file: str, own_model, save_weights, tmp_path: Path
) -> None:
    path = cached(tmp_path, "tiny", save_weights(own_model().state_dict(), file))
    backbone = make_backbone(f"open_clip:tiny/{tag}", Weights(may_fetch=False))
    assert backbone.weights_file().path.samefile(path)
    assert backbone.weights_file().origin == f"open_clip tiny/{tag}"
    backbone.whole()


def test_what_the_web_showed_is_unknown_and_there_is_no_head(own_model, save_weights, tmp_path: Path) -> None:
    cached(tmp_path, "tiny", save_weights(own_model().state_dict(), "open_clip_model.safetensors"))
    backbone = make_backbone("open_clip:tiny/made", Weights(may_fetch=False))
    assert backbone.supervised_on == "unknown"
    assert backbone.head() is None


@pytest.mark.parametrize(("tag", "repository"), [("made", "nobody/tiny"), ("quick", "nobody/tiny")])
def test_without_the_net_the_message_says_where_the_file_is_and_how_to_pass_it(
    tag: str, repository: str
) -> None:
    with pytest.raises(
        BenchmarkError,
        match=rf"its weights of {tag} are not on this machine and cannot be fetched \(Failed to download .*"
        rf"Get them from the hub repository {repository} on one that can; pass the file with --weights",
    ):
        make_backbone(f"open_clip:tiny/{tag}").weights_file()


def test_weights_of_another_model_are_refused(own_model, save_weights) -> None:
    path = save_weights(own_model("tiny-coca").state_dict())
    with pytest.raises(
        BenchmarkError, match=r"do not fit open_clip:tiny/made@projected: .*Give tensors of this"
    ):
        make_backbone("open_clip:tiny/made", Weights(str(path))).whole()


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    path = tmp_path / "weights.pt"
    torch.save({"state_dict": Trap()}, path)
    with pytest.raises(BenchmarkError, match=r"do not fit .*: code in it is not run\. Give tensors"):
        make_backbone("open_clip:tiny/made", Weights(str(path))).whole()
    assert not (tmp_path / "ran").exists()
    torch.load(path, weights_only=False)
    assert (tmp_path / "ran").exists()  # it would have


def test_a_model_whose_text_encoder_comes_from_elsewhere_says_so() -> None:
    with pytest.raises(
        BenchmarkError,
        match=r"'open_clip:tiny-roberta/made@projected' cannot be built, text encoder included: ",
    ):
        make_backbone("open_clip:tiny-roberta/made", Weights("random")).whole()
