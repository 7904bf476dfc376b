"""ZSCMR: two encoders tied to the class vectors, with triplets, crossed decoders and one classifier.

Loss: the sum of λ_k L_k over latent, triplet, decoder and classification terms; a term of weight 0 is not
computed. Source: Chaudhuri et al., CVPRW 2020, the authors' slides and abstract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from benchmark.errors import BenchmarkError
from benchmark.registry import register_method
from methods.base import MethodCard, SearchRange, SeenData
from methods.parts.checks import check_choices, check_positive
from methods.parts.graphs import ClassGraphConvolution
from methods.parts.linear import required_class_vectors
from methods.parts.losses import cross_entropy_of_both, distance, hardest_negative, topology, triplet_hinge
from methods.parts.objectives import Loss, Objective
from methods.parts.pairs import PairBatch
from methods.parts.search import COMMON_SEARCH_SPACE
from methods.parts.trained import TrainedMethod
from methods.parts.trained_config import TrainedConfig

CHOICES: Mapping[str, tuple[str, ...]] = {
    "topology": ("none", "mst_gcn", "distances"),
    "negatives": ("random", "hard"),
}


@dataclass(frozen=True)
class ZSCMRConfig(TrainedConfig):
    """Weights of the terms and the choices that the paper leaves open.

    lambda_latent: codes to the class's semantic code. lambda_triplet: sketch- and photo-anchored hinges.
    lambda_decoder: crossed reconstruction. lambda_class: cross-entropy. lambda_topology: only with topology
    "distances". alpha: margin; 1.0 suits codes that are not normalised. squared: squared distances in the
    hinges. negatives: "random", or "hard", the nearest of another class in the batch. topology: "none",
    "mst_gcn" (a graph convolution on the classes' minimum spanning tree in place of the projection) or
    "distances" (class means lie as the class vectors do). shared_classifier: one for both modalities.

    Raises BenchmarkError for an unknown choice, a margin of 0 or less, and when every weight is 0.
    """

    lambda_latent: float = 1.0
    lambda_triplet: float = 1.0
    lambda_decoder: float = 1.0
    lambda_class: float = 1.0
    lambda_topology: float = 1.0
    alpha: float = 0.2
    squared: bool = False
    negatives: str = "random"
    topology: str = "none"
    shared_classifier: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices(self, CHOICES)
        check_positive(self, ("alpha",))
        weights = (self.lambda_latent, self.lambda_triplet, self.lambda_decoder, self.lambda_class)
        if not any(weights) and not (self.topology == "distances" and self.lambda_topology):
            raise BenchmarkError(
                "every lambda is 0, so there is nothing to learn from. Give one term a weight."
            )


class ZSCMRObjective(Objective):
    """The networks of training and the sum of the losses."""

    config: ZSCMRConfig
    class_vectors: Tensor

    def __init__(self, config: ZSCMRConfig, seen: SeenData) -> None:
        super().__init__(config, seen)
        class_vectors = required_class_vectors(seen)
        self.register_buffer("class_vectors", class_vectors)
        n_classes, n_semantic = class_vectors.shape
        width, hidden = config.width, config.hidden
        self.semantic: nn.Module = nn.Linear(n_semantic, width)
        if config.topology == "mst_gcn":
            self.semantic = ClassGraphConvolution(class_vectors, hidden=128, width=width)
        self.sketch_classifier = nn.Linear(width, n_classes)
        self.photo_classifier = self.sketch_classifier
        if not config.shared_classifier:
            self.photo_classifier = nn.Linear(width, n_classes)
        self.sketch_decoder = _decoder(width, hidden, seen.sketches.shape[1])
        self.photo_decoder = _decoder(width, hidden, seen.photos.shape[1])

    def forward(self, batch: PairBatch) -> Loss:
        """Return the weighted terms, but those of weight 0."""
        config = self.config
        terms = {
            "latent": (config.lambda_latent, self._latent),
            "triplet": (config.lambda_triplet, self._triplets),
            "decoders": (config.lambda_decoder, self._decoders),
            "classification": (config.lambda_class, self._classification),
            "topology": (config.lambda_topology if config.topology == "distances" else 0.0, self._topology),
        }
        sketch_codes, photo_codes = self.codes(batch)
        return {
            name: weight * term(batch, sketch_codes, photo_codes)
            for name, (weight, term) in terms.items()
            if weight
        }

    def _latent(self, batch: PairBatch, sketch_codes: Tensor, photo_codes: Tensor) -> Tensor:
        semantic_codes = self.semantic(self.class_vectors)
        if self.config.normalise:
            semantic_codes = F.normalize(semantic_codes, dim=1)
        targets = semantic_codes[batch.labels]
        photo_error = distance(photo_codes, targets, squared=True)
        return (photo_error + distance(sketch_codes, targets, squared=True)).mean()

    def _triplets(self, batch: PairBatch, sketch_codes: Tensor, photo_codes: Tensor) -> Tensor:
        squared, margin = self.config.squared, self.config.alpha
        positive = distance(photo_codes, sketch_codes, squared=squared)
        if self.config.negatives == "hard":
            to_sketch = hardest_negative(photo_codes, sketch_codes, batch.labels, squared=squared)
            to_photo = hardest_negative(sketch_codes, photo_codes, batch.labels, squared=squared)
        else:
            to_sketch = distance(photo_codes, sketch_codes[batch.negatives], squared=squared)
            to_photo = distance(sketch_codes, photo_codes[batch.negatives], squared=squared)
        photo_anchored = triplet_hinge(positive, to_sketch, margin=margin)
        return photo_anchored + triplet_hinge(positive, to_photo, margin=margin)

    def _decoders(self, batch: PairBatch, sketch_codes: Tensor, photo_codes: Tensor) -> Tensor:
        sketch_error = F.mse_loss(self.sketch_decoder(photo_codes), batch.sketches)
        return sketch_error + F.mse_loss(self.photo_decoder(sketch_codes), batch.photos)

    def _classification(self, batch: PairBatch, sketch_codes: Tensor, photo_codes: Tensor) -> Tensor:
        logits = self.sketch_classifier(sketch_codes), self.photo_classifier(photo_codes)
        return cross_entropy_of_both(*logits, batch.labels)

    def _topology(self, batch: PairBatch, sketch_codes: Tensor, photo_codes: Tensor) -> Tensor:
        codes, labels = torch.cat([sketch_codes, photo_codes]), batch.labels.repeat(2)
        return topology(codes, labels, self.class_vectors)


def _decoder(n_in: int, hidden: int, n_out: int) -> nn.Module:
    return nn.Sequential(nn.Linear(n_in, hidden), nn.ReLU(), nn.Linear(hidden, n_out))


@register_method(
    MethodCard(
        id="zscmr",
        title="ZSCMR",
        pretraining=(),
        side_information=("class vectors",),
        input="features",
        distance="euclidean",
        fidelity="reimplementation",
        deviations=(
            "All parts are trained jointly; the paper's diagram shows two stages without their schedule.",
            "How the paper keeps the class topology is not known: a graph convolution on the spanning tree "
            "of the seen classes and a loss on distances of class means are offered, neither by default.",
            "Learning rate, margin, batch, epochs, weight decay and dropout are not in slides or abstract. "
            "The released script has lr 0.01, margin 0.5, batch 128, 200 iterations and keep probability "
            "0.5, which are not used: our defaults stand.",
            "Whether the paper normalises codes, shares the classifier and squares distances is unknown.",
            "Class vectors come from a sentence model instead of word2vec.",
            "Features are the suite's; the released code fine-tunes its backbones on all classes, and which "
            "one the paper used is not known.",
            "A batch holds random sketches, each with a random photo of its class; an epoch is every seen "
            "sketch once.",
            "Negatives are other pairs of the batch, of seen classes only; the released script draws from "
            "all classes.",
            "Built from slides and abstract; the released script was not followed: no semantic term enters "
            "its cost, reconstruction is commented out, and the photo-sketch distance has weight 0.",
        ),
        width="free",
        paper="Chaudhuri et al., A simplified framework for zero-shot cross-modal sketch data retrieval",
        year=2020,
        venue="CVPRW",
        original_code=(
            "https://github.com/ushasi/A-Simplified-framework-for-Zero-shot-Cross-Modal-Sketch-Data-Retrieval"
        ),
        code_licence="none stated",
    )
)
class ZSCMR(TrainedMethod):
    """At test only the two encoders are left."""

    Config = ZSCMRConfig
    Objective = ZSCMRObjective
    search_space: ClassVar[Mapping[str, SearchRange]] = {
        **COMMON_SEARCH_SPACE,
        "lambda_latent": SearchRange(low=0.1, high=10.0, log=True),
        "lambda_triplet": SearchRange(low=0.1, high=10.0, log=True),
        # Its mean runs over the feature's many dimensions, so it is small beside the others.
        "lambda_decoder": SearchRange(low=0.1, high=1000.0, log=True),
        "lambda_class": SearchRange(low=0.1, high=10.0, log=True),
    }
