"""The state of an unfinished training, on disk after every pass: a kill costs at most one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch


@dataclass
class State:
    """How far a training is. epoch: passes done. best_epoch: the pass with the best accuracy on held-out
    items, best: its weights. history: of every pass, what was measured.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_accuracy: float = -1.0
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)


def save(path: Path, state: State, network: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Write the state so that a reader sees the old one or the new one."""
    temporary = path.with_suffix(".writing")
    content: dict[str, Any] = {
        "state": vars(state),
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    torch.save(content, temporary)
    temporary.replace(path)


def restore(
    path: Path, network: torch.nn.Module | None = None, optimizer: torch.optim.Optimizer | None = None
) -> State:
    """Read a state, back into network and optimizer; a fresh one where there is none, or half of one."""
    if not path.is_file():
        return State()
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # of zip and pickle, for a damaged file: the training starts again
        return State()
    if network is not None and optimizer is not None:
        network.load_state_dict(content["network"])
        optimizer.load_state_dict(content["optimizer"])
    return State(**content["state"])
