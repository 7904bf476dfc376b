"""The training loop that all trained methods share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from methods.base import FitProgress
from methods.parts.pairs import PairSampler


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: Adam with L2 weight decay, n_batches batches of n_pairs pairs an epoch."""

    lr: float
    weight_decay: float
    n_epochs: int
    n_batches: int
    n_pairs: int

    @staticmethod
    def batches_per_epoch(n_sketches: int, n_pairs: int) -> int:
        """An epoch draws as many pairs as there are sketches; classes are uniform, so not each one once."""
        return math.ceil(n_sketches / n_pairs)


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Seed torch for initialisation and dropout, and put its global state back afterwards."""
    cuda = [torch.device(device)] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        yield


def train(objective: nn.Module, sampler: PairSampler, schedule: Schedule, progress: FitProgress) -> None:
    """Minimise `objective(batch)` over drawn batches; the note of an epoch is its mean loss.

    Raises FloatingPointError when the loss is no longer finite.
    """
    optimiser = torch.optim.Adam(
        objective.parameters(), lr=schedule.lr, weight_decay=schedule.weight_decay, fused=True
    )
    objective.train()
    progress.start(schedule.n_epochs)
    for _ in range(schedule.n_epochs):
        losses: list[Tensor] = []
        for _ in range(schedule.n_batches):
            loss = cast(Tensor, objective(sampler.batch(schedule.n_pairs)))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            losses.append(loss.detach())
        # Read once an epoch: reading each loss would make a GPU wait for every batch.
        mean_loss = float(torch.stack(losses).mean())
        if not math.isfinite(mean_loss):
            raise FloatingPointError(f"the loss became {mean_loss}; a smaller learning rate may help")
        progress.advance(f"loss {mean_loss:.4f}")
    objective.eval()
