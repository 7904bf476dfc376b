"""Ridge regression: each modality's features are mapped to the vectors of the class names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from benchmark.registry import register_method
from methods.base import FitProgress, MethodCard, SearchRange, SeenData
from methods.parts.linear import LinearMethod, exact, required_class_vectors


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
class Ridge(LinearMethod):
    """Two regressions, solved in closed form; the embedding is as wide as the class vectors."""

    @dataclass(frozen=True)
    class Config:
        """penalty: for each training item, so that its strength does not depend on their number."""

        distance: str = "cosine"
        penalty: float = 0.01

    search_space: ClassVar[Mapping[str, SearchRange]] = {
        "distance": SearchRange(choices=("euclidean", "cosine")),
        "penalty": SearchRange(low=1e-5, high=1.0, log=True),
    }

    def fit(self, seen: SeenData, *, seed: int, progress: FitProgress) -> Self:
        """Solve both regressions; the seed plays no part. Raises NotRunnable without class vectors."""
        vectors = exact(required_class_vectors(seen))
        self.set_maps(
            self._regression(exact(seen.sketches), vectors[seen.sketch_labels.cpu()]),
            self._regression(exact(seen.photos), vectors[seen.photo_labels.cpu()]),
        )
        return self

    def _regression(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        # Both sides centred: the vectors' mean carries no class, and would draw all cosines together.
        mean = x.mean(dim=0)
        return mean, ridge_weights(x - mean, t - t.mean(dim=0), penalty=self.config.penalty * len(x))
