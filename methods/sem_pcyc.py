"""SEM-PCYC: adversarial cycles between each modality and the semantics of the classes.

Generators lead from sketches and photos to semantic codes, and back. An auto-encoder, trained on the class
vectors t of the batch by ‖t - t̂‖² + lambda_sparsity ‖W‖_{2,1} / B, gives the codes that count as real; a
group of W is all weights of one number of t, so that numbers of no use are left out. Against discriminators
of codes, sketches and photos the generators minimise

    lambda_adversarial · least squares GAN + lambda_cycle · L1 of the cycles
    + lambda_class · cross-entropy of what is made, by classifiers that are random and stay so
    + lambda_regression · square errors between the two codes of a pair, and of made features.

Embeddings are the codes. Source: Dutta and Akata, CVPR 2019, and the authors' code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from benchmark.registry import register_method
from methods.base import MethodCard, SearchRange, SeenData
from methods.parts.checks import check_choices, check_positive
from methods.parts.feature_scale import UsualSizes
from methods.parts.gan import deception_loss, discriminator, discriminator_loss
from methods.parts.linear import required_class_vectors
from methods.parts.networks import Encoder
from methods.parts.objectives import AdversarialObjective, Loss, Player
from methods.parts.pairs import PairBatch
from methods.parts.search import COMMON_SEARCH_SPACE
from methods.parts.trained import TrainedMethod
from methods.parts.trained_config import TrainedConfig


@dataclass(frozen=True)
class SemPcycConfig(TrainedConfig):
    """lambda_...: weights as in the formulas. discriminator_hidden: size of their one hidden layer.

    normalise: False alone, codes of the auto-encoder have any length. Raises BenchmarkError for other values.
    """

    distance: str = "cosine"
    normalise: bool = False
    lambda_adversarial: float = 1.0
    lambda_cycle: float = 10.0
    lambda_class: float = 10.0
    lambda_regression: float = 1.0
    lambda_sparsity: float = 1e-3
    discriminator_hidden: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices(self, {"normalise": (False,)})
        check_positive(self, ("discriminator_hidden",))


class SemanticAutoEncoder(nn.Module):
    """(B, v) class vectors -> (B, width) codes, 0 or more, and (B, v) vectors made of them."""

    def __init__(self, n_vector: int, width: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(n_vector, width)
        self.decoder = nn.Linear(width, n_vector)

    def codes(self, vectors: Tensor) -> Tensor:
        """Return the codes."""
        codes: Tensor = self.encoder(vectors).relu()
        return codes

    def losses(self, vectors: Tensor, lambda_sparsity: float) -> dict[str, Tensor]:
        """The mean square error, and the sum of the lengths of the columns of W, weighted, over B."""
        lengths: Tensor = self.encoder.weight.norm(dim=0)
        return {
            "vectors": (self.decoder(self.codes(vectors)) - vectors).square().mean(),
            "sparsity": lambda_sparsity * lengths.sum() / len(vectors),
        }


class Made(NamedTuple):
    """What generators make of a batch: codes of items, and of real codes items in units of their size.

    sketch_codes, photo_codes, real_codes: (B, width). sketches: (B, n_sketch). photos: (B, n_photo).
    """

    sketch_codes: Tensor
    photo_codes: Tensor
    real_codes: Tensor
    sketches: Tensor
    photos: Tensor


class SemPcycObjective(AdversarialObjective):
    """Three players: the auto-encoder, the discriminators, the generators."""

    config: SemPcycConfig
    class_vectors: Tensor

    def __init__(self, config: SemPcycConfig, seen: SeenData) -> None:
        super().__init__(config, seen)
        # Of length 1 a vector has small numbers, and so would have its codes: here they are of order 1.
        vectors = required_class_vectors(seen)
        self.register_buffer("class_vectors", vectors * math.sqrt(vectors.shape[1]))
        n_sketch, n_photo, width = seen.sketches.shape[1], seen.photos.shape[1], config.width
        # What generators make of codes, and what discriminators judge, is in units of the usual size.
        self.sizes = UsualSizes(seen)
        self.to_sketch = _generator(config, n_sketch)
        self.to_photo = _generator(config, n_photo)
        self.auto_encoder = SemanticAutoEncoder(vectors.shape[1], width)
        self.code_discriminator, self.sketch_discriminator, self.photo_discriminator = (
            discriminator(n, config.discriminator_hidden) for n in (width, n_sketch, n_photo)
        )
        self.discriminators = nn.ModuleList(
            [self.code_discriminator, self.sketch_discriminator, self.photo_discriminator]
        )
        self.code_classifier, self.sketch_classifier, self.photo_classifier = (
            nn.Linear(n, seen.n_classes, bias=False).requires_grad_(False) for n in (width, n_sketch, n_photo)
        )

    def players(self) -> list[Player]:
        """The auto-encoder, the discriminators, then all else."""
        theirs, rest = super().players()
        own = list(self.auto_encoder.parameters())
        known = set(map(id, own))
        ours = [p for p in rest.parameters if id(p) not in known and p.requires_grad]
        return [Player("auto-encoder", own, self._auto_encoder_loss), theirs, Player("loss", ours, self)]

    def discriminator_loss(self, batch: PairBatch) -> Loss:
        """Codes of the auto-encoder are real, and so are features: as in the code, half of all errors."""
        with torch.no_grad():
            made = self._made(batch)
        sketches, photos = self.sizes(batch.sketches, batch.photos)
        judge = self.code_discriminator
        of_codes = discriminator_loss(judge, made.real_codes, made.photo_codes)
        of_codes = of_codes + discriminator_loss(judge, made.real_codes, made.sketch_codes)
        return {
            "judge of codes": of_codes / 4,  # halved once more, as it judges two kinds of made codes
            "judge of sketches": discriminator_loss(self.sketch_discriminator, sketches, made.sketches) / 2,
            "judge of photos": discriminator_loss(self.photo_discriminator, photos, made.photos) / 2,
        }

    def forward(self, batch: PairBatch) -> Loss:
        """Return what the generators minimise."""
        config, made = self.config, self._made(batch)
        sketches, photos = self.sizes(batch.sketches, batch.photos)
        return {
            "adversarial": config.lambda_adversarial * self._adversarial(made),
            "cycles": config.lambda_cycle * self._cycles(sketches, photos, made),
            "classification": config.lambda_class * self._classification(batch.labels, made),
            "regression": config.lambda_regression * _regression(sketches, photos, made),
        }

    def _made(self, batch: PairBatch) -> Made:
        sketch_codes, photo_codes = self.codes(batch)
        real = self.auto_encoder.codes(self.class_vectors[batch.labels]).detach()
        return Made(sketch_codes, photo_codes, real, self.to_sketch(real), self.to_photo(real))

    def _auto_encoder_loss(self, batch: PairBatch) -> Loss:
        return self.auto_encoder.losses(self.class_vectors[batch.labels], self.config.lambda_sparsity)

    def _adversarial(self, made: Made) -> Tensor:
        return (
            deception_loss(self.code_discriminator, made.sketch_codes)
            + deception_loss(self.code_discriminator, made.photo_codes)
            + deception_loss(self.sketch_discriminator, made.sketches)
            + deception_loss(self.photo_discriminator, made.photos)
        )

    def _cycles(self, sketches: Tensor, photos: Tensor, made: Made) -> Tensor:
        sketch_codes = self.sketch_encoder(made.sketches * self.sizes.sketch)
        photo_codes = self.photo_encoder(made.photos * self.sizes.photo)
        return (
            F.l1_loss(self.to_sketch(made.sketch_codes), sketches)
            + F.l1_loss(self.to_photo(made.photo_codes), photos)
            + F.l1_loss(sketch_codes, made.real_codes)
            + F.l1_loss(photo_codes, made.real_codes)
        )

    def _classification(self, labels: Tensor, made: Made) -> Tensor:
        return (
            F.cross_entropy(self.code_classifier(made.sketch_codes), labels)
            + F.cross_entropy(self.code_classifier(made.photo_codes), labels)
            + F.cross_entropy(self.sketch_classifier(made.sketches), labels)
            + F.cross_entropy(self.photo_classifier(made.photos), labels)
        )


def _regression(sketches: Tensor, photos: Tensor, made: Made) -> Tensor:
    """The square error between the two codes counts twice, as in the released code."""
    codes = 2 * F.mse_loss(made.sketch_codes, made.photo_codes)
    return codes + F.mse_loss(made.sketches, sketches) + F.mse_loss(made.photos, photos)


def _generator(config: SemPcycConfig, n_out: int) -> Encoder:
    """(B, width) codes -> (B, n_out) features; as large as an encoder."""
    return Encoder(
        config.width, n_out, hidden=config.hidden, depth=2, dropout=config.dropout, normalise=False
    )


@register_method(
    MethodCard(
        id="sem_pcyc",
        title="SEM-PCYC",
        pretraining=(),
        side_information=("class vectors",),
        input="features",
        distance="cosine",
        fidelity="reimplementation",
        deviations=(
            "The only side information is one vector a class, of sentences; the paper selects among word "
            "vectors and embeddings of the WordNet hierarchy together.",
            "Backbones are not fine-tuned on the seen classes unless the suite does it.",
            "Generators and discriminators have one hidden layer, the generators that of the suite, without "
            "batch normalisation; the released ones have two, and their discriminators add noise to what "
            "they judge.",
            "Codes have the width of the suite; the released default is 128.",
            "L1 and square errors of features are in units of their own size, since features have length 1; "
            "class vectors are lengthened to numbers of order 1, and the auto-encoder ends in a linear "
            "layer, as they may be negative.",
            "All parts have Adam with the learning rate of the suite, and discriminators move before "
            "generators; in the released code they move after them, by SGD, and the auto-encoder by SGD at "
            "a hundred times the rate.",
            "The last epoch counts; the released code keeps the epoch that is best on unseen classes.",
            "Every sketch is once an epoch beside any photo of its class.",
            "The losses are those of the released code, not checked against the paper's text.",
        ),
        width="free",
        paper="Dutta and Akata, Semantically tied paired cycle consistency for zero-shot sketch-based "
        "image retrieval",
        year=2019,
        venue="CVPR",
        original_code="https://github.com/AnjanDutta/sem-pcyc",
        code_licence="MIT",
    )
)
class SemPcyc(TrainedMethod):
    """Keeps the generators that lead to semantic codes."""

    Config = SemPcycConfig
    Objective = SemPcycObjective
    search_space: ClassVar[Mapping[str, SearchRange]] = {
        **COMMON_SEARCH_SPACE,
        "lambda_adversarial": SearchRange(low=0.01, high=10.0, log=True),
        "lambda_cycle": SearchRange(low=0.1, high=100.0, log=True),
        "lambda_class": SearchRange(low=0.1, high=100.0, log=True),
        "lambda_regression": SearchRange(low=0.01, high=10.0, log=True),
    }
