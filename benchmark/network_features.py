"""Features of a suite's pictures: of the backbone as it is, or fine-tuned on the seen classes of a split."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from datasets.backbones import Backbone
from datasets.backbones.network import NetworkBackbone
from datasets.base import Progress
from datasets.features import Features, extract
from datasets.finetuning.finetuned import FineTuning
from datasets.finetuning.items import TrainingItems
from datasets.settings import PLURALS, Modality
from datasets.splits import ZeroShotSplit
from datasets.task import Phase, RowSource, classes_of

if TYPE_CHECKING:
    from benchmark.prepare import PreparedData

MODALITIES: tuple[Modality, ...] = get_args(Modality)
Stage = Callable[[str], AbstractContextManager[Progress]]
"""Shows long work: a title in, a progress callback out (`SuiteDisplay.stage`)."""


@dataclass(frozen=True)
class LogitsOf:
    """Logits by row: what a linear head says of features. weight: (1000, d), bias: (1000,) float32."""

    features: RowSource
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def rows(self, idx: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return (len(idx), 1000) float32."""
        logits: NDArray[np.float32] = self.features.rows(idx) @ self.weight.T + self.bias
        return logits


def require_trainable(backbone: Backbone) -> NetworkBackbone:
    """Return a backbone that can be fine-tuned. Raises BenchmarkError for another."""
    if isinstance(backbone, NetworkBackbone):
        return backbone
    raise BenchmarkError(
        f"backbone '{backbone.card.id}' cannot be fine-tuned: it is no network of torch. Leave --finetune "
        "out, or choose another one (`list backbones`)."
    )


class NetworkFeatures:
    """Features of one data set's pictures, computed when first needed and kept.

    What is fine-tuned depends on the seen classes: on the split, and on the phase, which may hold some back.
    """

    def __init__(self, data: PreparedData) -> None:
        self._data = data
        self._fine_tunings: dict[tuple[str, Phase], dict[Modality, FineTuning]] = {}
        self._kept: dict[tuple[str, ...], tuple[RowSource, RowSource]] = {}

    def fine_tunings(self, split: ZeroShotSplit, phase: Phase = "run") -> dict[Modality, FineTuning]:
        """Return what is to be fine-tuned for a split, by modality. Trains nothing.

        Raises BenchmarkError for a backbone that cannot be trained.
        """
        if (split.id, phase) not in self._fine_tunings:
            self._fine_tunings[split.id, phase] = self._planned(split, phase)
        return self._fine_tunings[split.id, phase]

    def _planned(self, split: ZeroShotSplit, phase: Phase) -> dict[Modality, FineTuning]:
        data, backbone = self._data, require_trainable(self._data.backbone)
        arrangement = data.arrangement(split, phase)
        train_classes, _ = classes_of(split, data.index.class_names, phase)
        rows = {"sketch": arrangement.train_sketches, "photo": arrangement.train_photos}
        return {
            modality: FineTuning(
                backbone=backbone,
                items=self._training_items(modality, rows[modality], train_classes),
                recipe=data.suite.finetuning,
                modality=modality,
                preprocessing=data.preprocessing,
                cache_dir=data.where.cache_dir,
            )
            for modality in MODALITIES
        }

    def of(
        self, split: ZeroShotSplit, phase: Phase, *, is_finetuned: bool, stage: Stage
    ) -> tuple[RowSource, RowSource]:
        """Return the features of sketches and photos, fine-tuning and extracting what is missing."""
        key = (split.id, phase) if is_finetuned else ()
        if (given := self._data.dataset.given_features()) is not None:
            sketches, photos = (given.source(self._data.index.items(own), own) for own in MODALITIES)
            return sketches, photos
        if key not in self._kept:
            of_modality = dict.fromkeys(MODALITIES, self._data.backbone)
            if is_finetuned:
                of_modality = self._fine_tuned(split, phase, stage)
            of_split = f" of {split.id}" if is_finetuned else ""
            with stage(f"extracting features{of_split}") as progress:
                self._kept[key] = self._extracted(of_modality, progress)
        return self._kept[key]

    def teacher_logits(self, split: ZeroShotSplit, stage: Stage) -> LogitsOf | None:
        """Return the logits of the published ILSVRC-1k head on the photos; None where the backbone has none.

        Of the backbone as it was published, whether or not features are read after fine-tuning.
        """
        if self._head is None:
            return None
        _, photos = self.of(split, "run", is_finetuned=False, stage=stage)
        return LogitsOf(photos, *self._head)

    @functools.cached_property
    def _head(self) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Weight and bias of the published head, read once: the whole network is built for them."""
        head = self._data.backbone.head()
        return None if head is None else (head[0].numpy(), head[1].numpy())

    def _fine_tuned(self, split: ZeroShotSplit, phase: Phase, stage: Stage) -> dict[Modality, Backbone]:
        found: dict[Modality, Backbone] = {}
        for modality, fine_tuning in self.fine_tunings(split, phase).items():
            with stage(f"fine-tuning on {PLURALS[modality]}, {split.id}") as progress:
                found[modality] = fine_tuning.run(self._data.where.devices, progress)
        return found

    def _extracted(
        self, of_modality: dict[Modality, Backbone], progress: Progress
    ) -> tuple[Features, Features]:
        data = self._data
        n_sketches, n_photos = (len(set(data.digests(modality))) for modality in MODALITIES)

        def extracted(modality: Modality, n_before: int) -> Features:
            return extract(
                data.index.items(modality).files,
                data.digests(modality),
                of_modality[modality],
                modality=modality,
                preprocessing=data.preprocessing,
                cache_dir=data.where.cache_dir,
                devices=data.where.devices,
                progress=lambda done, _: progress(n_before + done, n_sketches + n_photos),
            )

        return extracted("sketch", 0), extracted("photo", n_sketches)

    def _training_items(
        self, modality: Modality, rows: NDArray[np.int64], train_classes: tuple[str, ...]
    ) -> TrainingItems:
        data = self._data
        items, digests = data.index.items(modality), data.digests(modality)
        names = data.index.class_names
        new_label = np.array([train_classes.index(name) if name in train_classes else -1 for name in names])
        return TrainingItems(
            files=[items.files[i] for i in rows],
            digests=[digests[i] for i in rows],
            labels=new_label[items.labels[rows]],
            n_classes=len(train_classes),
        )
