"""Semantic similarity embedding: an item, as a class, is a mixture of the seen classes.

A class c is the mixture z_c = argmin ½‖t_c - Σ_k z_k t_k‖² + γ/2 ‖z‖² over the simplex, t the class vectors;
an item x has the similarities ψ_k(x) = ⟨w, φ_k(x)⟩ to the seen classes, φ_k(x) = min(x, v_k); and f(x, c) =
Σ_k z_ck ψ_k(x) is largest, by a margin, for the item's class. Source: Zhang and Saligrama, ICCV 2015. ψ is
the embedding; each modality has its own w and v.

The paper's other φ_k(x) = [x - v_k]₊ = x - min(x, v_k) gives at -w the same ψ_k(x) less ⟨w, x⟩, one number
for all k. Mixtures sum to 1, so it moves every f(x, c) of an item alike: training cannot tell the two apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from benchmark.registry import register_method
from datasets.seen import Inputs
from methods.base import FitProgress, MethodCard, RetrievalMethod, SearchRange, SeenData
from methods.parts.checks import check_choices, check_not_negative, check_positive
from methods.parts.linear import exact, required_class_vectors
from methods.parts.objectives import Player
from methods.parts.pairs import balanced_rows
from methods.parts.search import COMMON_SEARCH_SPACE, DISTANCES
from methods.parts.simplex import mixtures
from methods.parts.training import Schedule, minimise, seeded


@dataclass(frozen=True)
class SSEConfig:
    """Parameters of the mixtures and of the max-margin training.

    lr: of Adam. epochs: each of n_per_class items of every class, drawn anew, or all where there are fewer.
    batch: items in a batch. distance: "euclidean" or "cosine", at test. gamma: evens out the mixtures.
    margin: by which an item's class leads. lambda_weights: weight of ½ mean(w²).

    Raises BenchmarkError for a value that makes no sense.
    """

    lr: float = 1e-2
    epochs: int = 20
    batch: int = 256
    n_per_class: int = 20
    distance: str = "cosine"
    gamma: float = 1.0
    margin: float = 0.01
    lambda_weights: float = 1e-3

    def __post_init__(self) -> None:
        check_choices(self, {"distance": DISTANCES.choices})
        check_positive(self, ("lr", "epochs", "batch", "n_per_class", "gamma", "margin"))
        check_not_negative(self, ("lambda_weights",))


def split_signs(features: Tensor) -> Tensor:
    """(B, d) -> (B, 2d), not negative: [x]₊ beside [-x]₊, times √d, so that numbers are about 1."""
    return torch.cat([features.relu(), (-features).relu()], dim=1) * math.sqrt(features.shape[1])


def similarities(parts: Tensor, weights: Tensor, references: Tensor) -> Tensor:
    """ψ(x)_k = mean over j of w_j min(x_j, v_kj): (B, p) parts, (p,) w, (C, p) v -> (B, C).

    min(x, v) = (x + v - |x - v|)/2, so that the sum is a weighted city block distance: no (B, C, p) tensor is
    made. A negative weight counts its distance the other way round.
    """
    gaps = torch.zeros((), device=parts.device)
    for sign in (1, -1):
        columns = (weights * sign > 0).nonzero().squeeze(1)
        scale = weights[columns].abs()
        gaps = gaps + sign * torch.cdist(parts[:, columns] * scale, references[:, columns] * scale, p=1)
    return ((parts @ weights)[:, None] + references @ weights - gaps) / (2 * parts.shape[1])


def multiclass_hinge(scores: Tensor, labels: Tensor, *, margin: float) -> Tensor:
    """Mean over items and wrong classes of [margin - f_y + f_c]₊: (B, C) scores, (B,) int64 -> scalar."""
    lead = scores.gather(1, labels[:, None]) - scores
    lacking = (margin - lead).relu().scatter(1, labels[:, None], 0.0)
    return lacking.sum() / (scores.shape[0] * max(scores.shape[1] - 1, 1))


@register_method(
    MethodCard(
        id="sse",
        title="SSE",
        pretraining=(),
        side_information=("class vectors",),
        input="features",
        distance="cosine",
        fidelity="reimplementation",
        deviations=(
            "The original classifies pictures of one modality by class vectors; here each modality has a "
            "model, and their similarities to the seen classes are compared.",
            "Of the functions min(x, v) and [x - v]₊ only the first is here: at -w the second ranks classes "
            "as the first does at w.",
            "Features are frozen and centred, and their positive and negative parts stand side by side, "
            "since the similarities need numbers that are not negative.",
            "w and v are trained together by Adam, without constraints, from v at the class means; how the "
            "original finds them could not be confirmed.",
            "The margin is the same for all pairs of classes, and every wrong class counts.",
            "An epoch is a few items of every class, drawn anew, because a similarity costs a comparison in "
            "every dimension with every seen class.",
            "The mean of an item's similarities is subtracted from them: mixtures sum to 1, so training "
            "leaves it open.",
            "Class vectors come from a sentence model instead of attributes.",
            "The equations were recalled from the paper's idea, not checked against its text.",
        ),
        paper="Zhang and Saligrama, Zero-shot learning via semantic similarity embedding",
        year=2015,
        venue="ICCV",
        original_code="unknown",
        code_licence="unknown",
    )
)
class SSE(RetrievalMethod):
    """As wide as there are seen classes."""

    Config: ClassVar[Any] = SSEConfig
    search_space: ClassVar[Mapping[str, SearchRange]] = {
        **{name: COMMON_SEARCH_SPACE[name] for name in ("epochs", "batch", "distance")},
        "lr": SearchRange(low=1e-3, high=1e-1, log=True),
        "gamma": SearchRange(low=1e-2, high=10.0, log=True),
        "margin": SearchRange(low=1e-3, high=0.3, log=True),
        "lambda_weights": SearchRange(low=1e-6, high=1.0, log=True),
    }

    sketch_weights: Tensor
    sketch_references: Tensor
    photo_weights: Tensor
    photo_references: Tensor

    def fit(self, seen: SeenData, *, seed: int, progress: FitProgress) -> Self:
        """Solve for the mixtures, then train each modality. Raises NotRunnable without class vectors."""
        vectors = exact(required_class_vectors(seen))
        z = mixtures(vectors, gamma=self.config.gamma).to(self.device, torch.float32)
        progress.start(2 * self.config.epochs)
        with seeded(seed, self.device):
            self.sketch_weights, self.sketch_references = self._trained(
                "sketch loss", seen.sketches, seen.sketch_labels, z, progress
            )
            self.photo_weights, self.photo_references = self._trained(
                "photo loss", seen.photos, seen.photo_labels, z, progress
            )
        return self

    @torch.inference_mode()
    def embed_sketches(self, batch: Tensor) -> Tensor:
        """(B, d) float32 -> (B, C) float32."""
        return self._embedded(batch, self.sketch_weights, self.sketch_references)

    @torch.inference_mode()
    def embed_photos(self, batch: Tensor) -> Tensor:
        """(B, d) float32 -> (B, C) float32."""
        return self._embedded(batch, self.photo_weights, self.photo_references)

    def _embedded(self, batch: Tensor, weights: Tensor, references: Tensor) -> Tensor:
        psi = similarities(split_signs(batch), weights, references)
        return psi - psi.mean(dim=1, keepdim=True)

    def _trained(
        self, name: str, items: Inputs, labels: Tensor, z: Tensor, progress: FitProgress
    ) -> tuple[Tensor, Tensor]:
        """Return w (2d,) and v (C, 2d). name: of the training curve."""
        config = self.config
        references = split_class_means(items, labels, n_classes=len(z)).requires_grad_()
        weights = torch.ones(references.shape[1], device=references.device, requires_grad=True)

        def epoch() -> Sequence[Tensor]:
            drawn = balanced_rows(labels, config.n_per_class)
            return drawn.tensor_split(math.ceil(len(drawn) / config.batch))

        def loss(rows: Tensor) -> Tensor:
            psi = similarities(split_signs(items[rows]), weights, references)
            hinge = multiclass_hinge(psi @ z.T, labels[rows], margin=config.margin)
            total: Tensor = hinge + config.lambda_weights * weights.square().mean() / 2
            return total

        schedule = Schedule(lr=config.lr, weight_decay=0.0, n_epochs=config.epochs, n_pairs=config.batch)
        minimise([Player(name, [weights, references], loss)], epoch, schedule, progress)
        return weights.detach(), references.detach()


def split_class_means(items: Inputs, labels: Tensor, *, n_classes: int) -> Tensor:
    """Means (C, 2d) of the parts of each class's items; 0 for a class without any."""
    sums = torch.zeros(n_classes, 2 * items.shape[1], device=labels.device)
    for start in range(0, len(labels), 4096):
        rows = slice(start, start + 4096)
        sums.index_add_(0, labels[rows], split_signs(items[rows]))
    return sums / torch.bincount(labels, minlength=n_classes).clamp(min=1)[:, None]
