"""SAKE: learn the seen classes, and keep what an ILSVRC-1k classifier says of the photos.

Loss: cross-entropy over the seen classes + λ · cross-entropy of a second head with 1,000 outputs against
softmax(λ_t t + λ_s a), on photos; t are the classifier's logits, a the similarities of the photo's class to
the 1,000 labels. Source: Liu et al., ICCV 2019, and its released code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from benchmark.errors import NotRunnable
from benchmark.registry import register_method
from methods.base import MethodCard, SearchRange, SeenData
from methods.parts.linear import required_class_vectors
from methods.parts.objectives import ConditionalObjective, Loss
from methods.parts.pairs import PairBatch
from methods.parts.search import COMMON_SEARCH_SPACE, DROPOUT
from methods.parts.trained import TrainedMethod
from methods.parts.trained_config import TrainedConfig


@dataclass(frozen=True)
class SAKEConfig(TrainedConfig):
    """lambda_distillation: weight of the second term. lambda_teacher, lambda_semantic: factors of t and a.

    Codes keep their length in training and are compared by cosine, as in the released code.
    """

    distance: str = "cosine"
    normalise: bool = False
    lambda_distillation: float = 1.0
    lambda_teacher: float = 1.0
    lambda_semantic: float = 0.3


class SAKEObjective(ConditionalObjective):
    """The encoder, a head for the seen classes, and a head for the teacher's."""

    config: SAKEConfig
    teacher_logits: Tensor
    similarities: Tensor

    def __init__(self, config: SAKEConfig, seen: SeenData) -> None:
        super().__init__(config, seen)
        class_vectors = required_class_vectors(seen)
        teacher_logits, teacher_vectors = _required_teacher(seen)
        self.register_buffer("teacher_logits", teacher_logits)
        self.register_buffer("similarities", class_vectors @ teacher_vectors.T)
        self.classifier = nn.Linear(config.width, seen.n_classes)
        self.teacher_head = nn.Linear(config.width, teacher_logits.shape[1])

    def forward(self, batch: PairBatch) -> Loss:
        """Return the loss of a batch."""
        sketch_codes, photo_codes = self.codes(batch)
        logits = self.classifier(torch.cat([sketch_codes, photo_codes]))
        classification = F.cross_entropy(logits, batch.labels.repeat(2))
        distillation = F.cross_entropy(self.teacher_head(photo_codes), self._targets(batch))
        return {
            "classification": classification,
            "distillation": self.config.lambda_distillation * distillation,
        }

    def _targets(self, batch: PairBatch) -> Tensor:
        """Return the (B, 1000) probabilities that the second head is to have for the photos."""
        teacher = self.config.lambda_teacher * self.teacher_logits[batch.photo_rows]
        semantic = self.config.lambda_semantic * self.similarities[batch.labels]
        return (teacher + semantic).softmax(dim=1)


def _required_teacher(seen: SeenData) -> tuple[Tensor, Tensor]:
    """Return (n_photos, 1000) logits and (1000, v) label vectors. Raises NotRunnable without them."""
    if seen.teacher_logits is None:
        raise NotRunnable("needs the logits of a published ILSVRC-1k classifier for the seen photos")
    if seen.teacher_vectors is None:
        raise NotRunnable("needs a vector for every ILSVRC-1k label, and at least one has none")
    return seen.teacher_logits, seen.teacher_vectors


@register_method(
    MethodCard(
        id="sake",
        title="SAKE",
        pretraining=(),
        side_information=("class vectors", "teacher logits"),
        input="features",
        distance="cosine",
        fidelity="reimplementation",
        deviations=(
            "A small network on frozen features stands for the CSE-ResNet-50 that is fine-tuned.",
            "The modality enters as a bias of the first layer; in the original it enters every "
            "squeeze-and-excitation module of the network.",
            "The similarity of a class to the labels is the cosine of their class vectors; the released code "
            "takes WordNet: 1 for the same concept, an ancestor or a descendant, else the path similarity "
            "where it exceeds 0.2, else 0.",
            "The teacher is the published head of the suite's backbone; the original's is an SE-ResNet-50.",
            "The code and the second head start at random; in the released code they start from a singular "
            "value decomposition of the teacher's last layer.",
            "Sketches and photos weigh alike in the classification; batches of the released code hold two "
            "(Sketchy) to nine (TU-Berlin) times as many photos.",
            "The learning rate is constant, and no epoch is chosen by seen-class accuracy; the released code "
            "lowers the rate a thousandfold and does choose.",
            "The equations were checked against the released code, not against the paper's text.",
        ),
        width="free",
        paper="Liu et al., Semantic-aware knowledge preservation for zero-shot sketch-based image retrieval",
        year=2019,
        venue="ICCV",
        original_code="https://github.com/qliu24/SAKE",
        code_licence="none stated",
    )
)
class SAKE(TrainedMethod):
    """One network that knows the modality, with two heads in training."""

    Config = SAKEConfig
    Objective = SAKEObjective
    search_space: ClassVar[Mapping[str, SearchRange]] = {
        **COMMON_SEARCH_SPACE,
        "lambda_distillation": SearchRange(low=0.01, high=10.0, log=True),
        "lambda_teacher": SearchRange(low=0.1, high=2.0, log=True),
        # A cosine differs less between labels than the similarity in WordNet does, which is mostly 0.
        "lambda_semantic": SearchRange(low=0.1, high=30.0, log=True),
        "dropout": DROPOUT,
    }
