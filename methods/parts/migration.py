"""Networks that migrate features of one modality to the other."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from methods.parts.networks import Encoder


class Generator(nn.Module):
    """(B, n_in) -> (B, n_out): a small network; where both widths agree it changes the features it is given.

    Widths that agree mean one backbone, whose features of both modalities are close to begin with.
    """

    def __init__(self, n_in: int, n_out: int, *, hidden: int) -> None:
        super().__init__()
        self.network = Encoder(n_in, n_out, hidden=hidden, depth=2, dropout=0.0, normalise=False)
        self.is_residual = n_in == n_out

    def forward(self, features: Tensor) -> Tensor:
        """Return the features of the other modality."""
        change = cast(Tensor, self.network(features))
        return features + change if self.is_residual else change


class MigratingEncoder(nn.Module):
    """Migrates sketches to photos and hashes them as such."""

    def __init__(self, generator: nn.Module, hash_network: nn.Module) -> None:
        super().__init__()
        self.generator = generator
        self.hash_network = hash_network

    def forward(self, sketches: Tensor) -> Tensor:
        """(B, d) sketches -> (B, width)."""
        return cast(Tensor, self.hash_network(self.generator(sketches)))
