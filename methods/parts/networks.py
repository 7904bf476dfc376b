"""The encoder that every trained method uses, so that they differ in what they learn, not in their size."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere


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
            layers = [nn.Linear(n_in, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, n_out)]
        self.layers = nn.Sequential(*layers)
        self.normalise = normalise

    def forward(self, features: Tensor) -> Tensor:
        """Return the codes."""
        codes = cast(Tensor, self.layers(features))
        return F.normalize(codes, dim=1) if self.normalise else codes
