"""Joint latent similarity embedding: dictionaries of both modalities whose codes tell whether a pair matches.

A sketch is s ≈ z_s B_s and a photo x ≈ z_x B_x; a pair is of one class (y = 1) or not (y = -1) by the sign of
z_s W z_xᵀ. Source: Zhang and Saligrama, CVPR 2016. At test the code of an item comes from its reconstruction
alone, which is linear: a sketch is embedded as z_s W, a photo as z_x.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from benchmark.registry import register_method
from methods.base import FitProgress, MethodCard, SearchRange, SeenData
from methods.parts.checks import check_choices, check_not_negative, check_positive
from methods.parts.linear import LinearMethod, class_means
from methods.parts.pairs import drawn_pairs

DISTANCES = SearchRange(choices=("dot", "cosine"))
STEPS = (0.0, 0.125, 0.25, 0.5, 1.0)
"""Shares of a step of codes that are tried; 0 keeps them, so that the objective cannot rise."""


@dataclass(frozen=True)
class JLSEConfig:
    """Weights of the terms, each of which is a mean over items or pairs.

    distance: "dot" or "cosine", at test. n_iterations: rounds over codes, dictionaries and W. n_pairs: drawn
    for the hinge, half of them of one class. lambda_pairs: of the hinge. lambda_codes, lambda_dictionary,
    lambda_similarity: of the squared norms of codes, dictionaries and W. Raises BenchmarkError for a value
    that makes no sense.
    """

    distance: str = "cosine"
    n_iterations: int = 10
    n_pairs: int = 20_000
    lambda_pairs: float = 1.0
    lambda_codes: float = 0.1
    lambda_dictionary: float = 0.03
    lambda_similarity: float = 0.001

    def __post_init__(self) -> None:
        check_choices(self, {"distance": DISTANCES.choices})
        check_positive(self, ("n_pairs", "lambda_codes", "lambda_dictionary"))
        check_not_negative(self, ("n_iterations", "lambda_pairs", "lambda_similarity"))


class JointDictionaries:
    """The unknowns, and steps that each lower the objective or leave it as it is.

    Sketches come first and photos second in every pair. items: (n, d) float32. rows: (P,) int64 of the pairs.
    signs: (P,) 1 or -1. dictionaries: (C, d), codes: (n, C), similarity W: (C, C), all float64. The objective
    is Σ over modalities of [mean ‖x - zB‖² + λ_codes mean ‖z‖² + λ_dictionary ‖B‖²]
    + λ_pairs mean [1 - y z_s W z_xᵀ]₊ + λ_similarity ‖W‖².
    """

    def __init__(
        self,
        config: JLSEConfig,
        items: tuple[Tensor, Tensor],
        labels: tuple[Tensor, Tensor],
        *,
        n_classes: int,
        seed: int,
    ) -> None:
        """Atom k starts as the mean of class k, codes as reconstruction has them, W as the identity."""
        self.config, self.items = config, items
        sketch_rows, photo_rows, self.signs = drawn_pairs(*labels, n_pairs=config.n_pairs, seed=seed)
        self.rows = (sketch_rows, photo_rows)
        self.dictionaries = [class_means(x, y, n_classes) for x, y in zip(items, labels, strict=True)]
        self.codes = [(x @ self.code_map(m).float()).double() for m, x in enumerate(items)]
        self.similarity = torch.eye(n_classes, dtype=torch.float64)

    def code_map(self, modality: int) -> Tensor:
        """(d, C): the code of x that minimises ‖x - zB‖² + λ_codes ‖z‖² is x times it."""
        solved: Tensor = torch.linalg.solve(self._gram(modality), self.dictionaries[modality])
        return solved.T

    def update_codes(self, modality: int) -> None:
        """Step towards the minimum that holds while no pair crosses the hinge, each item as far as is best.

        Given the other modality's codes every item has a problem of its own, so each has a step of its own.
        """
        items, codes, rows = self.items[modality], self.codes[modality], self.rows[modality]
        others = self.codes[1 - modality] @ (self.similarity.T if modality == 0 else self.similarity)
        others = others[self.rows[1 - modality]] * self.signs[:, None]
        weight = self.config.lambda_pairs * len(items) / len(rows)  # the objective times the number of items
        leads = (codes[rows] * others).sum(dim=1)
        pull = torch.zeros_like(codes).index_add_(0, rows, others * (leads < 1)[:, None]) * weight
        gram, products = self._gram(modality), (items @ self.dictionaries[modality].T.float()).double()
        step = torch.linalg.solve(gram, (products + pull / 2).T).T - codes
        lead_steps = (step[rows] * others).sum(dim=1)
        linear = 2 * (step * (codes @ gram - products)).sum(dim=1)
        quadratic = (step * (step @ gram)).sum(dim=1)
        costs = []
        for share in STEPS:
            hinges = (1 - leads - share * lead_steps).relu() * weight
            cost = share * linear + share**2 * quadratic
            costs.append(cost.index_add(0, rows, hinges))
        best = torch.tensor(STEPS, dtype=torch.float64)[torch.stack(costs).argmin(dim=0)]
        self.codes[modality] = codes + best[:, None] * step

    def update_dictionary(self, modality: int) -> None:
        """Ridge regression of the items on their codes."""
        items, codes = self.items[modality], self.codes[modality]
        penalty = self.config.lambda_dictionary * len(items) * torch.eye(codes.shape[1], dtype=torch.float64)
        products = (codes.T.float() @ items).double()
        self.dictionaries[modality] = torch.linalg.solve(codes.T @ codes + penalty, products)

    def update_similarity(self, n_steps: int = 5) -> None:
        """Subgradient steps on W, each as long as is best of those tried."""
        config = self.config
        sketches, photos = (codes[rows] for codes, rows in zip(self.codes, self.rows, strict=True))
        sketches = sketches * self.signs[:, None]
        lengths = torch.cat([torch.zeros(1), 2.0 ** torch.arange(-8, 9)]).double()
        for _ in range(n_steps):
            leads = ((sketches @ self.similarity) * photos).sum(dim=1)
            active = (leads < 1).double()[:, None]
            step = config.lambda_pairs / len(leads) * sketches.T @ (photos * active)
            step -= 2 * config.lambda_similarity * self.similarity
            lead_steps = ((sketches @ step) * photos).sum(dim=1)
            costs = torch.stack(
                [
                    config.lambda_pairs * (1 - leads - length * lead_steps).relu().mean()
                    + config.lambda_similarity * (self.similarity + length * step).square().sum()
                    for length in lengths
                ]
            )
            self.similarity = self.similarity + lengths[costs.argmin()] * step

    def _gram(self, modality: int) -> Tensor:
        dictionary = self.dictionaries[modality]
        penalty = self.config.lambda_codes * torch.eye(len(dictionary), dtype=torch.float64)
        return dictionary @ dictionary.T + penalty


@register_method(
    MethodCard(
        id="jlse",
        title="JLSE",
        pretraining=(),
        side_information=(),
        input="features",
        distance="cosine",
        fidelity="reimplementation",
        deviations=(
            "The original pairs pictures with class vectors; here sketches are paired with photos, and no "
            "class vector is used.",
            "The hinge is over drawn pairs, half of them of one class, every class as often; pairs are of "
            "classes also where the suite pairs objects.",
            "Codes have no constraint beyond their squared norm, so that those of new items are linear.",
            "Dictionaries have as many atoms as there are seen classes, and start at the class means.",
            "The step sizes, the weights and the number of rounds are chosen here.",
            "At test z_s W and z_x may be compared by cosine, where the original takes the product.",
            "Features are frozen features of the suite's backbone, and centred.",
            "The equations were recalled from the paper's idea, not checked against its text.",
        ),
        paper="Zhang and Saligrama, Zero-shot learning via joint latent similarity embedding",
        year=2016,
        venue="CVPR",
        original_code="unknown",
        code_licence="unknown",
    )
)
class JLSE(LinearMethod):
    """As wide as there are seen classes."""

    Config: ClassVar[Any] = JLSEConfig
    search_space: ClassVar[Mapping[str, SearchRange]] = {
        "distance": DISTANCES,
        "lambda_pairs": SearchRange(low=0.01, high=100.0, log=True),
        "lambda_codes": SearchRange(low=1e-3, high=10.0, log=True),
        "lambda_dictionary": SearchRange(low=1e-5, high=1.0, log=True),
        "lambda_similarity": SearchRange(low=1e-6, high=1.0, log=True),
    }

    def fit(self, seen: SeenData, *, seed: int, progress: FitProgress) -> Self:
        """Alternate for a fixed number of rounds; the seed draws the pairs."""
        sketches, photos = seen.sketches[:].cpu(), seen.photos[:].cpu()
        means = (sketches.mean(dim=0), photos.mean(dim=0))
        model = JointDictionaries(
            self.config,
            (sketches - means[0], photos - means[1]),
            (seen.sketch_labels.cpu(), seen.photo_labels.cpu()),
            n_classes=seen.n_classes,
            seed=seed,
        )
        progress.start(self.config.n_iterations, "round")
        for _ in range(self.config.n_iterations):
            for modality in (0, 1):
                model.update_codes(modality)
                model.update_dictionary(modality)
            model.update_similarity()
            progress.advance()
        self.set_maps((means[0], model.code_map(0) @ model.similarity), (means[1], model.code_map(1)))
        return self
