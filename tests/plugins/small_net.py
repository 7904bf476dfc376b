"""A backbone that is trained in a second: two convolutions on 16 x 16 pictures, and a head nobody reads.

A plugin file, loaded as one: so it must reach the processes of several devices.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmark.registry import register_backbone
from datasets.backbones import BackboneCard
from datasets.backbones.network import NetworkBackbone
from datasets.backbones.weights import WeightsFile, fill, read_tensors, tensors_sha256
from datasets.preprocessing import NORMALISATIONS, Preprocessing
from datasets.settings import Modality

DIM = 16


class Whole(nn.Module):
    """Batch normalisation has buffers, dropout draws numbers, and `head` gets no gradient from features."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Conv2d(8, DIM, 3, stride=2, padding=1),
            nn.BatchNorm2d(DIM),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(DIM, 1000)

    def forward(self, pictures: Tensor) -> Tensor:
        features: Tensor = self.body(pictures)
        return features


@dataclass(frozen=True)
class Logged(Preprocessing):
    """Whole pictures scaled, and a line for each one read: process, edge, file."""

    log: Path = Path()

    def picture(self, path: Path, size: int, modality: Modality) -> NDArray[np.uint8]:
        with self.log.open("a", encoding="utf-8") as lines:
            lines.write(f"{os.getpid()} {size} {path}\n")
        return super().picture(path, size, modality)


@register_backbone
class SmallNet(NetworkBackbone):
    """Published weights are those that a seed draws."""

    family, layers = "small_net", ("pooled",)
    card = BackboneCard(
        "small_net@pooled", "Small", DIM, 16, NORMALISATIONS["imagenet"], "mean", "nothing", "none", ()
    )

    def build(self) -> nn.Module:
        return Whole()

    def published_weights(self) -> WeightsFile:
        return WeightsFile(None, tensors_sha256(self._drawn().state_dict()), "drawn", is_published=True)

    def is_published(self, sha256: str) -> bool:
        return False

    def fill(self, network: nn.Module, weights: WeightsFile) -> None:
        assert weights.path is not None  # those of a seed fill nothing
        fill(network, read_tensors(weights.path), head="head.", what="weights")

    def read_layer(self, network: Any) -> nn.Module:
        return network  # type: ignore[no-any-return]
