"""Orthogonal Procrustes: sketches are turned until they lie as near as possible to their photos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from benchmark.registry import register_method
from methods.base import FitProgress, MethodCard, SearchRange, SeenData
from methods.parts.checks import check_positive
from methods.parts.linear import LinearConfig, LinearMethod, exact
from methods.parts.pair_moments import pair_moments
from methods.parts.pairs import pair_groups
from methods.parts.search import DISTANCES
from methods.parts.widths import require_one_width


def nearest_rotation(covariance: Tensor, *, identity_weight: float) -> Tensor:
    """Minimise E‖Rᵀx - y‖² / σ + weight ‖R - I‖² over orthogonal R, with covariance E[x yᵀ] (d, d) float64.

    σ is the largest singular value of the covariance. R maximises tr Rᵀ(E[x yᵀ] / σ + weight I), so it is
    U Vᵀ of that matrix's singular value decomposition (Schönemann, Psychometrika 1966). Without a weight, R
    would be arbitrary where pairs have no covariance, and pairs of C classes have it in C - 1 directions.
    """
    scale = torch.linalg.matrix_norm(covariance, 2).clamp_min(torch.finfo(covariance.dtype).tiny)
    matrix = covariance / scale + identity_weight * torch.eye(len(covariance), dtype=covariance.dtype)
    left, _, right = torch.linalg.svd(matrix)
    rotation: Tensor = left @ right
    return rotation


@register_method(
    MethodCard(
        id="procrustes",
        title="Orthogonal Procrustes",
        pretraining=(),
        side_information=(),
        input="features",
        distance="cosine",
        fidelity="baseline",
        deviations=(
            "Pairs are all sketches and photos of one class, or of one object where the suite pairs objects.",
            "A weight on the identity fixes the rotation where pairs have no covariance; as it grows, the "
            "method becomes `centred`.",
        ),
        is_random=False,
        paper="Schönemann, A generalized solution of the orthogonal Procrustes problem",
        year=1966,
        venue="Psychometrika",
    )
)
class Procrustes(LinearMethod):
    """One rotation of the centred sketches; photos are centred and stay as they are."""

    @dataclass(frozen=True)
    class Config(LinearConfig):
        """identity_weight: what keeps the rotation near the identity; above 0."""

        identity_weight: float = 0.1

        def __post_init__(self) -> None:
            super().__post_init__()
            check_positive(self, ("identity_weight",))

    search_space: ClassVar[Mapping[str, SearchRange]] = {
        "distance": DISTANCES,
        "identity_weight": SearchRange(low=0.001, high=10.0, log=True),
    }

    def fit(self, seen: SeenData, *, seed: int, progress: FitProgress) -> Self:
        """Solve in closed form. Raises NotRunnable where the modalities' widths differ."""
        require_one_width(seen)
        moments = pair_moments(exact(seen.sketches), exact(seen.photos), *pair_groups(seen))
        rotation = nearest_rotation(moments.xy, identity_weight=self.config.identity_weight)
        unturned = torch.eye(len(rotation), dtype=rotation.dtype)
        self.set_maps((moments.x_mean, rotation), (moments.y_mean, unturned))
        return self
