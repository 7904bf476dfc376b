"""Methods whose two embeddings are linear maps, found in closed form or by a few alternating steps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, float32, float64

from benchmark.errors import NotRunnable
from datasets.seen import Inputs, SeenData
from methods.base import FitProgress, RetrievalMethod, SearchRange
from methods.parts.checks import check_choices
from methods.parts.search import DISTANCES


@dataclass(frozen=True)
class LinearConfig:
    """distance: "euclidean" or "cosine", at test. Raises BenchmarkError for another."""

    distance: str = "cosine"

    def __post_init__(self) -> None:
        check_choices(self, {"distance": DISTANCES.choices})


class LinearMethod(RetrievalMethod):
    """Embeds x as (x - mean) W, with a mean and a W for each modality.

    `fit` ends with `set_maps`; the solving itself is done on the CPU in float64 (`exact`), so
    that the result is the same on every device.
    """

    Config: ClassVar[Any] = LinearConfig
    search_space: ClassVar[Mapping[str, SearchRange]] = {"distance": DISTANCES}

    sketch_mean: Tensor
    sketch_weights: Tensor
    photo_mean: Tensor
    photo_weights: Tensor

    def set_maps(self, sketch_map: tuple[Tensor, Tensor], photo_map: tuple[Tensor, Tensor]) -> None:
        """Keep (mean (d,), weights (d, width)) of both modalities, as float32 on the method's device."""
        self.sketch_mean, self.sketch_weights = map(self._kept, sketch_map)
        self.photo_mean, self.photo_weights = map(self._kept, photo_map)

    def embed_sketches(self, batch: Tensor) -> Tensor:
        """(B, d) float32 -> (B, width) float32."""
        return (batch - self.sketch_mean) @ self.sketch_weights

    def embed_photos(self, batch: Tensor) -> Tensor:
        """(B, d) float32 -> (B, width) float32."""
        return (batch - self.photo_mean) @ self.photo_weights

    def _kept(self, part: Tensor) -> Tensor:
        # Contiguous, as a loaded file is: the layout decides the last bits of a product.
        return part.to(self.device, float32).contiguous()


class MapToClassVectors(LinearMethod):
    """Maps each modality on its own to the vectors of its items' classes; as wide as these."""

    def fit(self, seen: SeenData, *, seed: int, progress: FitProgress) -> Self:
        """Find both maps. Raises NotRunnable without class vectors."""
        vectors = exact(required_class_vectors(seen))
        self.set_maps(*(self.linear_map(x, vectors[labels]) for x, labels in exact_modalities(seen)))
        return self

    @abstractmethod
    def linear_map(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """(n, d) features and (n, v) class vectors, float64 -> (d,) mean and (d, v) weights."""


def exact_modalities(seen: SeenData) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """(features, labels) of the sketches and of the photos: (n, d) float64 and (n,) int64 on the CPU."""
    return (
        (exact(seen.sketches), seen.sketch_labels.cpu()),
        (exact(seen.photos), seen.photo_labels.cpu()),
    )


def exact(items: Inputs) -> Tensor:
    """Return (n, d) features as float64 on the CPU."""
    return items[:].to("cpu", float64)


def required_class_vectors(seen: SeenData) -> Tensor:
    """Return the (C, v) float32 class vectors. Raises NotRunnable when a seen class has none."""
    if seen.class_vectors is None:
        raise NotRunnable(
            "needs a vector for the name of every seen class, and at least one has none. "
            "Give vectors for all class names of the data set, or leave this method out."
        )
    return seen.class_vectors


def class_means(items: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """(n, d), (n,) int64 -> (C, d) float64; 0 for a class without items."""
    sums = torch.zeros(n_classes, items.shape[1], dtype=items.dtype).index_add_(0, labels, items)
    return sums.double() / torch.bincount(labels, minlength=n_classes).clamp(min=1)[:, None]
