"""Methods that train an encoder for each modality."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from datasets.seen import SeenData
from methods.base import FitProgress, RetrievalMethod, SearchRange
from methods.parts.checks import check_choices, check_not_negative, check_positive, check_share
from methods.parts.networks import Encoder
from methods.parts.pairs import PairSampler
from methods.parts.training import Schedule, seeded, train

COMMON_SEARCH_SPACE: Mapping[str, SearchRange] = {
    "lr": SearchRange(low=1e-4, high=1e-2, log=True),
    "weight_decay": SearchRange(low=1e-6, high=1e-3, log=True),
    "epochs": SearchRange(choices=(5, 10, 20, 40)),
    "batch": SearchRange(choices=(64, 128, 256)),
    "distance": SearchRange(choices=("euclidean", "cosine")),
}
"""What `tune` searches for every trained method, besides at most four parameters of its own."""


@dataclass(frozen=True)
class TrainedConfig:
    """Parameters that all trained methods share, by the same names and with the same meaning.

    lr, weight_decay: of Adam. epochs: an epoch draws as many pairs as there are sketches. batch: pairs in a
    batch. width: of the embedding. distance: "euclidean" or "cosine", at test. hidden, depth, dropout: of the
    encoders. normalise: whether codes get length 1, in training and at test.

    Of a method's own parameters, a `margin` is above 0 and a `lambda_...`, the weight of a term, is 0 or
    more. Raises BenchmarkError for a value outside these.
    """

    lr: float = 1e-3
    weight_decay: float = 1e-5
    epochs: int = 10
    batch: int = 128
    width: int = 64
    distance: str = "euclidean"
    hidden: int = 512
    depth: int = 2
    dropout: float = 0.5
    normalise: bool = True

    def __post_init__(self) -> None:
        check_choices(self, {"distance": ("euclidean", "cosine"), "depth": (1, 2)})
        names = [field.name for field in fields(self)]
        own_margin = [name for name in names if name == "margin"]
        own_weights = [name for name in names if name.startswith("lambda_")]
        check_positive(self, ("lr", "epochs", "batch", "width", "hidden", *own_margin))
        check_not_negative(self, ("weight_decay", *own_weights))
        check_share(self, ("dropout",))


class Objective(nn.Module):
    """What is minimised: the two encoders, whatever else training needs, and the loss as `forward(batch)`.

    Only the encoders outlive `fit`. Both may be one module, whose weights the modalities then share.
    """

    def __init__(self, sketch_encoder: Encoder, photo_encoder: Encoder) -> None:
        super().__init__()
        self.sketch_encoder = sketch_encoder
        self.photo_encoder = photo_encoder


class TrainedMethod(RetrievalMethod):
    """A method says what to minimise (`objective`); building, training, embedding and saving are here."""

    Config: ClassVar[Any] = TrainedConfig
    search_space: ClassVar[Mapping[str, SearchRange]] = COMMON_SEARCH_SPACE

    sketch_encoder: Encoder
    photo_encoder: Encoder

    @abstractmethod
    def objective(self, seen: SeenData) -> Objective:
        """Build what is minimised. Called with torch seeded, so initial weights follow the seed."""

    def fit(self, seen: SeenData, *, seed: int, progress: FitProgress) -> Self:
        """Train on drawn pairs; keep the encoders."""
        config = self.config
        with seeded(seed, self.device):
            objective = self.objective(seen).to(self.device)
            schedule = Schedule(
                lr=config.lr,
                weight_decay=config.weight_decay,
                n_epochs=config.epochs,
                n_batches=Schedule.batches_per_epoch(len(seen.sketches), config.batch),
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

    def encoder(self, n_in: int) -> Encoder:
        """Build an untrained encoder for (B, n_in) features, as the configuration says."""
        config = self.config
        return Encoder(
            n_in,
            config.width,
            hidden=config.hidden,
            depth=config.depth,
            dropout=config.dropout,
            normalise=config.normalise,
        )

    def state(self) -> dict[str, Tensor]:
        """Weights of the encoders; shared ones are kept once."""
        encoders = {"sketch": self.sketch_encoder, "photo": self.photo_encoder}
        if self.sketch_encoder is self.photo_encoder:
            encoders = {"shared": self.sketch_encoder}
        return {
            f"{name}.{key}": value
            for name, encoder in encoders.items()
            for key, value in encoder.state_dict().items()
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Rebuild the encoders: the width of the features is read off the first layer."""
        encoders = {}
        for name in {key.partition(".")[0] for key in state}:
            weights = {k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")}
            encoder = self.encoder(weights["layers.0.weight"].shape[1]).to(self.device)
            encoder.load_state_dict(weights)
            encoders[name] = encoder.eval()
        self.sketch_encoder = encoders.get("sketch", encoders.get("shared"))  # type: ignore[assignment]
        self.photo_encoder = encoders.get("photo", encoders.get("shared"))  # type: ignore[assignment]
