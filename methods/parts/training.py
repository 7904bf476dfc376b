"""The training loop that all trained methods share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from torch.optim import Adam

from methods.base import FitProgress
from methods.parts.objectives import Objective
from methods.parts.pairs import PairBatch, PairSampler

Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: Adam with L2 weight decay, epochs of batches of n_pairs pairs, or lone items."""

    lr: float
    weight_decay: float
    n_epochs: int
    n_pairs: int


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Seed torch for initialisation and dropout, and put its global state back afterwards."""
    cuda = [torch.device(device)] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        yield


def train(objective: Objective, sampler: PairSampler, schedule: Schedule, progress: FitProgress) -> None:
    """Let each player of `objective` minimise its loss on every batch; an epoch notes the last one's.

    Raises FloatingPointError when that is no longer finite.
    """

    def epoch() -> Iterator[PairBatch]:
        objective.start_epoch()
        return sampler.epoch(schedule.n_pairs)

    objective.train()
    progress.start(schedule.n_epochs)
    minimise(objective.players(), epoch, schedule, progress)
    objective.eval()


def minimise(
    players: Sequence[tuple[Sequence[Tensor], Callable[[Batch], Tensor]]],
    epoch: Callable[[], Iterable[Batch]],
    schedule: Schedule,
    progress: FitProgress,
) -> None:
    """Let each player's parameters minimise its loss on every batch of every epoch, in turn.

    epoch: gives the batches of the next epoch. progress: started by the caller; each epoch advances it by one
    step and notes the last player's mean loss.

    Raises FloatingPointError when that is no longer finite.
    """
    steps = [
        (loss_of, Adam(parameters, lr=schedule.lr, weight_decay=schedule.weight_decay, fused=True))
        for parameters, loss_of in players
    ]
    for _ in range(schedule.n_epochs):
        losses: list[Tensor] = []
        for batch in epoch():
            for loss_of, optimiser in steps:
                loss = loss_of(batch)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            losses.append(loss.detach())
        # Read once an epoch: reading each loss would make a GPU wait for every batch.
        mean_loss = float(torch.stack(losses).mean())
        if not math.isfinite(mean_loss):
            raise FloatingPointError(f"the loss became {mean_loss}; a smaller learning rate may help")
        progress.advance(f"loss {mean_loss:.4f}")
