"""Backbones: fixed networks that turn pictures into feature vectors, one module a source of networks.

An id is `name`, `source:model` or either with `@layer`, which says where the feature is read, such as
`resnet50@pooled`, `timm:vit_small_patch8_224.dino@pre_logits`. Without a layer it stands for the first one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from benchmark.errors import BenchmarkError
from benchmark.registry import BACKBONES
from datasets.backbones.weights import PUBLISHED, RANDOM, Weights, WeightsFile
from datasets.preprocessing import NORMALISATIONS, Normalisation, Preprocessing

if TYPE_CHECKING:
    from torch import Tensor

FeatureFunction = Callable[["Tensor"], "Tensor"]
"""(B, 3, image_size, image_size) uint8 RGB, not normalised -> (B, dim) float32, on the device loaded for."""

UNKNOWN = "unknown"
"""Label set of weights that nobody can vouch for, and of pretraining on the web."""


@dataclass(frozen=True)
class BackboneCard:
    """Facts about a backbone.

    dim: width of a feature. image_size: edge of the square input in pixels. normalisation: the one it was
    trained with. readout: how a feature is taken from the network; part of the cache key and of the record,
    so a change of the numbers needs a change of the text. supervised_on: label set of its pretraining, such
    as "imagenet1k", or "unknown". packages: what to install, as pip takes it.
    """

    id: str
    title: str
    dim: int
    image_size: int
    normalisation: Normalisation
    readout: str
    supervised_on: str
    licence: str
    packages: tuple[str, ...]


class Backbone(ABC):
    """One network, read at one layer, with one set of weights. Nothing here loads torch before `load` does.

    family: what an id begins with, up to the colon or the layer. layers: where a feature can be read, the
    default first. model: what stands behind the colon of the id. layer: one of `layers`, "" for the default.
    weights: which ones. Making one raises BenchmarkError for a model, layer or package that is not there.
    """

    family: ClassVar[str]
    layers: tuple[str, ...] = ()
    card: BackboneCard

    def __init__(self, model: str = "", layer: str = "", weights: Weights = PUBLISHED) -> None:
        if layer and layer not in self.layers:
            raise BenchmarkError(
                f"backbone '{self.family}' is not read at '{layer}'. Its layers: {', '.join(self.layers)}."
            )
        self.model, self.weights = model, weights
        self.layer = layer or self.layers[0]

    @classmethod
    def id_of(cls, model: str, layer: str) -> str:
        """Return the whole id: with the model, and with the layer where none was named."""
        return f"{cls.family}{':' if model else ''}{model}@{layer or cls.layers[0]}"

    @classmethod
    def listed(cls) -> tuple[BackboneCard, ...]:
        """Cards to show in a list, made without loading torch; a source of many models shows one for all."""
        return (cls.card,)

    @classmethod
    def lacks(cls) -> str:
        """Say which Python package must be installed first, and how; "" when nothing is missing."""
        return ""

    @abstractmethod
    def weights_file(self) -> WeightsFile:
        """Return the weights: fetched, hashed, or drawn.

        Raises BenchmarkError, with where to get them and how to pass them, when they cannot be reached or are
        not the pinned ones.
        """

    @abstractmethod
    def load(self, device: str, normalisation: Normalisation) -> FeatureFunction:
        """Return the feature function on a device. Raises BenchmarkError as `weights_file` does."""

    def head(self) -> tuple[Tensor, Tensor] | None:
        """Return weight (1000, dim) and bias (1000,) of the published ILSVRC-1k classifier of this layer.

        None where there is none: another layer, another label set, weights of unknown origin. Rows are in the
        order of sorted synset ids.
        """
        return None

    def weights_sha256(self) -> str:
        """Return the hex sha256 of the weights. Raises BenchmarkError as `weights_file` does."""
        return self.weights_file().sha256

    @property
    def supervised_on(self) -> str:
        """Label set of the weights in use: the published one, "nothing" for random ones, or "unknown"."""
        if self.weights.choice == RANDOM:
            return "nothing"
        return self.card.supervised_on if self.weights_file().is_published else UNKNOWN

    def normalisation(self, preprocessing: Preprocessing) -> Normalisation:
        """Return the normalisation that a preprocessing asks for: the backbone's own, or another."""
        if preprocessing.normalisation == "backbone":
            return self.card.normalisation
        return NORMALISATIONS[preprocessing.normalisation]

    def steps(self, preprocessing: Preprocessing) -> str:
        """Say all that happens between pixels and feature, for cache keys and records."""
        size = self.card.image_size
        return f"{size} x {size}, {self.normalisation(preprocessing).id}, {self.card.readout}"


def make_backbone(backbone_id: str, weights: Weights = PUBLISHED) -> Backbone:
    """Return the backbone of an id. Raises BenchmarkError for a name, model, layer or package not known."""
    family, model, layer = _parts(backbone_id)
    backbone: Backbone = BACKBONES.get(family)(model=model, layer=layer, weights=weights)
    return backbone


def whole_id(backbone_id: str) -> str:
    """Return an id as records hold it, with its layer. Raises BenchmarkError for an unknown beginning.

    >>> whole_id("resnet50"), whole_id("vgg16@pooled"), whole_id("efficientnet_lite0")
    ('resnet50@pooled', 'vgg16@pooled', 'efficientnet_lite0')
    """
    family, model, layer = _parts(backbone_id)
    kind: type[Backbone] = BACKBONES.get(family)
    return kind.id_of(model, layer)


def _parts(backbone_id: str) -> tuple[str, str, str]:
    name, _, layer = backbone_id.partition("@")
    family, _, model = name.partition(":")
    return family, model, layer


def without_model(backbone: Backbone) -> None:
    """Raise BenchmarkError when an id names a model where there is nothing to choose."""
    if backbone.model:
        raise BenchmarkError(
            f"backbone '{backbone.family}' is one network: leave ':{backbone.model}' out. Networks of a "
            "library are named like timm:resnet18.a1_in1k."
        )
