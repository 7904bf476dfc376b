"""Spatial attention on the last map of a convolutional network."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from methods.parts.networks import Encoder

ATTENTION_HIDDEN = 380


class AttentionEncoder(nn.Module):
    """(B, p, c) maps of p places -> (B, width): where to look is learnt, then what is seen is encoded.

    A mask m is a softmax over the places x_i of two linear layers, 1 x 1 convolutions of the map. What is
    encoded, at length 1, is the mean of the places plus Σ m_i x_i, their mean weighted by m; the mean of
    x_i + m_i x_i would leave m a weight of 1 / p. mean: (c,) float32, what is subtracted at every place.
    """

    mean: Tensor

    def __init__(self, mean: Tensor, encoder: Encoder) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        # A softmax over places takes no notice of what is added at every one: no bias, nor the mean.
        self.hidden = nn.Linear(len(mean), ATTENTION_HIDDEN, bias=False)
        self.score = nn.Linear(ATTENTION_HIDDEN, 1, bias=False)
        self.encoder = encoder

    def forward(self, maps: Tensor) -> Tensor:
        """Return the embeddings."""
        places = maps.float()
        # Nothing lies between the two layers: their product first, and a place costs a 380th.
        scores = places @ (self.score.weight @ self.hidden.weight).squeeze(0)
        weights = scores.softmax(dim=1) + 1 / places.shape[1]
        seen = (weights[:, None] @ places).squeeze(1) - 2 * self.mean
        embedded: Tensor = self.encoder(F.normalize(seen, dim=1))
        return embedded
