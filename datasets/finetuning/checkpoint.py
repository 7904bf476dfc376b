"""The state of an unfinished training, on disk after every pass: a kill costs at most one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from benchmark.errors import BenchmarkError


class Kept(Protocol):
    """What is kept beside the state: network, optimizer, the scale of a loss in half precision."""

    def state_dict(self) -> dict[str, Any]:
        """Return tensors and numbers."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Take them back."""
        ...


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


def save(path: Path, state: State, parts: Mapping[str, Kept]) -> None:
    """Write the state so that a reader sees the old one or the new one."""
    temporary = path.with_suffix(".writing")
    content = {"state": vars(state), "parts": {name: part.state_dict() for name, part in parts.items()}}
    torch.save(content, temporary)
    temporary.replace(path)


def restore(path: Path, parts: Mapping[str, Kept] | None = None) -> State:
    """Read a state, back into the parts; a fresh one where there is none, or half of one."""
    if not path.is_file():
        return State()
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        state, kept = State(**content["state"]), content["parts"]
    except Exception:  # of zip and pickle, for a damaged file: the training starts again
        return State()
    try:
        for name, part in (parts or {}).items():
            part.load_state_dict(kept[name])
    except (KeyError, RuntimeError, ValueError) as error:
        raise BenchmarkError(
            f"the training that was interrupted, {path}, is of another version of the network or of torch. "
            "Remove the file: the same command trains from the start."
        ) from error
    return state
