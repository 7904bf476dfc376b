"""The usual size of a feature's numbers, for networks that mix features with numbers of order 1."""

from __future__ import annotations

from typing import cast

from torch import Tensor

from datasets.seen import Inputs


def usual_size(features: Inputs) -> Tensor:
    """Root mean square of all numbers of (n, d) features, a scalar: 1/√d where they have length 1.

    Features divided by it are of order 1, as codes, noise and the outputs of an untrained network are; left
    small, they would hardly be heard beside these.
    """
    size = cast(Tensor, features).square().mean().sqrt()
    return size.clamp_min(1e-12)
