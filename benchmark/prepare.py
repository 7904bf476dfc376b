"""A suite's data, found, checked and hashed; features on demand."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import metrics
from benchmark.codes.term import Codes
from benchmark.records import Protocol, digest
from benchmark.registry import BACKBONES, DATASETS
from benchmark.suite import Suite
from datasets.backbones import Backbone
from datasets.base import DatasetIndex, Items, Progress, Roles, SketchPhotoDataset
from datasets.class_vectors import CLASS_VECTORS, vectors_sha256
from datasets.features import Features, extract
from datasets.pictures import content_digest
from datasets.splits import ZeroShotSplit
from datasets.task import Phase, PictureSource, RowSource, ZeroShotTask, check_pairs
from methods.base import MethodCard

PREPROCESSING = "RGB on white, stretched to a square, bicubic; sketches as drawn"


@dataclass(frozen=True)
class Where:
    """Places and machine settings of a call. limit: items per class, modality and source, 0 for all."""

    cache_dir: Path
    results_dir: Path
    data_root: Path | None = None
    device: str = "cpu"
    skip_corrupt: bool = False
    limit: int = 0

    @property
    def runs_dir(self) -> Path:
        """Where finished runs are kept."""
        return self.results_dir / "runs"


class PreparedData:
    """One data set under a suite's terms: from here runs get their task and their protocol block.

    Making one checks names only; `read` finds the pictures, `extract_features` computes what is missing.
    Both are called when first needed, and beforehand by whoever wants to show how far they are.
    """

    def __init__(self, suite: Suite, where: Where) -> None:
        self.dataset: SketchPhotoDataset = DATASETS.get(suite.dataset)(
            root=where.data_root, cache_dir=where.cache_dir, skip_corrupt=where.skip_corrupt
        )
        self.suite, self.where = suite, where
        self.codes = Codes(suite.codes, suite.bits)
        self.protocol_name = suite.protocol or self.dataset.card.protocols[0]
        self.dataset.check_protocol(self.protocol_name)
        self.backbone: Backbone = BACKBONES.get(suite.backbone)()
        self.is_partial = False
        self._index: DatasetIndex | None = None
        self._features: tuple[Features, Features] | None = None

    def read(self, progress: Progress | None = None) -> DatasetIndex:
        """Find and check all pictures. Raises BenchmarkError for a data set that does not fit the suite."""
        if self._index is None:
            index = self.dataset.index(progress)
            self._index = _limited(index, self.where.limit) if self.where.limit else index
            # A limit above every class leaves nothing out: that run is a whole one.
            self.is_partial = len(self._index.sketches) + len(self._index.photos) < (
                len(index.sketches) + len(index.photos)
            )
            check_pairs(self._index, self.suite.pairs)
            for split in self.splits():
                split.check_against(self._index.class_names)
        return self._index

    @property
    def index(self) -> DatasetIndex:
        """All pictures."""
        return self.read()

    @functools.cached_property
    def roles(self) -> Roles:
        """Which pictures may do what under the suite's protocol."""
        return self.dataset.roles(self.index, self.protocol_name)

    @functools.cached_property
    def file_list_sha256(self) -> str:
        """Hash over class, name and content of every picture, after what was left out."""
        return _file_list_sha256(self.index)

    def splits(self) -> tuple[ZeroShotSplit, ...]:
        """Return the suite's splits. Raises BenchmarkError for a name that the data set does not know."""
        wanted = self.dataset.split_ids() if self.suite.splits == "all" else self.suite.splits
        return tuple(self.dataset.split(split_id) for split_id in wanted)

    def protocol(self, split: ZeroShotSplit) -> Protocol:
        """Return what makes a number on this split comparable."""
        return Protocol(
            dataset=self.dataset.id,
            protocol=self.protocol_name,
            file_list_sha256=self.file_list_sha256,
            split=split.id,
            split_sha256=split.sha256,
            setting="zs",
            direction="sketch2photo",
            relevance="category",
            exclusions="none",
            preprocessing=PREPROCESSING,
            feature_norm=self.suite.feature_norm,
            pairs=self.suite.pairs,
            width=self.suite.width,
            codes=str(self.codes),
            ties="expected",
            metric_engine=metrics.ENGINE_VERSION,
        )

    def task(self, split: ZeroShotSplit, card: MethodCard, *, phase: Phase = "run") -> ZeroShotTask:
        """Return the task of a method with this card. `extract_features` comes first where it needs them."""
        sketches, photos = self._sources(card)
        return ZeroShotTask(
            self.index,
            self.roles,
            split,
            sketches=sketches,
            photos=photos,
            feature_norm="raw" if card.feature_norm == "raw" else self.suite.feature_norm,
            pairs=self.suite.pairs,
            phase=phase,
            order_key=self.file_list_sha256,
            with_class_vectors=CLASS_VECTORS in card.side_information,
        )

    def class_vectors_sha256(self, card: MethodCard) -> str | None:
        """Return the hash of the class vectors that a method with this card is given."""
        return vectors_sha256() if CLASS_VECTORS in card.side_information else None

    def extract_features(self, progress: Progress | None = None) -> None:
        """Read or compute the features of all pictures, sketches first."""
        if self._features is not None:
            return
        n_sketches, n_photos = len(self.index.sketches), len(self.index.photos)

        def extracted(items: Items, n_before: int) -> Features:
            return extract(
                items.files,
                self.backbone,
                cache_dir=self.where.cache_dir,
                device=self.where.device,
                progress=progress and (lambda done, _: progress(n_before + done, n_sketches + n_photos)),
            )

        self._features = (extracted(self.index.sketches, 0), extracted(self.index.photos, n_sketches))

    def _sources(self, card: MethodCard) -> tuple[RowSource, RowSource]:
        if card.input == "images":
            size = self.backbone.card.image_size
            return PictureSource(self.index.sketches, size), PictureSource(self.index.photos, size)
        if self._features is None:
            self.extract_features()
        assert self._features is not None
        return self._features


def _file_list_sha256(index: DatasetIndex) -> str:
    rows = []
    for modality, items in (("sketch", index.sketches), ("photo", index.photos)):
        digests = content_digest(items.files)
        for name, label, content in zip(items.names, items.labels, digests, strict=True):
            rows.append((modality, index.class_names[label], name, content))
    return digest(sorted(rows))


def _limited(index: DatasetIndex, n_per_class: int) -> DatasetIndex:
    return replace(
        index,
        sketches=_first_of_each_kind(index.sketches, n_per_class),
        photos=_first_of_each_kind(index.photos, n_per_class),
    )


def _first_of_each_kind(items: Items, n_per_class: int) -> Items:
    # Of each class and source: a protocol may ask for one source alone.
    sources = np.array(items.sources or [""] * len(items))
    kinds = np.unique(np.stack([items.labels.astype(str), sources]), axis=1, return_inverse=True)[1].ravel()
    kept = np.sort(np.concatenate([np.flatnonzero(kinds == kind)[:n_per_class] for kind in np.unique(kinds)]))

    def take(column: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if column is None else tuple(column[i] for i in kept)

    return Items(
        files=tuple(items.files[i] for i in kept),
        names=tuple(items.names[i] for i in kept),
        labels=items.labels[kept],
        instances=take(items.instances),
        groups=take(items.groups),
        sources=take(items.sources),
    )
