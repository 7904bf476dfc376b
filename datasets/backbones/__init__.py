"""Backbones: fixed networks that turn pictures into feature vectors, one module each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from benchmark.errors import BenchmarkError
from datasets.pictures import file_sha256
from datasets.preprocessing import NORMALISATIONS, Normalisation, Preprocessing

if TYPE_CHECKING:
    from torch import Tensor

FeatureFunction = Callable[["Tensor"], "Tensor"]
"""(B, 3, image_size, image_size) uint8 RGB, not normalised -> (B, dim) float32, on the device loaded for."""


@dataclass(frozen=True)
class BackboneCard:
    """Facts about a backbone.

    dim: width of a feature. image_size: edge of the square input in pixels. normalisation: the one it was
    trained with. readout: how a feature is taken from the network; part of the cache key and of the record,
    so a change of the numbers needs a change of the text. supervised_on: label set of its pretraining, such
    as "imagenet1k", or "unknown". packages: what to install, as pinned requirements.
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
    """One network with published weights. Nothing here loads torch before `load` is called."""

    card: ClassVar[BackboneCard]

    @abstractmethod
    def weights_sha256(self) -> str:
        """Return the hex sha256 of the weights file.

        Raises BenchmarkError when the package is missing or its weights are not the pinned ones.
        """

    @abstractmethod
    def load(self, device: str, normalisation: Normalisation) -> FeatureFunction:
        """Return the feature function on a device. Raises BenchmarkError as `weights_sha256` does."""

    def normalisation(self, preprocessing: Preprocessing) -> Normalisation:
        """Return the normalisation that a preprocessing asks for: the backbone's own, or another."""
        if preprocessing.normalisation == "backbone":
            return self.card.normalisation
        return NORMALISATIONS[preprocessing.normalisation]

    def steps(self, preprocessing: Preprocessing) -> str:
        """Say all that happens between pixels and feature, for cache keys and records."""
        size = self.card.image_size
        return f"{size} x {size}, {self.normalisation(preprocessing).id}, {self.card.readout}"


def pinned_sha256(card: BackboneCard, path: Path, sha256: str) -> str:
    """Return the sha256 of a weights file, which must be the pinned one; BenchmarkError says what to do."""
    found = file_sha256(path)
    if found != sha256:
        raise BenchmarkError(
            f"backbone '{card.id}': {path} has sha256 {found[:16]}…, expected {sha256[:16]}…. "
            f"Install the published file again: {install_command(card, again=True)}"
        )
    return found


def install_command(card: BackboneCard, *, again: bool = False) -> str:
    """Return the pip command that installs a backbone's packages; `again` replaces what is there."""
    return f"pip install {'--force-reinstall ' if again else ''}--no-deps {' '.join(card.packages)}"
