"""Edge maps of photos, for networks that know line drawings only."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in grey (ITU-R BT.601)."""
FAINTEST = 1 / 255
"""Change per pixel, of tones in 0..1, below which even a picture's strongest edge is fainter than 1."""


def grey(pictures: Tensor) -> Tensor:
    """(B, 3, H, W) float32 in 0..1 -> (B, 1, H, W) float32 in 0..1."""
    luma = torch.tensor(LUMA, device=pictures.device)
    return (pictures * luma[:, None, None]).sum(dim=1, keepdim=True)


def edge_map(tones: Tensor, *, sigma: float = 2.0) -> Tensor:
    """Gradient magnitude of grey pictures after Gaussian smoothing, the strongest of each picture being 1.

    tones: (B, 1, H, W) float32. sigma: of the Gaussian, in pixels; a sharp edge becomes about 2.4 sigma wide.
    The gradient is Sobel's. Pictures go on past their borders as they end there, so that a border is no edge.
    No thinning and no threshold. Returns (B, 1, H, W) float32 in 0..1, 0 where a picture is of one tone.
    """
    n_rows, n_columns = tones.shape[2:]
    radius = math.ceil(3 * sigma)
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32, device=tones.device)
    gaussian = torch.softmax(-offsets.square() / (2 * sigma**2), dim=0)

    def smoothed(taps: list[float], size: int) -> Tensor:
        return _as_matrix(gaussian, size) @ _as_matrix(tones.new_tensor(taps), size)

    mean, difference = [0.25, 0.5, 0.25], [-0.5, 0.0, 0.5]
    across = smoothed(mean, n_rows).T @ tones @ smoothed(difference, n_columns)
    down = smoothed(difference, n_rows).T @ tones @ smoothed(mean, n_columns)
    strength = torch.hypot(across, down)
    return strength / strength.amax(dim=(1, 2, 3), keepdim=True).clamp(min=FAINTEST)


def _as_matrix(taps: Tensor, size: int) -> Tensor:
    """(size, size) matrix that filters rows from its right, going on past their ends as they end.

    A product of matrices is several times faster on a CPU than the convolution of one channel.
    """
    margin = len(taps) // 2
    unit_rows = F.pad(torch.eye(size, device=taps.device)[:, None], (margin, margin), mode="replicate")
    return F.conv1d(unit_rows, taps[None, None])[:, 0]
