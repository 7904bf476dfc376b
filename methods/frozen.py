"""Frozen features: what the backbone knows before anything is learnt from sketches."""

from __future__ import annotations

from typing import Self

from torch import Tensor

from benchmark.registry import register_method
from methods.base import FitProgress, MethodCard, RetrievalMethod, SeenData
from methods.parts.widths import require_one_width


@register_method(
    MethodCard(
        id="frozen",
        title="Frozen features",
        pretraining=(),
        side_information=(),
        input="features",
        distance="cosine",
        fidelity="baseline",
        deviations=(),
        feature_norm="raw",
        is_random=False,
    )
)
class Frozen(RetrievalMethod):
    """The backbone's features as they are, compared by cosine."""

    def fit(self, seen: SeenData, *, seed: int, progress: FitProgress) -> Self:
        """Nothing to learn. Raises NotRunnable where the widths differ."""
        require_one_width(seen)
        return self

    def embed_sketches(self, batch: Tensor) -> Tensor:
        """(B, d) float32 -> the same."""
        return batch

    def embed_photos(self, batch: Tensor) -> Tensor:
        """(B, d) float32 -> the same."""
        return batch
