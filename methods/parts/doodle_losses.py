"""The losses of doodle2search, for encoders of features and for encoders that look at a map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from datasets.seen import Inputs
from methods.base import SearchRange, SeenData
from methods.parts.checks import check_positive
from methods.parts.gan import cross_entropy
from methods.parts.gradient_reversal import reverse_gradient
from methods.parts.linear import required_class_vectors
from methods.parts.losses import distance, triplet_hinge
from methods.parts.networks import Dropout, Encoder
from methods.parts.objectives import Loss, Objective
from methods.parts.pairs import PairBatch
from methods.parts.search import COMMON_SEARCH_SPACE
from methods.parts.trained_config import TrainedConfig

DOMAIN_HIDDEN = 64
PHOTO, SKETCH = 1.0, 0.0

SEARCH_SPACE: Mapping[str, SearchRange] = {
    **COMMON_SEARCH_SPACE,
    "lambda_semantic": SearchRange(low=0.1, high=10.0, log=True),
    "lambda_domain": SearchRange(low=0.01, high=10.0, log=True),
    "margin": SearchRange(low=0.1, high=3.0, log=True),
}
DEVIATIONS = (
    "Negatives are other pairs of the batch, likelier the more similar their classes, instead of items of "
    "the whole set.",
    "The reversed gradient of the modality grows over the first half of the epochs; in the released code it "
    "grows over batches 5 to 25 of every epoch.",
    "The decoder has the width of the class vectors, which are of sentences, not of words; it is shared by "
    "both modalities, as in the released code.",
    "Adam takes the place of SGD, and no epoch is chosen by classes held out.",
)
"""In what the losses and their training differ from the paper's, with attention and without."""


@dataclass(frozen=True)
class DoodleConfig(TrainedConfig):
    """lambda_semantic, lambda_domain: weights, where the triplets have weight 1. margin: of the triplets.

    temperature: how much likelier negatives of similar classes are. negative_reversal: strength with which
    negatives unlearn the class of their sketch. Raises BenchmarkError for either of 0 or less.
    """

    normalise: bool = False
    lambda_semantic: float = 1.0
    lambda_domain: float = 1.0
    margin: float = 1.0
    temperature: float = 0.1
    negative_reversal: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, ("temperature", "negative_reversal"))


class DoodleObjective(Objective):
    """The encoders, and for training a decoder to class vectors and a classifier of the modality."""

    config: DoodleConfig
    class_vectors: Tensor
    class_logits: Tensor

    def __init__(self, config: DoodleConfig, seen: SeenData) -> None:
        nn.Module.__init__(self)
        self.config = config
        self.sketch_encoder = self.new_encoder(seen.sketches)
        self.photo_encoder = self.new_encoder(seen.photos)
        class_vectors = required_class_vectors(seen)
        self.register_buffer("class_vectors", class_vectors)
        squares = torch.cdist(class_vectors, class_vectors).square()
        self.register_buffer("class_logits", -squares / config.temperature)
        n_semantic = class_vectors.shape[1]
        self.semantic_decoder = Encoder(
            config.width, n_semantic, hidden=n_semantic, depth=2, dropout=config.dropout, normalise=True
        )
        self.domain_classifier = nn.Sequential(
            nn.Linear(config.width, DOMAIN_HIDDEN),
            nn.ReLU(),
            Dropout(config.dropout),
            nn.Linear(DOMAIN_HIDDEN, DOMAIN_HIDDEN),
            nn.ReLU(),
            nn.Linear(DOMAIN_HIDDEN, 1),
        )
        self.n_started = 0

    def new_encoder(self, items: Inputs) -> nn.Module:
        """Build the encoder of a modality, for (n, d) features."""
        encoder: nn.Module = self.config.encoder(items.shape[1])
        return encoder

    def start_epoch(self) -> None:
        """Count epochs: the reversal of the modality's gradient grows over the first half of them."""
        self.n_started += 1

    def forward(self, batch: PairBatch) -> Loss:
        """Return the terms of the loss."""
        sketches, photos = self.codes(batch)
        negatives = photos[self.similar_negatives(batch.labels)]
        positive, negative = distance(sketches, photos), distance(sketches, negatives)
        config = self.config
        return {
            "triplet": triplet_hinge(positive, negative, margin=config.margin),
            "semantic": config.lambda_semantic * self._semantic(batch.labels, sketches, photos, negatives),
            "domain": config.lambda_domain * self._domain(sketches, photos, negatives),
        }

    def similar_negatives(self, labels: Tensor) -> Tensor:
        """(B,) int64: for each label a pair of the batch of another class, likelier the more similar it is.

        The probability is proportional to exp(-‖t_a - t_b‖² / temperature).
        """
        logits = self.class_logits[labels][:, labels]
        other = logits.masked_fill(labels[:, None] == labels, -torch.inf)
        return torch.multinomial(other.softmax(dim=1), 1).squeeze(1)

    @property
    def domain_reversal(self) -> float:
        """How strongly encoders unlearn the modality: 2 / epochs in the first epoch, 1 from half-way on."""
        return min(1.0, 2 * self.n_started / self.config.epochs)

    def _semantic(self, labels: Tensor, sketches: Tensor, photos: Tensor, negatives: Tensor) -> Tensor:
        """(1 - cos) / 2 to the class of the sketch, which negatives unlearn: means over B, summed."""
        reversed_negatives = reverse_gradient(negatives, strength=self.config.negative_reversal)
        decoded = self.semantic_decoder(torch.cat([sketches, photos, reversed_negatives]))
        cosines = F.cosine_similarity(decoded, self.class_vectors[labels].repeat(3, 1))
        return 3 * (1 - cosines).mean() / 2

    def _domain(self, sketches: Tensor, photos: Tensor, negatives: Tensor) -> Tensor:
        """Cross-entropy of the modality, a mean over three."""

        def entropy(codes: Tensor, modality: float) -> Tensor:
            unlearnt = reverse_gradient(codes, strength=self.domain_reversal)
            return cross_entropy(self.domain_classifier(unlearnt), modality)

        return (entropy(sketches, SKETCH) + entropy(photos, PHOTO) + entropy(negatives, PHOTO)) / 3
