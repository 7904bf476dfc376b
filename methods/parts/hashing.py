"""What methods that learn binary codes share: their configuration, and codes found bit by bit."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from datasets.seen import Inputs
from methods.parts.checks import check_choices
from methods.parts.trained_config import TrainedConfig

N_ITEMS_AT_ONCE = 8192


@dataclass(frozen=True)
class HashingConfig(TrainedConfig):
    """normalise: False alone, since every number of an output is to be near -1 or +1.

    Raises BenchmarkError for True.
    """

    normalise: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices(self, {"normalise": (False,)})


def signs(outputs: Tensor) -> Tensor:
    """+1 where an output is 0 or more, else -1, in the shape and type of `outputs`."""
    return torch.where(outputs >= 0, 1.0, -1.0).to(outputs)


def bit_by_bit(codes: Tensor, linear: Tensor, coupling: Tensor) -> Tensor:
    """Lower tr(Bᵀ A B) - 2 tr(Bᵀ Q) over B in {-1, +1}, one bit of all items after the other.

    codes: (b, n), the B to start from, left as it is. linear: Q, (b, n). coupling: A, (b, b), symmetric. Each
    bit is the best one while all others stand still, so the objective never rises; a bit that makes no
    difference keeps its value. Source: discrete cyclic coordinate descent, Shen et al., Supervised discrete
    hashing, CVPR 2015.
    """
    codes = codes.clone()
    for bit, row in enumerate(coupling):
        wanted = linear[bit] - row @ codes + row[bit] * codes[bit]
        codes[bit] = torch.where(wanted == 0, codes[bit], signs(wanted))
    return codes


@torch.no_grad()
def outputs_of(encoder: nn.Module, items: Inputs) -> Tensor:
    """(b, n): what an encoder says of all items without dropout."""
    was_training = encoder.training
    encoder.eval()
    parts = [
        encoder(items[start : start + N_ITEMS_AT_ONCE]) for start in range(0, len(items), N_ITEMS_AT_ONCE)
    ]
    encoder.train(was_training)
    return torch.cat(parts).T.contiguous()
