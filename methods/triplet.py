"""GN Triplet: separate encoders; a sketch must be nearer to its photo than to another class's photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from benchmark.registry import register_method
from methods.base import MethodCard, SearchRange, SeenData
from methods.parts.losses import cross_entropy_of_both, distance, triplet_hinge
from methods.parts.objectives import Loss, Objective
from methods.parts.pairs import PairBatch
from methods.parts.search import COMMON_SEARCH_SPACE, DROPOUT
from methods.parts.trained import TrainedMethod
from methods.parts.trained_config import TrainedConfig


@dataclass(frozen=True)
class TripletConfig(TrainedConfig):
    """margin: of the hinge. lambda_class: weight of the cross-entropy; 0 leaves it out."""

    margin: float = 0.2
    lambda_class: float = 1.0


class TripletObjective(Objective):
    """Triplet hinge plus the cross-entropy of one classifier on the codes of both modalities."""

    config: TripletConfig

    def __init__(self, config: TripletConfig, seen: SeenData) -> None:
        super().__init__(config, seen)
        self.classifier = nn.Linear(config.width, seen.n_classes)

    def forward(self, batch: PairBatch) -> Loss:
        """Return the loss of a batch."""
        sketch_codes, photo_codes = self.codes(batch)
        positive = distance(sketch_codes, photo_codes)
        negative = distance(sketch_codes, photo_codes[batch.negatives])
        terms = {"triplet": triplet_hinge(positive, negative, margin=self.config.margin)}
        if self.config.lambda_class:
            logits = self.classifier(sketch_codes), self.classifier(photo_codes)
            entropy = cross_entropy_of_both(*logits, batch.labels)
            terms["classification"] = self.config.lambda_class * entropy
        return terms


@register_method(
    MethodCard(
        id="triplet",
        title="GN Triplet",
        pretraining=(),
        side_information=(),
        input="features",
        distance="euclidean",
        fidelity="reimplementation",
        deviations=(
            "Small networks on frozen features stand for two GoogLeNets trained from pictures.",
            "Cross-entropy and triplets are trained together; the original first trains the classification.",
            "The positive is a random photo of the class, not the photo that was drawn, "
            "unless the suite pairs objects.",
            "Codes are L2-normalised.",
            "Triplets and cross-entropy act on one normalised code; in the released network the main "
            "triplets act on 2-output layers with separate weights, and the cross-entropy on the pooled "
            "features.",
            "The margin, the weight of the cross-entropy and the optimiser are chosen here; the released "
            "network weighs cross-entropy ten times the main triplets, whose margin is 15 on codes of any "
            "length.",
            "The released network has triplets on its two auxiliary heads too: weight 0.3, no margin stated.",
            "The equations were checked against the released network, not against the paper's text.",
        ),
        width="free",
        paper="Sangkloy et al., The Sketchy database: learning to retrieve badly drawn bunnies",
        year=2016,
        venue="ACM TOG",
        original_code="https://github.com/janesjanes/sketchy",
        code_licence="MIT",
    )
)
class GNTriplet(TrainedMethod):
    """Separate weights, triplet hinge and classification."""

    Config = TripletConfig
    Objective = TripletObjective
    search_space: ClassVar[Mapping[str, SearchRange]] = {
        **COMMON_SEARCH_SPACE,
        "margin": SearchRange(low=0.05, high=1.0, log=True),
        "lambda_class": SearchRange(low=0.01, high=10.0, log=True),
        "dropout": DROPOUT,
    }
