"""Methods whose two embeddings are linear maps, found in closed form."""

from __future__ import annotations

from torch import Tensor, float32, float64

from benchmark.errors import NotRunnable
from datasets.seen import Inputs, SeenData
from methods.base import RetrievalMethod


class LinearMethod(RetrievalMethod):
    """Embeds x as (x - mean) W, with a mean and a W for each modality.

    `fit` ends with `set_maps`; the solving itself is done on the CPU in float64 (`exact`), so
    that the result is the same on every device.
    """

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
