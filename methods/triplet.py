"""GN Triplet: separate encoders; a sketch must be nearer to its photo than to another class's photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmark.registry import register_method
from methods.base import MethodCard, SearchRange, SeenData
from methods.parts.losses import distance, triplet_hinge
from methods.parts.networks import Encoder
from methods.parts.pairs import PairBatch
from methods.parts.trained import COMMON_SEARCH_SPACE, Objective, TrainedConfig, TrainedMethod


class TripletObjective(Objective):
    """Triplet hinge plus the cross-entropy of one classifier on the codes of both modalities."""

    def __init__(
        self,
        sketch_encoder: Encoder,
        photo_encoder: Encoder,
        *,
        width: int,
        n_classes: int,
        margin: float,
        lambda_class: float,
    ) -> None:
        super().__init__(sketch_encoder, photo_encoder)
        self.classifier = nn.Linear(width, n_classes)
        self.margin = margin
        self.lambda_class = lambda_class

    def forward(self, batch: PairBatch) -> Tensor:
        """Return the loss of a batch."""
        sketch_codes = self.sketch_encoder(batch.sketches)
        photo_codes = self.photo_encoder(batch.photos)
        negative_codes = self.photo_encoder(batch.negative_photos)
        loss = triplet_hinge(
            distance(sketch_codes, photo_codes), distance(sketch_codes, negative_codes), margin=self.margin
        )
        if self.lambda_class:
            classification = cross_entropy(self.classifier(sketch_codes), batch.labels)
            classification = classification + cross_entropy(self.classifier(photo_codes), batch.labels)
            loss = loss + self.lambda_class * classification
        return loss


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

    @dataclass(frozen=True)
    class Config(TrainedConfig):
        """margin: of the hinge. lambda_class: weight of the cross-entropy; 0 leaves it out."""

        margin: float = 0.2
        lambda_class: float = 1.0

    search_space: ClassVar[Mapping[str, SearchRange]] = {
        **COMMON_SEARCH_SPACE,
        "margin": SearchRange(low=0.05, high=1.0, log=True),
        "lambda_class": SearchRange(low=0.01, high=10.0, log=True),
        "dropout": SearchRange(choices=(0.0, 0.3, 0.5)),
    }

    def objective(self, seen: SeenData) -> TripletObjective:
        """One encoder for each modality, one classifier for both, as in the released network."""
        return TripletObjective(
            self.encoder(seen.sketches.shape[1]),
            self.encoder(seen.photos.shape[1]),
            width=self.config.width,
            n_classes=seen.n_classes,
            margin=self.config.margin,
            lambda_class=self.config.lambda_class,
        )
