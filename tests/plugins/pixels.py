"""A backbone without a network: eight by eight pixels as they are."""

from __future__ import annotations

from typing import Any

from benchmark.registry import register_backbone
from datasets.backbones import Backbone, BackboneCard
from datasets.backbones.weights import WeightsFile
from datasets.preprocessing import NORMALISATIONS


@register_backbone
class Pixels(Backbone):
    """Features that no training made."""

    family, layers = "pixels", ("flat",)
    card = BackboneCard(
        "pixels@flat", "Pixels", 192, 8, NORMALISATIONS["unit"], "flat", "nothing", "none", ()
    )

    def weights_file(self) -> WeightsFile:
        """There are none."""
        return WeightsFile(None, "0" * 64, "none", is_published=True)

    def load(self, device: str, normalisation: object) -> Any:
        """Return the pixels in 0..1."""
        return lambda pictures: pictures.float().flatten(1) / 255
