"""One data set under one split: first the seen data, after training the test items, last the answers.

This is the wall. A method is given what `ZeroShotTask.seen` returns, then what `test_items` returns; the
harness alone calls `answers`.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from datasets.arrangement import Arrangement, arrange
from datasets.base import DatasetIndex, Items, Roles
from datasets.class_vectors import ClassVectors
from datasets.preprocessing import DEFAULT, Preprocessing
from datasets.seen import Inputs, Pictures, SeenData
from datasets.settings import ZERO_SHOT, Modality, Terms
from datasets.splits import ZeroShotSplit

if TYPE_CHECKING:
    from torch import Tensor

Phase = Literal["run", "tune"]
FeatureNorm = Literal["centred", "raw"]
_ROWS_AT_ONCE = 4096


class RowSource(Protocol):
    """Where the pictures or features of one modality come from, by row."""

    def rows(self, idx: NDArray[np.int64]) -> NDArray[Any]:
        """Copies of some rows, in the order asked for."""
        ...


@dataclass(frozen=True)
class PictureSource:
    """Decodes pictures when they are asked for. size: edge length in pixels."""

    items: Items
    size: int
    modality: Modality
    preprocessing: Preprocessing = DEFAULT

    def rows(self, idx: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return (n, 3, size, size) uint8."""
        files = [self.items.files[i] for i in idx]
        pictures = self.preprocessing.pictures(files, self.size, self.modality)
        return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))


@dataclass(frozen=True)
class TestItems:
    """Unlabelled test items in a shuffled order, each side of the modality that the direction names."""

    queries: Inputs
    gallery: Inputs


@dataclass(frozen=True)
class Answers:
    """What the harness knows of the test items, in file order; never given to a method.

    queries, gallery: (n,) int64 rows in the data set's items of `modalities`. query_labels, gallery_labels:
    (n,) int64 into the data set's class names. query_is_seen: (Q,) bool, queries of classes that were trained
    on. query_order, gallery_order: (n,) where each row of the shuffled test items belongs:
    `emb_in_file_order[order] = emb_as_embedded`.
    """

    modalities: tuple[Modality, Modality]
    queries: NDArray[np.int64]
    gallery: NDArray[np.int64]
    query_labels: NDArray[np.int64]
    gallery_labels: NDArray[np.int64]
    query_is_seen: NDArray[np.bool_]
    query_order: NDArray[np.int64]
    gallery_order: NDArray[np.int64]


