"""Methods that train an encoder for each modality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from datasets.seen import SeenData
from methods.base import FitProgress, RetrievalMethod, SearchRange
from methods.parts.objectives import Objective
from methods.parts.pairs import PairSampler
from methods.parts.search import COMMON_SEARCH_SPACE
from methods.parts.trained_config import TrainedConfig
from methods.parts.training import Schedule, seeded, train


class TrainedMethod(RetrievalMethod):
    """A method says what to minimise, by the class of its objective; training, embedding, saving are here."""

    Config: ClassVar[Any] = TrainedConfig
    Objective: ClassVar[type[Objective]]
    search_space: ClassVar[Mapping[str, SearchRange]] = COMMON_SEARCH_SPACE

    sketch_encoder: nn.Module
    photo_encoder: nn.Module

    def fit(self, seen: SeenData, *, seed: int, progress: FitProgress) -> Self:
        """Train on drawn pairs; keep the encoders. Initial weights, dropout and pairs follow the seed."""
        config = self.config
        with seeded(seed, self.device):
            objective = self.Objective(config, seen).to(self.device)
            schedule = Schedule(
                lr=config.lr,
                weight_decay=config.weight_decay,
                n_epochs=config.epochs,
                n_pairs=config.batch,
            )
            train(objective, PairSampler(seen, seed=seed), schedule, progress)
        self.sketch_encoder, self.photo_encoder = objective.sketch_encoder, objective.photo_encoder
        return self

    @torch.inference_mode()
    def embed_sketches(self, batch: Tensor) -> Tensor:
        """(B, d) float32 -> (B, width) float32."""
        return self.sketch_encoder(batch)  # type: ignore[no-any-return]

    @torch.inference_mode()
    def embed_photos(self, batch: Tensor) -> Tensor:
        """(B, d) float32 -> (B, width) float32."""
        return self.photo_encoder(batch)  # type: ignore[no-any-return]

    def state(self) -> dict[str, Tensor]:
        """Weights of the encoders; shared ones are kept once, and what leaves items as they are has none."""
        encoders = {"sketch": self.sketch_encoder, "photo": self.photo_encoder}
        if self.sketch_encoder is self.photo_encoder:
            encoders = {"shared": self.sketch_encoder}
        return {
            f"{name}.{key}": value
            for name, encoder in encoders.items()
            for key, value in encoder.state_dict().items()
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take back what `state` returned, in encoders built anew."""
        encoders = {}
        for name in {key.partition(".")[0] for key in state}:
            weights = {k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")}
            encoder = self.empty_encoder(weights).to(self.device)
            encoder.load_state_dict(weights)
            encoders[name] = encoder.eval()
        shared = encoders.get("shared", nn.Identity())
        self.sketch_encoder = encoders.get("sketch", shared)
        self.photo_encoder = encoders.get("photo", shared)

    def empty_encoder(self, weights: Mapping[str, Tensor]) -> nn.Module:
        """Build an encoder that weights fit: the width of the features is read off the first layer.

        A method whose objective puts other encoders in place builds those.
        """
        encoder: nn.Module = self.config.encoder(weights["layers.0.weight"].shape[1])
        return encoder
