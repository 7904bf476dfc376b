"""Ridge regression: each modality's features are mapped to the vectors of the class names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from benchmark.registry import register_method
from methods.base import MethodCard, SearchRange
from methods.parts.linear import LinearConfig, MapToClassVectors
from methods.parts.search import DISTANCES


def ridge_weights(x: Tensor, t: Tensor, *, penalty: float) -> Tensor:
    """Minimise ‖XW - T‖² + penalty ‖W‖²: (n, d), (n, v) float64 -> W (d, v).

    The normal equations (XᵀX + penalty I) W = XᵀT (Hoerl and Kennard, Technometrics 1970).
    """
    gram = x.T @ x + penalty * torch.eye(x.shape[1], dtype=x.dtype)
    weights: Tensor = torch.linalg.solve(gram, x.T @ t)
    return weights


@register_method(
    MethodCard(
        id="ridge",
        title="Ridge to class vectors",
        pretraining=(),
        side_information=("class vectors",),
        input="features",
        distance="cosine",
        fidelity="baseline",
        deviations=(),
        is_random=False,
        paper="Hoerl and Kennard, Ridge regression: biased estimation for nonorthogonal problems",
        year=1970,
        venue="Technometrics",
    )
)
class Ridge(MapToClassVectors):
    """Two regressions, solved in closed form."""

    @dataclass(frozen=True)
    class Config(LinearConfig):
        """penalty: for each training item, so that its strength does not depend on their number."""

        penalty: float = 0.01

    search_space: ClassVar[Mapping[str, SearchRange]] = {
        "distance": DISTANCES,
        "penalty": SearchRange(low=1e-5, high=1.0, log=True),
    }

    def linear_map(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Centre both sides: the vectors' mean carries no class, and would draw all cosines together."""
        mean = x.mean(dim=0)
        return mean, ridge_weights(x - mean, t - t.mean(dim=0), penalty=self.config.penalty * len(x))
