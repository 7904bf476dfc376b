"""Spatial attention on the last map of a convolutional network."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from methods.parts.networks import Encoder

ATTENTION_HIDDEN = 380


class AttentionEncoder(nn.Module):
    """(B, c, h, w) map -> (B, width): where to look is learnt, then the mean of what is seen is encoded.

    A mask m is a softmax over the h · w places of two 1 x 1 convolutions. What is encoded, at length 1, is
    the mean of the map x plus Σ x · m, its mean weighted by m; the mean of x + x · m would leave m a weight
    of 1 / (h · w).
    """

    def __init__(self, n_channels: int, encoder: Encoder) -> None:
        super().__init__()
        self.mask = nn.Sequential(
            nn.Conv2d(n_channels, ATTENTION_HIDDEN, kernel_size=1),
            nn.Conv2d(ATTENTION_HIDDEN, 1, kernel_size=1),
        )
        self.encoder = encoder

    def forward(self, maps: Tensor) -> Tensor:
        """Return the embeddings."""
        places = maps.float().flatten(2)
        attention = self.mask(maps.float()).flatten(2).softmax(dim=2)
        seen = places.mean(dim=2) + (places * attention).sum(dim=2)
        embedded: Tensor = self.encoder(F.normalize(seen, dim=1))
        return embedded
