"""Pictures as line drawings: ink of sketches, edges of photos, and the crops that a network is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from datasets.seen import SeenData
from methods.parts.edges import edge_map, grey

INPUT_SIZE = 225
SIZE = 256
"""Edge of a whole picture in pixels, of which a network sees a square of INPUT_SIZE."""
DrawingBatch: TypeAlias = tuple[Tensor, Tensor]
"""(B, 1, 225, 225) float32 drawings and their (B,) int64 classes."""


def sketch_drawings(pictures: Tensor) -> Tensor:
    """Ink of sketches, whether dark on light or light on dark: (B, 3, H, W) -> (B, 1, 256, 256) in 0..1."""
    tones = _resized(grey(pictures))
    is_light = tones.mean(dim=(1, 2, 3), keepdim=True) > 0.5  # most of a sketch is paper
    return torch.where(is_light, 1 - tones, tones)


def photo_drawings(pictures: Tensor) -> Tensor:
    """Edge maps of photos in the place of ink: (B, 3, H, W) -> (B, 1, 256, 256) in 0..1."""
    return edge_map(_resized(grey(pictures)))


def _resized(tones: Tensor) -> Tensor:
    return F.interpolate(tones, (SIZE, SIZE), mode="bilinear", antialias=True)


def crop(drawings: Tensor, top: Tensor, left: Tensor, is_flipped: Tensor) -> Tensor:
    """Cut a square from each drawing: (B, 1, 256, 256) -> (B, 1, 225, 225).

    top, left: (B,) int64, its corner. is_flipped: (B,) bool, whether left and right are changed over.
    """
    inside = torch.arange(INPUT_SIZE, device=drawings.device)
    rows = top[:, None] + inside
    columns = left[:, None] + torch.where(is_flipped[:, None], inside.flip(0), inside)
    items = torch.arange(len(drawings), device=drawings.device)
    return drawings[items[:, None, None], 0, rows[:, :, None], columns[:, None, :]][:, None]


def centre(drawings: Tensor) -> Tensor:
    """The middle of each drawing, without its margin of 15 pixels: (B, 1, 225, 225)."""
    start = (SIZE - INPUT_SIZE) // 2
    return drawings[:, :, start : start + INPUT_SIZE, start : start + INPUT_SIZE]


class DrawingSampler:
    """Gives every seen sketch once an epoch, shifted and flipped at random.

    All that is drawn comes from one generator on the CPU, so that a seed gives the same batches on every
    device.
    """

    def __init__(self, seen: SeenData, *, seed: int) -> None:
        self._seen = seen
        self._generator = torch.Generator().manual_seed(seed)

    def epoch(self, n_sketches: int) -> Iterator[DrawingBatch]:
        """Give all sketches in a new order, in batches of n_sketches; the last may be smaller."""
        device = self._seen.sketch_labels.device
        order = torch.randperm(len(self._seen.sketches), generator=self._generator)
        for start in range(0, len(order), n_sketches):
            rows = order[start : start + n_sketches]
            corners = torch.randint(SIZE - INPUT_SIZE + 1, (2, len(rows)), generator=self._generator)
            flips = torch.randint(2, (len(rows),), generator=self._generator).bool()
            rows, top, left, is_flipped = (drawn.to(device) for drawn in (rows, *corners, flips))
            drawings = sketch_drawings(self._seen.sketches[rows])
            yield crop(drawings, top, left, is_flipped), self._seen.sketch_labels[rows]
