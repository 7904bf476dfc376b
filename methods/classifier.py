"""A classifier of the seen classes; the codes that its last layer reads are the embedding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from benchmark.registry import register_method
from methods.base import MethodCard, SearchRange, SeenData
from methods.parts.losses import cross_entropy_of_both
from methods.parts.objectives import Objective
from methods.parts.pairs import PairBatch
from methods.parts.search import COMMON_SEARCH_SPACE, DROPOUT
from methods.parts.trained import TrainedMethod
from methods.parts.trained_config import TrainedConfig


@dataclass(frozen=True)
class ClassifierConfig(TrainedConfig):
    """Codes keep their length, as the layer before a classifier does."""

    distance: str = "cosine"
    normalise: bool = False


class ClassifierObjective(Objective):
    """Cross-entropy of one linear classifier on the codes of both modalities."""

    def __init__(self, config: ClassifierConfig, seen: SeenData) -> None:
        super().__init__(config, seen)
        self.classifier = nn.Linear(config.width, seen.n_classes)

    def forward(self, batch: PairBatch) -> Tensor:
        """Return the loss of a batch."""
        sketch_codes, photo_codes = self.codes(batch)
        return cross_entropy_of_both(
            self.classifier(sketch_codes), self.classifier(photo_codes), batch.labels
        )


@register_method(
    MethodCard(
        id="classifier",
        title="Classifier's last hidden layer",
        pretraining=(),
        side_information=(),
        input="features",
        distance="cosine",
        fidelity="baseline",
        deviations=(
            "A yardstick for Sketch-a-Net and other classifiers whose features are compared, of none of "
            "which it has the architecture.",
        ),
        width="free",
    )
)
class Classifier(TrainedMethod):
    """Separate encoders under one classifier, which ties the modalities together."""

    Config = ClassifierConfig
    Objective = ClassifierObjective
    search_space: ClassVar[Mapping[str, SearchRange]] = {**COMMON_SEARCH_SPACE, "dropout": DROPOUT}
