"""The last map of a network that is not trained, for methods that learn where to look."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from benchmark.errors import NotRunnable
from datasets.backbones.efficientnet_lite0 import EfficientNetLite0
from datasets.seen import Inputs
from methods.base import FitProgress

N_AT_ONCE = 64
N_PLACES, N_CHANNELS = 7 * 7, 1280


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
        self._network = pooled.network.to(memory_format=torch.channels_last)
        channels = torch.tensor([normalisation.mean, normalisation.std], device=device)
        self._mean, self._std = channels.view(2, 1, 3, 1, 1) / 255

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) float32 in 0..1 -> (B, 49, 1280) float16: one row for each of 7 x 7 places."""
        if pictures.shape[-2:] != (self._size, self._size):
            pictures = F.interpolate(pictures, (self._size, self._size), mode="bilinear", antialias=True)
        normalised = ((pictures - self._mean) / self._std).contiguous(memory_format=torch.channels_last)
        maps: Tensor = self._network.extract_features(normalised)
        return maps.half().flatten(2).transpose(1, 2).contiguous()

    def of_all(self, items: Inputs, progress: FitProgress) -> Tensor:
        """(n, 49, 1280) float16: maps of seen pictures, kept on the device while a method is trained.

        125 KB a picture: 0.4 GB for doodle101, 14 GB for Sketchy extended. progress: counts batches.
        """
        starts = range(0, len(items), N_AT_ONCE)
        progress.start(len(starts), unit="batch of pictures")
        maps = torch.empty(len(items), N_PLACES, N_CHANNELS, dtype=torch.float16, device=self._mean.device)
        for start in starts:
            batch = slice(start, start + N_AT_ONCE)
            maps[batch] = self(items[batch])
            progress.advance()
        return maps
