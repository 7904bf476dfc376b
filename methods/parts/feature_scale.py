"""The usual size of a feature's numbers, for networks that mix features with numbers of order 1."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from datasets.seen import Inputs, SeenData


def usual_size(features: Inputs) -> Tensor:
    """Root mean square of all numbers of (n, d) features, a scalar: 1/√d where they have length 1.

    Features divided by it are of order 1, as codes, noise and the outputs of an untrained network are; left
    small, they would hardly be heard beside these.
    """
    size = cast(Tensor, features).square().mean().sqrt()
    return size.clamp_min(1e-12)


class UsualSizes(nn.Module):
    """(B, d) sketches and (B, d) photos -> the same, each in units of the usual size of the seen ones.

    sketch, photo: these sizes, scalars.
    """

    sketch: Tensor
    photo: Tensor

    def __init__(self, seen: SeenData) -> None:
        super().__init__()
        self.register_buffer("sketch", usual_size(seen.sketches))
        self.register_buffer("photo", usual_size(seen.photos))

    def forward(self, sketches: Tensor, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features in these units."""
        return sketches / self.sketch, photos / self.photo