class ZeroShotTask:
    """One data set, split and protocol, in one of two phases.

    phase "run": training on all seen classes, test on the unseen ones. phase "tune": training on the seen
    classes without the validation ones, test on those. feature_norm "centred": the modality's mean over its
    training items is subtracted, then every row gets length 1; "raw": rows as they are. Pictures are never
    normalised. order_key: text from which the order of the test items is drawn; without knowing it, a method
    cannot tell the order of the files, which is that of the classes. class_vectors: what `fit` is given, None
    for nothing; where a training class has no vector, `fit` is given none. with_teacher: give it the vectors
    of the ILSVRC-1k labels too, in the same way. teacher_logits: where logits come from, by the rows of
    photos; given as they are. terms: setting, direction, queries and relevance of the test; phase "tune"
    takes the direction and tests unseen classes alone, whatever the setting.

    Raises BenchmarkError when the split does not fit the data set, when instances are asked for and the data
    set has none, or when a class has no item left.
    """

    def __init__(
        self,
        index: DatasetIndex,
        roles: Roles,
        split: ZeroShotSplit,
        *,
        sketches: RowSource,
        photos: RowSource,
        feature_norm: FeatureNorm = "centred",
        pairs: str = "class",
        phase: Phase = "run",
        order_key: str = "",
        class_vectors: ClassVectors | None = None,
        with_teacher: bool = False,
        teacher_logits: RowSource | None = None,
        terms: Terms = ZERO_SHOT,
    ) -> None:
        split.check_against(index.class_names)
        check_instances(index, pairs=pairs, relevance=terms.relevance)
        self._index, self._roles, self._split = index, roles, split
        self._sources: dict[Modality, RowSource] = {"sketch": sketches, "photo": photos}
        self._feature_norm, self._pairs, self._phase = feature_norm, pairs, phase
        self._order_key, self.class_vectors = order_key, class_vectors
        self._with_teacher, self._teacher_logits = with_teacher, teacher_logits
        self._means: dict[Modality, NDArray[np.float64] | None] | None = None
        self.train_classes, self.test_classes = classes_of(split, index.class_names, phase)
        self.terms = terms_of(terms, phase)

    @functools.cached_property
    def arrangement(self) -> Arrangement:
        """Which rows train, query and are searched; for the harness."""
        return arrange(
            self._index,
            self._roles,
            self._split,
            self.terms,
            train_classes=self.train_classes,
            test_classes=self.test_classes,
        )

    def seen(self) -> SeenData:
        """Build the training data: copies, in file order, of training items of the training classes."""
        import torch

        self._refuse_unseen()
        sketch_rows, photo_rows = self.arrangement.train_sketches, self.arrangement.train_photos
        sketches = self._sources["sketch"].rows(sketch_rows)
        photos = self._sources["photo"].rows(photo_rows)
        self._means = {"sketch": self._mean(sketches), "photo": self._mean(photos)}
        sketch_instances, photo_instances = self._instances(sketch_rows, photo_rows)
        validation = self._split.validation if self._phase == "run" else ()
        logits = None if self._teacher_logits is None else self._teacher_logits.rows(photo_rows)
        return SeenData(
            class_names=self.train_classes,
            sketches=_inputs(self._normalised(sketches, self._means["sketch"])),
            photos=_inputs(self._normalised(photos, self._means["photo"])),
            sketch_labels=torch.from_numpy(self._training_labels(self._index.sketches, sketch_rows)),
            photo_labels=torch.from_numpy(self._training_labels(self._index.photos, photo_rows)),
            sketch_instances=sketch_instances,
            photo_instances=photo_instances,
            class_vectors=self._vectors(),
            pairs=self._pairs,
            validation_classes=tuple(self.train_classes.index(name) for name in validation),
            teacher_logits=None if logits is None else torch.from_numpy(logits).clone(),
            teacher_vectors=self._label_vectors(),
        )

    def test_items(self) -> TestItems:
        """Open the test items, which nothing has read before. `seen` comes first: it fixes the means."""
        if self._means is None:
            raise RuntimeError("test items are normalised with the means of the seen data: call seen() first")
        answers = self.answers()
        query_modality, gallery_modality = answers.modalities
        queries = self._sources[query_modality].rows(answers.queries[answers.query_order])
        gallery = self._sources[gallery_modality].rows(answers.gallery[answers.gallery_order])
        return TestItems(
            queries=_inputs(self._normalised(queries, self._means[query_modality])),
            gallery=_inputs(self._normalised(gallery, self._means[gallery_modality])),
        )

    def answers(self) -> Answers:
        """Return labels and order of the test items, for the harness."""
        query_modality, gallery_modality = self.terms.modalities
        queries, gallery = self.arrangement.queries, self.arrangement.gallery
        key = f"{self._order_key} {self._split.sha256} {self._phase}"
        rng = np.random.default_rng(list(hashlib.sha256(key.encode()).digest()))
        return Answers(
            modalities=self.terms.modalities,
            queries=queries,
            gallery=gallery,
            query_labels=self._index.items(query_modality).labels[queries],
            gallery_labels=self._index.items(gallery_modality).labels[gallery],
            query_is_seen=self.arrangement.query_is_seen,
            query_order=rng.permutation(len(queries)),
            gallery_order=rng.permutation(len(gallery)),
        )

    def _vectors(self) -> Tensor | None:
        import torch

        if self.class_vectors is None or self.class_vectors.missing(self.train_classes):
            return None
        return torch.from_numpy(self.class_vectors.of(self.train_classes)).clone()

    def _label_vectors(self) -> Tensor | None:
        import torch

        if not self._with_teacher or self.class_vectors is None:
            return None
        if self.class_vectors.missing_ilsvrc1k_labels():
            return None
        return torch.from_numpy(self.class_vectors.of_ilsvrc1k_labels()).clone()

    def _refuse_unseen(self) -> None:
        leaked = sorted(set(self.train_classes) & set(self._split.unseen))
        if leaked:
            raise BenchmarkError(f"unseen classes among the training classes: {', '.join(leaked)}")

    def _training_labels(self, items: Items, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        new_label = np.full(len(self._index.class_names), -1, dtype=np.int64)
        new_label[[self._index.class_names.index(name) for name in self.train_classes]] = np.arange(
            len(self.train_classes)
        )
        return new_label[items.labels[rows]]

    def _instances(
        self, sketch_rows: NDArray[np.int64], photo_rows: NDArray[np.int64]
    ) -> tuple[Tensor | None, Tensor | None]:
        import torch

        sketches, photos = self._index.sketches.instances, self._index.photos.instances
        if sketches is None or photos is None:
            return None, None
        # Numbers, not names: an instance name may tell a class.
        names = [sketches[i] for i in sketch_rows] + [photos[i] for i in photo_rows]
        numbered = np.unique(names, return_inverse=True)[1].astype(np.int64)
        numbers = torch.from_numpy(np.where(np.array(names) == "", -1, numbered))
        return numbers[: len(sketch_rows)].clone(), numbers[len(sketch_rows) :].clone()

    def _mean(self, rows: NDArray[Any]) -> NDArray[np.float64] | None:
        if self._feature_norm == "raw" or rows.dtype == np.uint8:
            return None
        return rows.mean(axis=0, dtype=np.float64)  # type: ignore[no-any-return]

    def _normalised(self, rows: NDArray[Any], mean: NDArray[np.float64] | None) -> NDArray[Any]:
        if mean is None:
            return rows
        normalised = np.empty(rows.shape, np.float32)
        for start in range(0, len(rows), _ROWS_AT_ONCE):  # a copy of all rows in float64 is not needed
            centred = rows[start : start + _ROWS_AT_ONCE] - mean
            length = np.linalg.norm(centred, axis=1, keepdims=True)
            normalised[start : start + _ROWS_AT_ONCE] = centred / np.maximum(length, 1e-12)
        return normalised


def classes_of(
    split: ZeroShotSplit, class_names: tuple[str, ...], phase: Phase
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the classes that train and those that are tested in a phase."""
    seen = split.seen(class_names)
    if phase == "run":
        return seen, split.unseen
    return tuple(name for name in seen if name not in split.validation), split.validation


def terms_of(terms: Terms, phase: Phase) -> Terms:
    """Return the terms of a phase: "tune" tests unseen classes alone."""
    return terms if phase == "run" else replace(terms, setting="zs")


def check_instances(index: DatasetIndex, *, pairs: str = "class", relevance: str = "category") -> None:
    """Raise BenchmarkError when instances are asked for, in training or in the test, and there are none."""
    if index.sketches.instances is not None and index.photos.instances is not None:
        return
    for name, value, other in (("pairs", pairs, "class"), ("relevance", relevance, "category")):
        if value == "instance":
            raise BenchmarkError(
                f'{name} = "instance" needs sketches and photos of the same object; this data set has none. '
                f'Use {name} = "{other}".'
            )


def _inputs(rows: NDArray[Any]) -> Inputs:
    import torch

    tensor = torch.from_numpy(rows).clone()
    return Pictures(tensor) if rows.dtype == np.uint8 else tensor
