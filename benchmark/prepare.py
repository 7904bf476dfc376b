"""A suite's data, found, checked and hashed; features on demand."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import metrics
from benchmark.codes.term import Codes
from benchmark.errors import BenchmarkError, NotRunnable
from benchmark.network_features import MODALITIES, NetworkFeatures, Stage
from benchmark.records import Protocol, digest
from benchmark.registry import DATASETS
from benchmark.suite import OF_PICTURES, Suite
from datasets.arrangement import Arrangement, arrange
from datasets.backbones import Backbone, make_backbone
from datasets.backbones.weights import Weights
from datasets.base import DatasetIndex, Items, Progress, Roles, SketchPhotoDataset
from datasets.class_vectors import CLASS_VECTORS, TEACHER, ClassVectors, open_class_vectors
from datasets.content_groups import with_content_groups
from datasets.given import PREPROCESSING as GIVEN
from datasets.preprocessing import preset
from datasets.settings import Modality
from datasets.splits import ZeroShotSplit
from datasets.task import (
    Phase,
    PictureSource,
    RowSource,
    ZeroShotTask,
    check_instances,
    classes_of,
    terms_of,
)
from methods.base import MethodCard


@dataclass(frozen=True)
class Where:
    """Places and machine settings of a call.

    devices: as torch calls them; methods run on the first, extraction and fine-tuning on all. limit: items
    per class, modality and source, 0 for all. may_fetch: whether weights that are not here are fetched.
    """

    cache_dir: Path
    results_dir: Path
    data_root: Path | None = None
    devices: tuple[str, ...] = ("cpu",)
    skip_corrupt: bool = False
    limit: int = 0
    may_fetch: bool = True

    @property
    def device(self) -> str:
        """The device that methods run on."""
        return self.devices[0]

    @property
    def runs_dir(self) -> Path:
        """Where finished runs are kept."""
        return self.results_dir / "runs"


class PreparedData:
    """One data set under a suite's terms: from here runs get their task and their protocol block.

    Making one checks names only; `read` finds the pictures, `prepare_features` computes what is missing. Both
    are called when first needed, and beforehand by whoever wants to show how far they are. alike: the same
    data set under other terms, at the same place, from which pictures and hashes are taken over.
    """

    def __init__(self, suite: Suite, where: Where, *, alike: PreparedData | None = None) -> None:
        self.dataset: SketchPhotoDataset = DATASETS.get(suite.dataset)(
            root=where.data_root, cache_dir=where.cache_dir, skip_corrupt=where.skip_corrupt
        )
        self.suite, self.where = suite, where
        self.terms, self.preprocessing = suite.terms, preset(suite.preprocessing)
        self.codes = Codes(suite.codes, suite.bits)
        self.protocol_name = suite.protocol or self.dataset.card.protocols[0]
        self.dataset.check_protocol(self.protocol_name)
        make_backbone(suite.backbone)  # whose names are checked before anything is read
        self._refuse_terms_of_pictures()
        self.features = NetworkFeatures(self)
        self.is_partial = False
        self._index: DatasetIndex | None = None
        self._digests: dict[Modality, list[str]] = {}
        self._arrangements: dict[tuple[str, Phase], Arrangement] = {}
        self._vectors_sha256: dict[bool, str] = {}
        self._alike = alike

    def _refuse_terms_of_pictures(self) -> None:
        """Where features come with the data, a suite does not say how they are made."""
        for name in OF_PICTURES if self.dataset.brings_features else ():
            if (value := getattr(self.suite, name)) != Suite.model_fields[name].default:
                raise BenchmarkError(
                    f"suite '{self.suite.name}' asks for {name} '{value}', and data set "
                    f"'{self.dataset.card.id}' brings features that were made elsewhere. Leave {name} out."
                )

    @functools.cached_property
    def backbone(self) -> Backbone:
        """The suite's, or what is known of the one behind the features that the data set brings."""
        where = self.where
        weights = Weights(
            self.suite.weights, where.cache_dir / "weights", self.dataset.ledger, where.may_fetch
        )
        return self.dataset.given_features() or make_backbone(self.suite.backbone, weights)

    def read(self, progress: Progress | None = None) -> DatasetIndex:
        """Find, check and hash all pictures; what was hashed once is remembered.

        Raises BenchmarkError for a data set that does not fit the suite.
        """
        if self._index is None:
            found = self._found(progress) if self._alike is None else self._alike.read(progress)
            check_instances(found, pairs=self.suite.pairs, relevance=self.terms.relevance)
            for split in self.splits():
                split.check_against(found.class_names)
            if self._alike is not None:
                self.is_partial, self._digests = self._alike.is_partial, self._alike._digests
            self._index = found
        return self._index

    def _found(self, progress: Progress | None) -> DatasetIndex:
        """Find and hash all pictures, and put together what is the same picture."""
        whole = self.dataset.index(progress)
        index = _limited(whole, self.where.limit) if self.where.limit else whole
        # A limit above every class leaves nothing out: that run is a whole one.
        self.is_partial = len(index.sketches) + len(index.photos) < len(whole.sketches) + len(whole.photos)
        self._digests = {
            modality: self.dataset.digests(index.items(modality), modality, progress)
            for modality in MODALITIES
        }
        return with_content_groups(index, self._digests)

    def digests(self, modality: Modality) -> list[str]:
        """Hex sha256 of every picture's content."""
        self.read()
        return self._digests[modality]

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
        if self._alike is not None:
            return self._alike.file_list_sha256
        rows = []
        for modality in MODALITIES:
            items = self.index.items(modality)
            for name, label, content in zip(items.names, items.labels, self.digests(modality), strict=True):
                rows.append((modality, self.index.class_names[label], name, content))
        return digest(sorted(rows))

    def splits(self) -> tuple[ZeroShotSplit, ...]:
        """Return the suite's splits. Raises BenchmarkError for a name that the data set does not know."""
        known = self.dataset.split_ids()
        if self.suite.splits not in ("all", "default"):
            return tuple(self.dataset.split(split_id) for split_id in self.suite.splits)
        splits = tuple(self.dataset.split(split_id) for split_id in known)
        if self.suite.splits == "all":
            return splits
        first = splits[0]
        return (first, *(split for split in splits[1:] if first.family and split.family == first.family))

    def arrangement(self, split: ZeroShotSplit, phase: Phase = "run") -> Arrangement:
        """Return which items of a run train and are tested; neither picture nor feature is needed for it."""
        if (split.id, phase) not in self._arrangements:
            train_classes, test_classes = classes_of(split, self.index.class_names, phase)
            self._arrangements[split.id, phase] = arrange(
                self.index,
                self.roles,
                split,
                terms_of(self.terms, phase),
                train_classes=train_classes,
                test_classes=test_classes,
            )
        return self._arrangements[split.id, phase]

    def protocol(self, split: ZeroShotSplit) -> Protocol:
        """Return what makes a number on this split comparable."""
        return Protocol(
            dataset=self.dataset.id,
            protocol=self.protocol_name,
            file_list_sha256=self.file_list_sha256,
            split=split.id,
            split_sha256=split.sha256,
            setting=self.terms.setting,
            direction=self.terms.direction,
            queries=self.terms.queries_name,
            relevance=self.terms.relevance,
            exclusions=self.terms.exclusions,
            preprocessing=GIVEN if self.dataset.brings_features else str(self.preprocessing),
            feature_norm=self.suite.feature_norm,
            pairs=self.suite.pairs,
            width=self.suite.width,
            codes=str(self.codes),
            ties="expected",
            metric_engine=metrics.ENGINE_VERSION,
        )

    def task(
        self,
        split: ZeroShotSplit,
        card: MethodCard,
        *,
        phase: Phase = "run",
        is_finetuned: bool | None = None,
    ) -> ZeroShotTask:
        """Return the task of a method with this card.

        is_finetuned: whether features are read after fine-tuning; None for what the suite says.
        """
        if is_finetuned is None:
            is_finetuned = self.suite.finetune == "seen"
        sketches, photos = self._sources(card, split, phase, is_finetuned)
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
            class_vectors=self.class_vectors if CLASS_VECTORS in card.side_information else None,
            with_teacher=TEACHER in card.side_information,
            teacher_logits=self._teacher_logits(card, split),
            terms=self.terms,
        )

    def _teacher_logits(self, card: MethodCard, split: ZeroShotSplit) -> RowSource | None:
        if TEACHER not in card.side_information:
            return None
        logits = self.features.teacher_logits(split, _unseen_stage)
        if logits is None:
            raise NotRunnable(
                "needs the logits of a published ILSVRC-1k classifier, and backbone "
                f"'{self.backbone.card.id}' with these weights has none at the layer it is read at"
            )
        return logits

    def class_vectors_sha256(self, card: MethodCard) -> str | None:
        """Return the hash of the class vectors that a method with this card is given, None for none.

        Those of all the data set's classes count, so that it is one hash for all splits.
        """
        if CLASS_VECTORS not in card.side_information:
            return None
        with_labels = TEACHER in card.side_information
        if with_labels not in self._vectors_sha256:
            self._vectors_sha256[with_labels] = self.class_vectors.sha256(
                self.index.class_names, with_labels=with_labels
            )
        return self._vectors_sha256[with_labels]

    @functools.cached_property
    def class_vectors(self) -> ClassVectors:
        """The suite's class vectors. Raises BenchmarkError for a file that is missing or of no known form."""
        if self._alike is not None and self._alike.suite.class_vectors == self.suite.class_vectors:
            return self._alike.class_vectors  # with the words that it has read
        return open_class_vectors(self.suite.class_vectors)

    def is_own_file(self, path: Path) -> bool:
        """Whether a file is an item of the data set or kept by the harness: runs know the hashes of these."""
        kept = (self.where.cache_dir.resolve(), self.where.results_dir.resolve())
        return path in self._item_files or any(path.resolve().is_relative_to(folder) for folder in kept)

    @functools.cached_property
    def _item_files(self) -> frozenset[Path]:
        items = (self.index.items(modality) for modality in MODALITIES)
        return frozenset(Path(os.path.abspath(path)) for own in items for path in own.files)  # noqa: PTH100

    def prepare_features(
        self, split: ZeroShotSplit, *, phase: Phase = "run", is_finetuned: bool = False, stage: Stage
    ) -> None:
        """Fine-tune and extract what is missing for the runs on a split, shown as stages."""
        self.features.of(split, phase, is_finetuned=is_finetuned, stage=stage)

    def _sources(
        self, card: MethodCard, split: ZeroShotSplit, phase: Phase, is_finetuned: bool
    ) -> tuple[RowSource, RowSource]:
        if card.input == "images" and not self.index.has_pictures:
            raise NotRunnable(f"needs pictures, and data set '{self.dataset.id}' holds features alone")
        if card.input == "images":
            size = self.backbone.card.image_size
            sketches, photos = (
                PictureSource(self.index.items(modality), size, modality, self.preprocessing)
                for modality in MODALITIES
            )
            return sketches, photos
        return self.features.of(split, phase, is_finetuned=is_finetuned, stage=_unseen_stage)


@contextlib.contextmanager
def _unseen_stage(_: str) -> Iterator[Progress]:
    yield lambda done, total: None


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

    def take(column: Sequence[str] | None) -> tuple[str, ...] | None:
        return None if column is None else tuple(column[i] for i in kept)

    return Items(
        files=tuple(items.files[i] for i in kept),
        names=tuple(items.names[i] for i in kept),
        labels=items.labels[kept],
        instances=take(items.instances),
        groups=take(items.groups),
        sources=take(items.sources),
    )
