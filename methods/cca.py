"""Canonical correlation analysis: the linear maps under which paired sketches and photos correlate most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from benchmark.registry import register_method
from methods.base import FitProgress, MethodCard, SearchRange, SeenData
from methods.parts.cca import canonical_directions, principal_directions
from methods.parts.linear import LinearConfig, LinearMethod, exact
from methods.parts.pair_moments import pair_moments
from methods.parts.pairs import pair_groups
from methods.parts.search import DISTANCES


@register_method(
    MethodCard(
        id="cca",
        title="CCA",
        pretraining=(),
        side_information=(),
        input="features",
        distance="cosine",
        fidelity="baseline",
        deviations=(
            "Pairs are all sketches and photos of one class, or of one object where the suite pairs objects.",
            "Features are reduced by PCA in each modality, and both covariances carry a ridge.",
            "Directions without any correlation are dropped, so class pairs of C classes give at most C - 1.",
        ),
        width="free",
        is_random=False,
        paper="Hotelling, Relations between two sets of variates",
        year=1936,
        venue="Biometrika",
    )
)
class CCA(LinearMethod):
    """PCA in each modality, then ridge-regularised CCA."""

    @dataclass(frozen=True)
    class Config(LinearConfig):
        """n_components: PCA directions kept. ridge: share of the total variance that is added to each."""

        width: int = 64
        n_components: int = 100
        ridge: float = 0.05

    search_space: ClassVar[Mapping[str, SearchRange]] = {
        "distance": DISTANCES,
        "n_components": SearchRange(choices=(50, 100, 200, 400)),
        "ridge": SearchRange(low=1e-4, high=1.0, log=True),
    }

    def fit(self, seen: SeenData, *, seed: int, progress: FitProgress) -> Self:
        """Solve in closed form; the seed plays no part."""
        sketches, photos = exact(seen.sketches), exact(seen.photos)
        sketch_pca = principal_directions(sketches, self.config.n_components)
        photo_pca = principal_directions(photos, self.config.n_components)
        sketch_groups, photo_groups = pair_groups(seen)
        moments = pair_moments(sketches @ sketch_pca, photos @ photo_pca, sketch_groups, photo_groups)
        sketch_directions, photo_directions, _ = canonical_directions(
            moments, width=self.config.width, ridge=self.config.ridge
        )
        # The means are carried back from the PCA space; what that loses is lost in the projection too.
        self.set_maps(
            (sketch_pca @ moments.x_mean, sketch_pca @ sketch_directions),
            (photo_pca @ moments.y_mean, photo_pca @ photo_directions),
        )
        return self
