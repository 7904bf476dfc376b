"""The encoder that every trained method uses, so that they differ in what they learn, not in their size."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere


class Dropout(nn.Module):
    """`torch.nn.Dropout` with a mask made of uniform numbers, which a CPU draws four times as fast."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Set a share p of the numbers to 0 and scale the others by 1 / (1 - p), in training only."""
        if not self.training or self.p == 0:
            return x
        return x * torch.rand_like(x).ge_(self.p).div_(1 - self.p)


class Encoder(nn.Module):
    """(B, n_in) -> (B, n_out): Linear, ReLU, Dropout, Linear; with depth 1 one Linear alone.

    normalise: codes get length 1.
    """

    def __init__(
        self, n_in: int, n_out: int, *, hidden: int, depth: int, dropout: float, normalise: bool
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Linear(n_in, n_out)]
        if depth == 2:
            layers = [nn.Linear(n_in, hidden), nn.ReLU(), Dropout(dropout), nn.Linear(hidden, n_out)]
        self.layers = nn.Sequential(*layers)
        self.normalise = normalise

    def forward(self, features: Tensor) -> Tensor:
        """Return the codes."""
        codes = cast(Tensor, self.layers(features))
        return F.normalize(codes, dim=1) if self.normalise else codes
