"""Gradient reversal (Ganin and Lempitsky, ICML 2015): later layers learn a task, earlier ones unlearn it."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor


class _Reversal(torch.autograd.Function):
    """x forwards, -strength · gradient backwards."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradient, None


def reverse_gradient(x: Tensor, *, strength: float) -> Tensor:
    """Return x, of any shape; its gradient arrives multiplied by -strength."""
    return cast(Tensor, _Reversal.apply(x, strength))
