"""The contract of a method: a card with facts, and a class that fits seen data and embeds pictures."""

from __future__ import annotations

import dataclasses
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from benchmark.errors import BenchmarkError
from datasets.seen import SeenData

__all__ = ["FitProgress", "MethodCard", "RetrievalMethod", "SearchRange", "SeenData"]


@dataclass(frozen=True)
class MethodCard:
    """Facts about a method, printed with its results. "unknown" is a legal value of every text.

    pretraining: data sets seen before `fit`, beyond the backbone's own. side_information: what it uses
    besides pictures and their seen labels, such as "class vectors". distance: "euclidean", "cosine", "dot",
    "hamming", or "own" when the class defines `similarity`. fidelity: "baseline" (our own yardstick),
    "reimplementation" (from the paper), "port" (from the authors' code), "wrapper" (calls it). deviations:
    every known difference from the paper, one sentence each. width: "free" where the embedding has the width
    of the suite, "fixed" where the idea dictates it. codes: "own" for a method that learns codes, whose bits
    are the signs of its embedding and which no ITQ turns; "suite" for all others. is_transductive: whether
    the place of a gallery item depends on the rest of the gallery. feature_norm: "suite", or "raw" for a
    method that needs the backbone's features as they are. is_random: whether the seed can change the result.

    Raises ValueError for a value outside these.
    """

    id: str
    title: str
    pretraining: tuple[str, ...]
    side_information: tuple[str, ...]
    input: Literal["features", "images"]
    distance: str
    fidelity: Literal["baseline", "reimplementation", "port", "wrapper"]
    deviations: tuple[str, ...]
    width: Literal["free", "fixed"] = "fixed"
    codes: Literal["suite", "own"] = "suite"
    is_transductive: bool = False
    feature_norm: Literal["suite", "raw"] = "suite"
    is_random: bool = True
    paper: str | None = None
    year: int | None = None
    venue: str | None = None
    original_code: str | None = None
    code_licence: str | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.id):
            raise ValueError(f"a method's id is lower snake case, got {self.id!r}")
        allowed = {
            "input": ("features", "images"),
            "distance": ("euclidean", "cosine", "dot", "hamming", "own"),
            "fidelity": ("baseline", "reimplementation", "port", "wrapper"),
            "width": ("free", "fixed"),
            "codes": ("suite", "own"),
            "feature_norm": ("suite", "raw"),
        }
        for name, values in allowed.items():
            value = getattr(self, name)
            if value not in values:
                raise ValueError(f"card '{self.id}': {name} must be {' or '.join(values)}, got {value!r}")


@dataclass(frozen=True)
class SearchRange:
    """Values that `tune` may try for one hyper-parameter: a choice, or an interval (log scale if asked)."""

    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False


@dataclass
class FitProgress:
    """How far `fit` is. A method writes it, a display reads it; nothing leads back from it.

    total: number of steps of `unit`, 0 while unknown. note: one short line, such as the loss. curves: name of
    a loss or of one of its terms -> its value at each step, kept with the run and drawn by `plot training`.
    """

    total: int = 0
    done: int = 0
    unit: str = "epoch"
    note: str = ""
    curves: dict[str, list[float]] = dataclasses.field(default_factory=dict)

    def start(self, total: int, unit: str = "epoch") -> None:
        """Say how many steps there will be."""
        self.total, self.done, self.unit = total, 0, unit

    def advance(self, note: str = "", losses: Mapping[str, float] = MappingProxyType({})) -> None:
        """Count one step. losses: what is to be drawn of it; the same names at every step."""
        self.done += 1
        self.note = note
        for name, value in losses.items():
            self.curves.setdefault(name, []).append(value)


class RetrievalMethod(ABC):
    """A method: learns from seen data, then embeds sketches and photos into one space.

    config: an instance of the class's `Config`, its defaults when left out. device: where tensors live.
    Raise `benchmark.errors.NotRunnable` in `__init__` when weights or a library are missing.

    A method whose ranking is not a distance between embeddings says `distance="own"` on its card and defines
    `similarity(query_emb, gallery_emb) -> (B, N)`, larger is better.
    """

    card: ClassVar[MethodCard]
    search_space: ClassVar[Mapping[str, SearchRange]] = {}

    @dataclass(frozen=True)
    class Config:
        """Hyper-parameters with their defaults; a method without any keeps this one."""

    def __init__(self, config: Any = None, *, device: str = "cpu") -> None:
        self.config: Any = self.Config() if config is None else config
        self.device = device

    @abstractmethod
    def fit(self, seen: SeenData, *, seed: int, progress: FitProgress) -> Self:
        """Learn from the seen classes, and return self. Equal seeds give equal results."""

    @abstractmethod
    def embed_sketches(self, batch: Tensor) -> Tensor:
        """Embed (B, d) features or (B, 3, H, W) pictures, float32 -> (B, width) float32."""

    @abstractmethod
    def embed_photos(self, batch: Tensor) -> Tensor:
        """Embed (B, d) features or (B, 3, H, W) pictures, float32 -> (B, width) float32."""

    @property
    def distance(self) -> str:
        """How embeddings are compared: the configuration's choice where it has one, else the card's."""
        return str(getattr(self.config, "distance", self.card.distance))

    def state(self) -> dict[str, Tensor]:
        """Tensors that `embed_*` needs after `fit`: here every tensor that is an attribute."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take back what `state` returned."""
        for name, value in state.items():
            setattr(self, name, value)

    def save(self, path: Path) -> None:
        """Write the fitted method as safetensors, with its id and configuration as metadata."""
        # Copies, because safetensors refuses two names for one tensor.
        tensors = {
            name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, value in self.state().items()
        }
        # safetensors refuses an empty file; a method without parameters still has a configuration to keep.
        save_file(
            tensors or {"_empty": torch.zeros(1)},
            path,
            metadata={"method": self.card.id, "config": json.dumps(dataclasses.asdict(self.config))},
        )

    @classmethod
    def load(cls, path: Path, *, device: str = "cpu") -> Self:
        """Read what `save` wrote. Raises BenchmarkError when the file is another method's."""
        with safe_open(path, framework="pt", device=device) as file:
            metadata = file.metadata()
            state = {name: file.get_tensor(name) for name in file.keys() if name != "_empty"}  # noqa: SIM118
        if metadata["method"] != cls.card.id:
            raise BenchmarkError(f"{path} holds method '{metadata['method']}', not '{cls.card.id}'")
        method = cls(make_config(cls, json.loads(metadata["config"])), device=device)
        method.load_state(state)
        return method


def make_config(method: type[RetrievalMethod], values: Mapping[str, Any]) -> Any:
    """Build a method's `Config` from a mapping.

    Raises BenchmarkError for an unknown name, listing the known ones with their defaults, and for a value of
    another type than the default's.
    """
    defaults: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(method.Config)}
    known = ", ".join(f"{name} = {default!r}" for name, default in defaults.items()) or "none"
    for name, value in values.items():
        if name not in defaults:
            raise BenchmarkError(f"method '{method.card.id}' has no parameter '{name}'. It has: {known}.")
        default = defaults[name]
        is_number = isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool)
        if not is_number and type(value) is not type(default):
            raise BenchmarkError(
                f"method '{method.card.id}': {name} = {value!r} is a {type(value).__name__}, "
                f"but its default {default!r} is a {type(default).__name__}."
            )
    return method.Config(**{name: type(defaults[name])(value) for name, value in values.items()})
