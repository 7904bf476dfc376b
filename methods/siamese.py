"""Siamese network: one encoder for both modalities, pairs pulled together or pushed a margin apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from benchmark.registry import register_method
from methods.base import MethodCard, SearchRange, SeenData
from methods.parts.losses import contrastive, distance
from methods.parts.networks import Encoder
from methods.parts.pairs import PairBatch
from methods.parts.trained import COMMON_SEARCH_SPACE, Objective, TrainedConfig, TrainedMethod
from methods.parts.widths import require_one_width


class ContrastiveObjective(Objective):
    """One positive and one negative photo for each sketch, weighted alike."""

    def __init__(self, encoder: Encoder, *, margin: float) -> None:
        super().__init__(encoder, encoder)
        self.margin = margin

    def forward(self, batch: PairBatch) -> Tensor:
        """Return the loss of a batch."""
        anchors = self.sketch_encoder(batch.sketches)
        positive = distance(anchors, self.photo_encoder(batch.photos))
        negative = distance(anchors, self.photo_encoder(batch.negative_photos))
        return contrastive(positive, negative, margin=self.margin)


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

    @dataclass(frozen=True)
    class Config(TrainedConfig):
        """margin: distance that a negative pair should reach; codes of length 1 are at most 2 apart."""

        margin: float = 1.0

    search_space: ClassVar[Mapping[str, SearchRange]] = {
        **COMMON_SEARCH_SPACE,
        "margin": SearchRange(low=0.2, high=1.6),
        "dropout": SearchRange(choices=(0.0, 0.3, 0.5)),
    }

    def objective(self, seen: SeenData) -> ContrastiveObjective:
        """Both modalities need features of one width, since they share the weights."""
        require_one_width(seen)
        return ContrastiveObjective(self.encoder(seen.sketches.shape[1]), margin=self.config.margin)
