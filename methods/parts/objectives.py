"""What a trained method minimises."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from datasets.seen import SeenData
from methods.parts.pairs import PairBatch
from methods.parts.trained_config import TrainedConfig
from methods.parts.widths import require_one_width

Loss: TypeAlias = Tensor | Mapping[str, Tensor]
"""A loss, or the terms, by name and with their weights, whose sum it is: each gets a training curve."""


def total(loss: Loss) -> Tensor:
    """Return the loss itself, where its terms are given their sum."""
    return loss if isinstance(loss, Tensor) else torch.stack(list(loss.values())).sum()


@dataclass(frozen=True)
class Player:
    """Parameters, and the loss of a batch that they minimise; name: that of its training curve."""

    name: str
    parameters: list[Any]
    loss: Callable[[Any], Loss]


class Objective(nn.Module):
    """The two encoders, whatever else training needs, and the loss as `forward(batch)`.

    Only the encoders outlive `fit`. is_shared: both modalities have one encoder, and thus need features of
    one width; NotRunnable where they have not.
    """

    is_shared: ClassVar[bool] = False
    sketch_encoder: nn.Module
    photo_encoder: nn.Module

    def __init__(self, config: TrainedConfig, seen: SeenData) -> None:
        super().__init__()
        if self.is_shared:
            require_one_width(seen)
        self.config = config
        self.sketch_encoder = config.encoder(seen.sketches.shape[1])
        self.photo_encoder = self.sketch_encoder
        if not self.is_shared:
            self.photo_encoder = config.encoder(seen.photos.shape[1])

    def codes(self, batch: PairBatch) -> tuple[Tensor, Tensor]:
        """Codes (B, width) of the sketches and of the photos."""
        if self.is_shared:  # in one product, which is faster than two and the sum of their gradients
            sketch_codes, photo_codes = self.sketch_encoder(torch.cat([batch.sketches, batch.photos])).chunk(
                2
            )
            return sketch_codes, photo_codes
        return self.sketch_encoder(batch.sketches), self.photo_encoder(batch.photos)

    def forward(self, batch: PairBatch) -> Loss:
        """Return the loss of a batch."""
        raise NotImplementedError(
            f"{type(self).__name__} has no `forward`, which returns the loss of a batch"
        )

    def start_epoch(self) -> None:
        """Do what an alternating method does between two passes over the data; others do nothing."""

    def players(self) -> list[Player]:
        """Who minimises what, in turn, on every batch: one player, unless a method is adversarial."""
        return [Player("loss", list(self.parameters()), self)]


class ConditionalObjective(Objective):
    """One encoder that is told the modality, by a bit beside the features (Lu et al., arXiv 1812.04275).

    Such a bit adds its weights to the first layer's output for one modality and nothing for the other. So
    `sketch_encoder` and `photo_encoder` are plain encoders that share all parameters but the bias of the
    first layer, which starts out equal, as if the bit had weights of 0.
    """

    is_shared = True

    def __init__(self, config: TrainedConfig, seen: SeenData) -> None:
        super().__init__(config, seen)
        shared = {
            id(parameter): parameter
            for name, parameter in self.sketch_encoder.named_parameters()
            if name != "layers.0.bias"
        }
        self.photo_encoder = copy.deepcopy(self.sketch_encoder, shared)

    def codes(self, batch: PairBatch) -> tuple[Tensor, Tensor]:
        """Codes (B, width) of the sketches and of the photos."""
        return self.sketch_encoder(batch.sketches), self.photo_encoder(batch.photos)


class AdversarialObjective(Objective):
    """An objective with discriminators, which minimise a loss of their own on each batch, first."""

    discriminators: nn.Module

    def discriminator_loss(self, batch: PairBatch) -> Loss:
        """Return what the discriminators minimise; codes enter it detached."""
        raise NotImplementedError(
            f"{type(self).__name__} has no `discriminator_loss`, which returns what they minimise"
        )

    def players(self) -> list[Player]:
        """The discriminators, then all else."""
        theirs = list(self.discriminators.parameters())
        known = set(map(id, theirs))
        ours = [parameter for parameter in self.parameters() if id(parameter) not in known]
        return [Player("discriminators", theirs, self.discriminator_loss), Player("loss", ours, self)]
