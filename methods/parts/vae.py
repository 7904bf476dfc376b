"""Variational auto-encoders (Kingma and Welling, ICLR 2014): Gaussian codes and what they cost.

With a code z ~ q(z | x) = N(mean, diag exp(log_variance)), drawn as mean + σ ε with ε ~ N(0, I), a VAE
minimises the reconstruction error of x from z plus KL(q(z | x) ‖ N(0, I)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from methods.parts.networks import Encoder

LARGEST_LOG_VARIANCE = 9.0
"""A standard deviation of 90, where N(0, I) has 1: of an outlier a draw and its gradient stay in bounds."""


@dataclass(frozen=True)
class Gaussian:
    """B distributions with a diagonal covariance. mean, log_variance: (B, width)."""

    mean: Tensor
    log_variance: Tensor

    def drawn(self) -> Tensor:
        """(B, width): one draw of each, through which gradients flow."""
        return self.mean + (0.5 * self.log_variance).exp() * torch.randn_like(self.mean)

    def divergence(self) -> Tensor:
        """KL(self ‖ N(0, I)) in nats, the mean over B."""
        terms = self.mean.square() + self.log_variance.exp() - 1 - self.log_variance
        return 0.5 * terms.sum(dim=1).mean()

    def divergence_from(self, other: Gaussian) -> Tensor:
        """KL(self ‖ other) in nats for as many of the same width, the mean over B."""
        squares = (self.mean - other.mean).square() + self.log_variance.exp()
        logs = other.log_variance - self.log_variance
        return 0.5 * (squares / other.log_variance.exp() - 1 + logs).sum(dim=1).mean()


class GaussianEncoder(nn.Module):
    """(B, n_in) -> B Gaussians of a width: the encoder of all methods, with twice the outputs."""

    def __init__(self, n_in: int, width: int, *, hidden: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.network = Encoder(n_in, 2 * width, hidden=hidden, depth=depth, dropout=dropout, normalise=False)

    def forward(self, features: Tensor) -> Gaussian:
        """Return q(z | features)."""
        mean, log_variance = self.network(features).chunk(2, dim=1)
        return Gaussian(mean, log_variance.clamp_max(LARGEST_LOG_VARIANCE))


class MeanEncoder(nn.Module):
    """(B, n_in) -> (B, width): the mean of a Gaussian, which is the embedding at test."""

    def __init__(self, gaussian: GaussianEncoder) -> None:
        super().__init__()
        self.gaussian = gaussian

    def forward(self, features: Tensor) -> Tensor:
        """Return the means."""
        return cast(Gaussian, self.gaussian(features)).mean
