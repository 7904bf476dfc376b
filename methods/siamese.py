"""Siamese network: one encoder for both modalities, pairs pulled together or pushed a margin apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from benchmark.registry import register_method
from methods.base import MethodCard, SearchRange
from methods.parts.losses import contrastive, distance
from methods.parts.objectives import Objective
from methods.parts.pairs import PairBatch
from methods.parts.search import COMMON_SEARCH_SPACE, DROPOUT
from methods.parts.trained import TrainedMethod
from methods.parts.trained_config import TrainedConfig


@dataclass(frozen=True)
class SiameseConfig(TrainedConfig):
    """margin: distance that a negative pair should reach; codes of length 1 are at most 2 apart."""

    margin: float = 1.0


class ContrastiveObjective(Objective):
    """One positive and one negative photo for each sketch, weighted alike."""

    config: SiameseConfig
    is_shared = True

    def forward(self, batch: PairBatch) -> Tensor:
        """Return the loss of a batch."""
        sketch_codes, photo_codes = self.codes(batch)
        positive = distance(sketch_codes, photo_codes)
        negative = distance(sketch_codes, photo_codes[batch.negatives])
        return contrastive(positive, negative, margin=self.config.margin)


@register_method(
    MethodCard(
        id="siamese",
        title="Siamese CNN",
        pretraining=(),
        side_information=(),
        input="features",
        distance="euclidean",
        fidelity="reimplementation",
        deviations=(
            "A small network on frozen features stands for the convolutional network trained from pictures.",
            "Photos enter as features of the photo itself; the original turns them into edge maps first.",
            "Codes are L2-normalised.",
            "The margin, the share of negative pairs and the optimiser are chosen here.",
            "The equations were recalled from the paper's idea, not checked against its text.",
        ),
        width="free",
        paper="Qi et al., Sketch-based image retrieval via Siamese convolutional neural network",
        year=2016,
        venue="ICIP",
        original_code="unknown",
        code_licence="unknown",
    )
)
class Siamese(TrainedMethod):
    """Shared weights and the contrastive loss."""

    Config = SiameseConfig
    Objective = ContrastiveObjective
    search_space: ClassVar[Mapping[str, SearchRange]] = {
        **COMMON_SEARCH_SPACE,
        "margin": SearchRange(low=0.2, high=1.6),
        "dropout": DROPOUT,
    }
