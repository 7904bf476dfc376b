"""Doodle2search: triplets, semantics and an unlearnt modality, on pictures in which it learns where to look.

Losses as in `doodle2search_features`. An encoder sees the mean of the network's last map, plus its mean under
a mask over its places. Source: Dey et al., CVPR 2019.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self, cast

import torch
from torch import Tensor, nn

from benchmark.registry import register_method
from datasets.seen import Inputs
from methods.base import FitProgress, MethodCard, SearchRange, SeenData
from methods.parts.attention import AttentionEncoder
from methods.parts.doodle_losses import DEVIATIONS, SEARCH_SPACE, DoodleConfig, DoodleObjective
from methods.parts.feature_maps import FeatureMaps
from methods.parts.trained import TrainedMethod


class AttentionObjective(DoodleObjective):
    """The same losses behind encoders that see maps, less the mean of the seen ones of their modality."""

    def new_encoder(self, items: Inputs) -> AttentionEncoder:
        """Build the encoder of a modality, for (n, p, c) maps; the mean is one over items and places."""
        mean = cast(Tensor, items).mean(dim=(0, 1), dtype=torch.float32)
        return AttentionEncoder(mean, self.config.encoder(len(mean)))


@register_method(
    MethodCard(
        id="doodle2search",
        title="Doodle2Search",
        pretraining=("imagenet1k",),
        side_information=("class vectors",),
        input="images",
        distance="euclidean",
        fidelity="reimplementation",
        deviations=(
            "The network is EfficientNet-Lite0 with ImageNet-1k weights and stays as it is; the original "
            "fine-tunes VGG-16 with batch normalisation, so that attention and network learn together.",
            "The mean of the map and its mean weighted by attention are added, so that attention weighs as "
            "much as the map, and brought to length 1 as other methods' features are; the original adds "
            "x · m to the map x place by place and passes all places to two layers of 4,096.",
            *DEVIATIONS,
            "Losses and attention were checked against the released code, not against the paper's text.",
        ),
        width="free",
        paper="Dey et al., Doodle to search: practical zero-shot sketch-based image retrieval",
        year=2019,
        venue="CVPR",
        original_code="https://github.com/sounakdey/doodle2search",
        code_licence="none stated",
    )
)
class Doodle2Search(TrainedMethod):
    """Keeps both encoders and their attention; the network comes from its package."""

    Config: ClassVar[Any] = DoodleConfig
    Objective = AttentionObjective
    search_space: ClassVar[Mapping[str, SearchRange]] = SEARCH_SPACE

    def __init__(self, config: Any = None, *, device: str = "cpu") -> None:
        super().__init__(config, device=device)
        self._maps = FeatureMaps(device)

    def fit(self, seen: SeenData, *, seed: int, progress: FitProgress) -> Self:
        """Read the maps of all seen pictures once, then train on them."""
        of_maps = dataclasses.replace(
            seen,
            sketches=self._maps.of_all(seen.sketches, progress),
            photos=self._maps.of_all(seen.photos, progress),
        )
        return super().fit(of_maps, seed=seed, progress=progress)

    @torch.inference_mode()
    def embed_sketches(self, batch: Tensor) -> Tensor:
        """(B, 3, H, W) float32 in 0..1 -> (B, width) float32."""
        return super().embed_sketches(self._maps(batch))

    @torch.inference_mode()
    def embed_photos(self, batch: Tensor) -> Tensor:
        """(B, 3, H, W) float32 in 0..1 -> (B, width) float32."""
        return super().embed_photos(self._maps(batch))

    def empty_encoder(self, weights: Mapping[str, Tensor]) -> nn.Module:
        """Build an encoder with attention, of the width of maps that the weights fit."""
        mean = weights["mean"]
        return AttentionEncoder(mean, self.config.encoder(len(mean)))
