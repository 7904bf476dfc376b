"""The last map of a network that is not trained, for methods that learn where to look."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from benchmark.errors import NotRunnable
from datasets.backbones.efficientnet_lite0 import EfficientNetLite0
from datasets.seen import Pictures
from methods.base import FitProgress

N_AT_ONCE = 64
N_KEPT = 2
LARGEST_KEPT = 2**30

_KEPT: dict[tuple[bytes, str], Tensor] = {}
"""Maps of pictures, by their content and the device: those of the last sketches and photos.

They are features that are not trained, as other methods' are, and a search or a suite fits on the same
pictures many times. More than a gibibyte is not kept.
"""


class FeatureMaps:
    """EfficientNet-Lite0 with its published ImageNet-1k weights, read before its maps are averaged.

    Raises NotRunnable where its packages are missing.
    """

    def __init__(self, device: str) -> None:
        if lack := EfficientNetLite0.lacks():
            raise NotRunnable(lack)
        self._device = device
        backbone = EfficientNetLite0()
        self._size, normalisation = backbone.card.image_size, backbone.card.normalisation
        pooled: Any = backbone.optimised(backbone.trainable()).eval().to(device)
        self._network = pooled.network.to(memory_format=torch.channels_last)
        channels = torch.tensor([normalisation.mean, normalisation.std], device=device)
        self._mean, self._std = channels.view(2, 1, 3, 1, 1) / 255

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) float32 in 0..1 -> (B, 1280, 7, 7) float32."""
        if pictures.shape[-2:] != (self._size, self._size):
            pictures = F.interpolate(pictures, (self._size, self._size), mode="bilinear", antialias=True)
        normalised = ((pictures - self._mean) / self._std).contiguous(memory_format=torch.channels_last)
        maps: Tensor = self._network.extract_features(normalised)
        return maps.contiguous()

    def of_all(self, pictures: Pictures, progress: FitProgress) -> Tensor:
        """(n, 1280, 7, 7) float16: maps of seen pictures, not to be written to; `progress` counts batches.

        125 KB a picture: 0.4 GB for doodle101, 14 GB for Sketchy extended.
        """
        key = (pictures.digest(), self._device)
        if key in _KEPT:
            return _KEPT[key]
        starts = range(0, len(pictures), N_AT_ONCE)
        progress.start(len(starts), unit="batch of pictures")
        maps = []
        for start in starts:
            maps.append(self(pictures[start : start + N_AT_ONCE]).half())
            progress.advance()
        found = torch.cat(maps)
        if found.nbytes <= LARGEST_KEPT:
            while len(_KEPT) >= N_KEPT:
                del _KEPT[next(iter(_KEPT))]
            _KEPT[key] = found
        return found
