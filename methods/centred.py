"""Centred features: frozen features without the part that only says "sketch" or "photo"."""

from __future__ import annotations

from typing import Self

from torch import Tensor

from benchmark.registry import register_method
from methods.base import FitProgress, MethodCard, RetrievalMethod, SeenData
from methods.parts.widths import require_one_width


@register_method(
    MethodCard(
        id="centred",
        title="Centred features",
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
class Centred(RetrievalMethod):
    """Each modality's mean over its seen training items is subtracted, then cosine.

    It asks for raw features and centres them itself, so that its row is the same in every suite.
    """

    sketch_mean: Tensor
    photo_mean: Tensor

    def fit(self, seen: SeenData, *, seed: int, progress: FitProgress) -> Self:
        """Take the two means. They are summed in float64, so that the order of the items hardly matters.

        Raises NotRunnable where the widths differ.
        """
        require_one_width(seen)
        self.sketch_mean = seen.sketches[:].double().mean(dim=0).float()
        self.photo_mean = seen.photos[:].double().mean(dim=0).float()
        return self

    def embed_sketches(self, batch: Tensor) -> Tensor:
        """(B, d) float32 -> (B, d) float32."""
        return batch - self.sketch_mean

    def embed_photos(self, batch: Tensor) -> Tensor:
        """(B, d) float32 -> (B, d) float32."""
        return batch - self.photo_mean
