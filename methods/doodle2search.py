"""Doodle2search: triplets, semantics and an unlearnt modality, on pictures in which it learns where to look.

Losses as in `doodle2search_features`. An encoder sees the mean of the network's last map, plus its mean under
a mask over its places. Source: Dey et al., CVPR 2019.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from benchmark.registry import register_method
from methods.base import FitProgress, MethodCard, SearchRange, SeenData
from methods.parts.attention import AttentionEncoder
from methods.parts.doodle_losses import DoodleConfig, DoodleObjective
from methods.parts.feature_maps import N_CHANNELS, FeatureMaps
from methods.parts.search import COMMON_SEARCH_SPACE
from methods.parts.trained import TrainedMethod


class AttentionObjective(DoodleObjective):
    """The same losses behind encoders that see maps."""

    def __init__(self, config: DoodleConfig, seen: SeenData) -> None:
        super().__init__(config, seen)
        self.sketch_encoder = AttentionEncoder(N_CHANNELS, config.encoder(N_CHANNELS))
        self.photo_encoder = AttentionEncoder(N_CHANNELS, config.encoder(N_CHANNELS))


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
            "Negatives are other pairs of the batch, likelier the more similar their classes, instead of "
            "items of the whole set.",
            "The reversed gradient of the modality grows over the first half of the epochs; in the released "
            "code it grows over batches 5 to 25 of every epoch.",
            "The decoder has the width of the class vectors, which are of sentences, not of words; it is "
            "shared by both modalities, as in the released code.",
            "Adam takes the place of SGD, and no epoch is chosen by classes held out.",
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
    """Keeps both encoders, their attention, and the mean of each modality's maps."""

    Config: ClassVar[Any] = DoodleConfig
    Objective = AttentionObjective
    search_space: ClassVar[Mapping[str, SearchRange]] = {
        **COMMON_SEARCH_SPACE,
        "lambda_semantic": SearchRange(low=0.1, high=10.0, log=True),
        "lambda_domain": SearchRange(low=0.01, high=10.0, log=True),
        "margin": SearchRange(low=0.1, high=3.0, log=True),
    }

    sketch_mean: Tensor
    photo_mean: Tensor

    def __init__(self, config: Any = None, *, device: str = "cpu") -> None:
        super().__init__(config, device=device)
        self._maps = FeatureMaps(device)

    def fit(self, seen: SeenData, *, seed: int, progress: FitProgress) -> Self:
        """Read the maps of all seen pictures once, then train on them."""
        sketches, photos = self._maps.of_all(seen.sketches), self._maps.of_all(seen.photos)
        self.sketch_mean, self.photo_mean = _mean(sketches), _mean(photos)
        centred = dataclasses.replace(
            seen, sketches=sketches.sub_(self.sketch_mean), photos=photos.sub_(self.photo_mean)
        )
        return super().fit(centred, seed=seed, progress=progress)

    @torch.inference_mode()
    def embed_sketches(self, batch: Tensor) -> Tensor:
        """(B, 3, H, W) float32 in 0..1 -> (B, width) float32."""
        return super().embed_sketches(self._maps(batch) - self.sketch_mean)

    @torch.inference_mode()
    def embed_photos(self, batch: Tensor) -> Tensor:
        """(B, 3, H, W) float32 in 0..1 -> (B, width) float32."""
        return super().embed_photos(self._maps(batch) - self.photo_mean)

    def state(self) -> dict[str, Tensor]:
        """Weights of the encoders, and the means; the network comes from its package."""
        return {**super().state(), "sketch_mean": self.sketch_mean, "photo_mean": self.photo_mean}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take back what `state` returned."""
        self.sketch_mean, self.photo_mean = state["sketch_mean"], state["photo_mean"]
        super().load_state(
            {name: value for name, value in state.items() if name not in ("sketch_mean", "photo_mean")}
        )

    def empty_encoder(self, weights: Mapping[str, Tensor]) -> nn.Module:
        """Build an encoder with attention."""
        return AttentionEncoder(N_CHANNELS, self.config.encoder(N_CHANNELS))


def _mean(maps: Tensor) -> Tensor:
    """(1280, 1, 1): mean over items and places."""
    return maps.mean(dim=(0, 2, 3), dtype=torch.float32)[:, None, None]
