"""The last map of a network that is not trained, for methods that learn where to look."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from benchmark.errors import NotRunnable
from datasets.backbones.efficientnet_lite0 import EfficientNetLite0
from datasets.seen import Inputs
from methods.base import FitProgress

N_AT_ONCE = 64
LARGEST_KEPT = 2**30

_KEPT: OrderedDict[tuple[bytes, str], Tensor] = OrderedDict()
"""Maps of batches of pictures, by their content and the device, those that were wanted last at the end.

They are features that are not trained, as other methods' are, and a search or a suite passes the same
pictures many times. A gibibyte of them is kept at most.
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

    def __call__(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) float32 in 0..1 -> (B, 49, 1280) float16: 7 x 7 places, not to be written to."""
        content = pictures.detach().cpu().contiguous().numpy()
        key = hashlib.blake2b(content.data).digest() + repr(content.shape).encode(), self._device
        if key not in _KEPT:
            _KEPT[key] = self._maps(pictures)
        _KEPT.move_to_end(key)
        found = _KEPT[key]
        while sum(maps.nbytes for maps in _KEPT.values()) > LARGEST_KEPT:
            _KEPT.popitem(last=False)
        return found

    def of_all(self, items: Inputs, progress: FitProgress) -> Tensor:
        """(n, 49, 1280) float16: maps of seen pictures, for as long as a method is trained on them.

        125 KB a picture: 0.4 GB for doodle101, 14 GB for Sketchy extended. progress: counts batches.
        """
        starts = range(0, len(items), N_AT_ONCE)
        progress.start(len(starts), unit="batch of pictures")
        maps = []
        for start in starts:
            maps.append(self(items[start : start + N_AT_ONCE]))
            progress.advance()
        return torch.cat(maps)

    @torch.no_grad()
    def _maps(self, pictures: Tensor) -> Tensor:
        if pictures.shape[-2:] != (self._size, self._size):
            pictures = F.interpolate(pictures, (self._size, self._size), mode="bilinear", antialias=True)
        normalised = ((pictures - self._mean) / self._std).contiguous(memory_format=torch.channels_last)
        maps: Tensor = self._network.extract_features(normalised)
        return maps.half().flatten(2).transpose(1, 2).contiguous()
