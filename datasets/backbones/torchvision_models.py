"""Networks of torchvision with ILSVRC-1k weights: VGG-16, ResNet-50, ViT-B/16. Most papers start from them.

Weights are IMAGENET1K_V1, the older ones: with them the literature's features were made.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from benchmark.registry import register_backbone
from datasets.backbones import BackboneCard, without_model
from datasets.backbones.fetched import fetched_from_url
from datasets.backbones.network import NetworkBackbone
from datasets.backbones.weights import PUBLISHED, Weights, WeightsFile, fill, read_tensors, require_published
from datasets.preprocessing import NORMALISATIONS

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Layer:
    """Where a feature is read: its width and how it is taken, for the card."""

    dim: int
    readout: str


class TorchvisionBackbone(NetworkBackbone):
    """One network of torchvision.

    title: how people call it. weights_name: of torchvision's list of weights. head_name: its classifier.
    facts: of each layer, in the order of `layers`.
    """

    title: ClassVar[str]
    weights_name: ClassVar[str]
    head_name: ClassVar[str]
    facts: ClassVar[dict[str, Layer]]

    def __init__(self, model: str = "", layer: str = "", weights: Weights = PUBLISHED) -> None:
        super().__init__(model, layer, weights)
        without_model(self)
        self.card = self._card(self.layer)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.layers = tuple(cls.facts)

    @classmethod
    def listed(cls) -> tuple[BackboneCard, ...]:
        """One card a layer."""
        return tuple(cls._card(layer) for layer in cls.layers)

    @classmethod
    def _card(cls, layer: str) -> BackboneCard:
        return BackboneCard(
            id=cls.id_of("", layer),
            title=cls.title,
            dim=cls.facts[layer].dim,
            image_size=224,
            normalisation=NORMALISATIONS["imagenet"],
            readout=cls.facts[layer].readout,
            supervised_on="imagenet1k",
            licence="BSD-3-Clause",
            packages=("torchvision",),
        )

    def build(self) -> nn.Module:
        """Return torchvision's network."""
        import torchvision

        network: nn.Module = torchvision.models.get_model(self.family, weights=None)
        return network

    def published_weights(self) -> WeightsFile:
        """Return torchvision's file: ours, the torch hub's, or fetched."""
        prefix = self._hash_prefix()
        path = fetched_from_url(self.card.id, self.weights, self._url(), hash_prefix=prefix)
        sha256 = self.weights.sha256(path)
        require_published(self.card.id, path, prefix, sha256, "Remove it: the next run fetches it again.")
        origin = f"torchvision {self.weights_name}.IMAGENET1K_V1"
        return WeightsFile(path, sha256, origin, is_published=True)

    def is_published(self, sha256: str) -> bool:
        """Whether the hash begins as the published file's name says."""
        return sha256.startswith(self._hash_prefix())

    def fill(self, network: nn.Module, weights: WeightsFile) -> None:
        """Load a state dict of torchvision's network."""
        assert weights.path is not None  # random weights fill nothing
        fill(network, read_tensors(weights.path), head=self.head_name, what=f"weights {weights.path}")

    @abstractmethod
    def read_layer(self, network: nn.Module) -> nn.Module:
        """See `NetworkBackbone`."""

    def _url(self) -> str:
        import torchvision

        return str(getattr(torchvision.models, self.weights_name).IMAGENET1K_V1.url)

    def _hash_prefix(self) -> str:
        # The names end in the first eight digits of the sha256: vgg16-397923af.pth.
        return Path(self._url()).stem.rpartition("-")[2]


@register_backbone
class VGG16(TorchvisionBackbone):
    """VGG-16 (Simonyan and Zisserman, ICLR 2015)."""

    family = "vgg16"
    title = "VGG-16"
    weights_name = "VGG16_Weights"
    head_name = "classifier.6."
    facts = {  # noqa: RUF012
        "fc7": Layer(4096, "second fully connected layer, after its ReLU"),
        "pooled": Layer(512, "mean over the last map of the convolutions"),
    }

    def read_layer(self, network: Any) -> nn.Module:
        """Return the network without its last layer, or its convolutions and their mean."""
        from torch import nn

        if self.layer == "pooled":
            return nn.Sequential(network.features, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        # Up to the ReLU of fc7; what follows is dropout and the classifier.
        return nn.Sequential(network.features, network.avgpool, nn.Flatten(), *list(network.classifier)[:5])

    def classifier(self, network: Any) -> nn.Module | None:
        """Return fc8, which reads fc7."""
        return network.classifier[6] if self.layer == "fc7" else None


@register_backbone
class ResNet50(TorchvisionBackbone):
    """ResNet-50 (He et al., CVPR 2016)."""

    family = "resnet50"
    title = "ResNet-50"
    weights_name = "ResNet50_Weights"
    head_name = "fc."
    facts = {"pooled": Layer(2048, "mean over the last map")}  # noqa: RUF012

    def read_layer(self, network: Any) -> nn.Module:
        """Return the network without its classifier."""
        network.fc = _identity()
        return network  # type: ignore[no-any-return]

    def classifier(self, network: Any) -> nn.Module | None:
        """Return the last layer, which reads the mean."""
        return network.fc  # type: ignore[no-any-return]


@register_backbone
class ViTB16(TorchvisionBackbone):
    """ViT-B/16 (Dosovitskiy et al., ICLR 2021)."""

    family = "vit_b_16"
    title = "ViT-B/16"
    weights_name = "ViT_B_16_Weights"
    head_name = "heads."
    facts = {  # noqa: RUF012
        "cls": Layer(768, "class token, after the last normalisation"),
        "patches": Layer(768, "mean of the patch tokens, after the last normalisation"),
    }

    def read_layer(self, network: Any) -> nn.Module:
        """Return the network without its head, reading the class token or the mean of the others."""
        network.heads = _identity()
        if self.layer == "patches":
            network.encoder.ln = _after(network.encoder.ln, _patch_mean_first)
        return network  # type: ignore[no-any-return]

    def classifier(self, network: Any) -> nn.Module | None:
        """Return the head, which reads the class token."""
        return network.heads[0] if self.layer == "cls" else None


def _identity() -> nn.Module:
    from torch import nn

    return nn.Identity()


def _after(module: nn.Module, change: Callable[[Any], Any]) -> nn.Module:
    """Return a module that gives what another gives, changed."""
    from torch import nn

    class After(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, given: Any) -> Any:
            return change(self.module(given))

    return After()


def _patch_mean_first(tokens: Any) -> Any:
    """Put the mean of the patch tokens in the place of the class token, the one that the network reads."""
    return tokens[:, 1:].mean(1, keepdim=True)
