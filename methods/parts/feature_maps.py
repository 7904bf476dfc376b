"""The last map of a network that is not trained, for methods that learn where to look."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from benchmark.errors import NotRunnable
from datasets.backbones.efficientnet_lite0 import EfficientNetLite0
from datasets.seen import Inputs

N_CHANNELS = 1280
N_AT_ONCE = 64


class FeatureMaps:
    """EfficientNet-Lite0 with its published ImageNet-1k weights, read before its maps are averaged.

    Raises NotRunnable where its packages are missing.
    """

    def __init__(self, device: str) -> None:
        if lack := EfficientNetLite0.lacks():
            raise NotRunnable(lack)
        backbone = EfficientNetLite0()
        self._size, normalisation = backbone.card.image_size, backbone.card.normalisation
        pooled: Any = backbone.optimised(backbone.trainable()).eval().to(device)
        self._network = pooled.network
        channels = torch.tensor([normalisation.mean, normalisation.std], device=device)
        self._mean, self._std = channels.view(2, 1, 3, 1, 1) / 255

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) float32 in 0..1 -> (B, 1280, 7, 7) float32."""
        if pictures.shape[-2:] != (self._size, self._size):
            pictures = F.interpolate(pictures, (self._size, self._size), mode="bilinear", antialias=True)
        maps: Tensor = self._network.extract_features((pictures - self._mean) / self._std)
        return maps

    def of_all(self, items: Inputs) -> Tensor:
        """(n, 1280, 7, 7) float16: maps of seen pictures, kept on the device while a method is trained.

        125 KB a picture: 0.4 GB for doodle101, 14 GB for Sketchy extended.
        """
        starts = range(0, len(items), N_AT_ONCE)
        return torch.cat([self(items[start : start + N_AT_ONCE]).half() for start in starts])
