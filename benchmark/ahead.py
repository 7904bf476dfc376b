"""Features extracted ahead of the runs that will read them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmark.display import SuiteDisplay
from benchmark.errors import BenchmarkError
from benchmark.network_features import MODALITIES
from benchmark.prepare import PreparedData, Where
from benchmark.suite import Suite
from datasets.features import n_missing


@dataclass(frozen=True)
class Extracted:
    """One backbone on one data set. n_pictures: different ones. n_extracted: what the cache did not hold."""

    dataset: str
    backbone: str
    dim: int
    n_pictures: int
    n_extracted: int
    seconds: float

    @property
    def mib(self) -> float:
        """Size of the features on the disk."""
        return self.n_pictures * self.dim * 4 / 2**20


def extract_ahead(suites: Sequence[Suite], where: Where, display: SuiteDisplay) -> Iterator[Extracted]:
    """Extract the features of every suite's data set with its backbone, one after the other.

    Raises BenchmarkError, before the first picture is read, for a name that is not known, weights that cannot
    be reached, and a data set that brings features.
    """
    prepared: list[PreparedData] = []
    for suite in suites:
        alike = next((data for data in prepared if data.suite.dataset == suite.dataset), None)
        data = PreparedData(suite, where, alike=alike)
        if data.dataset.brings_features:
            raise BenchmarkError(f"data set '{suite.dataset}' brings features: there is nothing to extract.")
        data.backbone.weights_sha256()
        prepared.append(data)
    for data in prepared:
        with display.stage(f"preparing pictures of {data.dataset.id}") as progress:
            data.read(progress)
        missing = sum(
            n_missing(
                data.digests(modality),
                data.backbone,
                modality=modality,
                preprocessing=data.preprocessing,
                cache_dir=where.cache_dir,
            )
            for modality in MODALITIES
        )
        start = time.perf_counter()
        data.prepare_features(data.splits()[0], stage=display.stage)
        yield Extracted(
            dataset=data.dataset.id,
            backbone=data.backbone.card.id,
            dim=data.backbone.card.dim,
            n_pictures=sum(len(set(data.digests(modality))) for modality in MODALITIES),
            n_extracted=missing,
            seconds=time.perf_counter() - start,
        )
