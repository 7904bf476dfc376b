"""The training loop that all trained methods share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam

from methods.base import FitProgress
from methods.parts.objectives import Loss, Objective, Player, total
from methods.parts.pairs import PairBatch, PairSampler


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
    """Let each player of `objective` minimise its loss on every batch, as `minimise` says."""

    def epoch() -> Iterator[PairBatch]:
        objective.start_epoch()
        return sampler.epoch(schedule.n_pairs)

    objective.train()
    progress.start(schedule.n_epochs)
    minimise(objective.players(), epoch, schedule, progress)
    objective.eval()


def minimise(
    players: Sequence[Player],
    epoch: Callable[[], Iterable[Any]],
    schedule: Schedule,
    progress: FitProgress,
) -> None:
    """Let each player's parameters minimise its loss on every batch of every epoch, in turn.

    epoch: gives the batches of the next epoch. progress: started by the caller; each epoch advances it by one
    step, with the mean of every loss and of its terms, and notes that of the last player.

    Raises FloatingPointError when one of them is no longer finite; its curve ends there.
    """
    steps = [
        (player, Adam(player.parameters, lr=schedule.lr, weight_decay=schedule.weight_decay, fused=True))
        for player in players
    ]
    for _ in range(schedule.n_epochs):
        logged: dict[str, list[Tensor]] = {}
        for batch in epoch():
            for player, optimiser in steps:
                terms = _terms(player, player.loss(batch))
                optimiser.zero_grad()
                terms[player.name].backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                for name, value in terms.items():
                    logged.setdefault(name, []).append(value.detach())
        # Read once an epoch: reading each loss would make a GPU wait for every batch.
        every = torch.stack([torch.stack(values).mean() for values in logged.values()])
        means = dict(zip(logged, every.tolist(), strict=True))
        progress.advance(f"loss {means[players[-1].name]:.4f}", means)
        for name, mean in means.items():
            if not math.isfinite(mean):
                what = "the loss" if name == "loss" else f"the loss '{name}'"
                raise FloatingPointError(f"{what} became {mean}; a smaller learning rate may help")


def _terms(player: Player, loss: Loss) -> dict[str, Tensor]:
    """The loss of a player under its own name, and its terms where it has several."""
    terms = {} if isinstance(loss, Tensor) or len(loss) == 1 else loss
    if player.name in terms:  # it would be minimised in the place of the sum
        raise ValueError(f"a term has the name of its player, '{player.name}'; give it another")
    return {player.name: total(loss), **terms}
