"""Sketches and photos whose features have different widths, as features made elsewhere may have."""

from __future__ import annotations

from benchmark.errors import NotRunnable
from methods.base import SeenData


def require_one_width(seen: SeenData) -> None:
    """Raise NotRunnable for a method that compares or encodes both modalities' features in one way."""
    n_sketch, n_photo = seen.sketches.shape[1], seen.photos.shape[1]
    if n_sketch != n_photo:
        raise NotRunnable(
            f"needs sketches and photos with features of one width, and these have {n_sketch} and {n_photo}"
        )
