"""Bits that are drawn: 1 with a probability, and a gradient nevertheless."""

from __future__ import annotations

import torch
from torch import Tensor


def drawn_bits(probabilities: Tensor) -> Tensor:
    """Draw bits in {0, 1}, of the shape of their probabilities of being 1.

    The gradient of a bit is that of its probability, which is right in the mean for what is linear in it.
    Source: stochastic neurons of Dai et al., Stochastic generative hashing, ICML 2017.
    """
    bits = (torch.rand_like(probabilities) < probabilities).to(probabilities)
    return probabilities + (bits - probabilities).detach()


def log_likelihood(bits: Tensor, probabilities: Tensor) -> Tensor:
    """Mean over all (B, M) bits b of b log p + (1 - b) log(1 - p), a number in nats, 0 or less.

    probabilities: p, (B, M), kept from 0 and 1 by 1e-6.
    """
    kept = probabilities.clamp(1e-6, 1 - 1e-6)
    return (bits * kept.log() + (1 - bits) * (1 - kept).log()).mean()
