"""Generative adversarial networks (Goodfellow et al., NeurIPS 2014): who judges, and what judgements cost.

A discriminator D gives one number to an item x. Real items are to be judged 1 and made ones 0; whoever makes
them wants them judged 1:

    discriminator  E[penalty(D(x), 1)] + E[penalty(D(made), 0)]        maker  E[penalty(D(made), 1)]

with (D - t)² as the penalty of a least squares GAN (Mao et al., ICCV 2017), and the cross-entropy of the
probability σ(D) as that of the original one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

Penalty: TypeAlias = Callable[[Tensor, float], Tensor]
"""Judgements (B, 1), and the judgement wanted of all of them -> the mean penalty."""


def discriminator(n_in: int, hidden: int) -> nn.Module:
    """(B, n_in) features -> (B, 1): one judgement of each, not bounded."""
    return nn.Sequential(nn.Linear(n_in, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1))


def least_squares(judgements: Tensor, target: float) -> Tensor:
    """Mean of (D - target)² over (B, 1) judgements."""
    error: Tensor = (judgements - target).square().mean()
    return error


def cross_entropy(judgements: Tensor, target: float) -> Tensor:
    """Mean of -target log σ(D) - (1 - target) log(1 - σ(D)) over (B, 1) judgements."""
    return F.binary_cross_entropy_with_logits(judgements, torch.full_like(judgements, target))


def discriminator_loss(
    judge: nn.Module, real: Tensor, made: Tensor, *, penalty: Penalty = least_squares
) -> Tensor:
    """What a discriminator minimises on (B, d) real and made items; what made them gets no gradient."""
    return penalty(judge(real), 1.0) + penalty(judge(made.detach()), 0.0)


def deception_loss(judge: nn.Module, made: Tensor, *, penalty: Penalty = least_squares) -> Tensor:
    """What minimises whoever made the (B, d) items."""
    return penalty(judge(made), 1.0)


def cycle_loss(returned: Tensor, original: Tensor) -> Tensor:
    """Mean of |returned - original|, items (B, ...) both, in units of the root mean square of the original.

    So that its weight means the same for features of length 1 and for pixels, which are far larger numbers.
    Source: cycle consistency, Zhu et al., ICCV 2017.
    """
    scale = original.detach().square().mean().sqrt().clamp_min(1e-12)
    loss: Tensor = (returned - original).abs().mean() / scale
    return loss
