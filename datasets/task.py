"""One data set under one split: first the seen data, after training the test items, last the answers.

This is the wall. A method is given what `ZeroShotTask.seen` returns, then what `test_items` returns; the
harness alone calls `answers`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from datasets.base import DatasetIndex, Items, Roles
from datasets.class_vectors import class_vectors, missing_vectors
from datasets.pictures import load_pictures
from datasets.seen import Inputs, Pictures, SeenData
from datasets.splits import ZeroShotSplit

if TYPE_CHECKING:
    from torch import Tensor

Phase = Literal["run", "tune"]
FeatureNorm = Literal["centred", "raw"]


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

    def rows(self, idx: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return (n, 3, size, size) uint8."""
        pictures = load_pictures([self.items.files[i] for i in idx], self.size)
        return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))


@dataclass(frozen=True)
class TestItems:
    """Unlabelled test items in a shuffled order. queries are sketches, gallery are photos."""

    queries: Inputs
    gallery: Inputs


@dataclass(frozen=True)
class Answers:
    """What the harness knows of the test items, in file order; never given to a method.

    queries, gallery: (n,) int64 rows in the data set's items. query_labels, gallery_labels: (n,) int64 into
    the data set's class names. query_order, gallery_order: (n,) where each row of the shuffled test items
    belongs: `emb_in_file_order[order] = emb_as_embedded`.
    """

    queries: NDArray[np.int64]
    gallery: NDArray[np.int64]
    query_labels: NDArray[np.int64]
    gallery_labels: NDArray[np.int64]
    query_order: NDArray[np.int64]
    gallery_order: NDArray[np.int64]


class ZeroShotTask:
    """One data set, split and protocol, in one of two phases.

    phase "run": training on all seen classes, test on the unseen ones. phase "tune": training on the seen
    classes without the validation ones, test on those. feature_norm "centred": the modality's mean over its
    training items is subtracted, then every row gets length 1; "raw": rows as they are. Pictures are never
    normalised. order_key: text from which the order of the test items is drawn; without knowing it, a method
    cannot tell the order of the files, which is that of the classes. with_class_vectors: give them to `fit`.

    Raises BenchmarkError when the split does not fit the data set, when `pairs="instance"` and the data set
    has no instances, or when a class has no item left.
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
        with_class_vectors: bool = True,
    ) -> None:
        split.check_against(index.class_names)
        check_pairs(index, pairs)
        self._index, self._roles, self._split = index, roles, split
        self._sketch_source, self._photo_source = sketches, photos
        self._feature_norm, self._pairs, self._phase = feature_norm, pairs, phase
        self._order_key, self._with_class_vectors = order_key, with_class_vectors
        self._means: tuple[NDArray[np.float64] | None, NDArray[np.float64] | None] | None = None
        seen = split.seen(index.class_names)
        if phase == "run":
            self.train_classes, self.test_classes = seen, split.unseen
        else:
            self.train_classes = tuple(name for name in seen if name not in split.validation)
            self.test_classes = split.validation

    def seen(self) -> SeenData:
        """Build the training data: copies, in file order, of training items of the training classes."""
        import torch

        sketch_rows, sketch_labels = self._training_rows(self._index.sketches, self._roles.train_sketches)
        photo_rows, photo_labels = self._training_rows(self._index.photos, self._roles.train_photos)
        sketches, photos = self._sketch_source.rows(sketch_rows), self._photo_source.rows(photo_rows)
        self._means = (self._mean(sketches), self._mean(photos))
        sketch_instances, photo_instances = self._instances(sketch_rows, photo_rows)
        validation = self._split.validation if self._phase == "run" else ()
        vectors = None
        if self._with_class_vectors and not missing_vectors(self.train_classes):
            vectors = torch.from_numpy(class_vectors(self.train_classes)).clone()
        return SeenData(
            class_names=self.train_classes,
            sketches=_inputs(self._normalised(sketches, self._means[0])),
            photos=_inputs(self._normalised(photos, self._means[1])),
            sketch_labels=torch.from_numpy(sketch_labels).clone(),
            photo_labels=torch.from_numpy(photo_labels).clone(),
            sketch_instances=sketch_instances,
            photo_instances=photo_instances,
            class_vectors=vectors,
            pairs=self._pairs,
            validation_classes=tuple(self.train_classes.index(name) for name in validation),
        )

    def test_items(self) -> TestItems:
        """Open the test items, which nothing has read before. `seen` comes first: it fixes the means."""
        if self._means is None:
            raise RuntimeError("test items are normalised with the means of the seen data: call seen() first")
        answers = self.answers()
        queries = self._sketch_source.rows(answers.queries[answers.query_order])
        gallery = self._photo_source.rows(answers.gallery[answers.gallery_order])
        return TestItems(
            queries=_inputs(self._normalised(queries, self._means[0])),
            gallery=_inputs(self._normalised(gallery, self._means[1])),
        )

    def answers(self) -> Answers:
        """Return labels and order of the test items, for the harness."""
        queries = self._rows_of(self._index.sketches, self._roles.queries, self.test_classes)
        gallery = self._rows_of(self._index.photos, self._roles.gallery, self.test_classes)
        key = f"{self._order_key} {self._split.sha256} {self._phase}"
        rng = np.random.default_rng(list(hashlib.sha256(key.encode()).digest()))
        return Answers(
            queries=queries,
            gallery=gallery,
            query_labels=self._index.sketches.labels[queries],
            gallery_labels=self._index.photos.labels[gallery],
            query_order=rng.permutation(len(queries)),
            gallery_order=rng.permutation(len(gallery)),
        )

    def _training_rows(
        self, items: Items, role: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        leaked = sorted(set(self.train_classes) & set(self._split.unseen))
        if leaked:
            raise BenchmarkError(f"unseen classes among the training classes: {', '.join(leaked)}")
        rows = self._rows_of(items, role, self.train_classes)
        new_label = {self._index.class_names.index(name): i for i, name in enumerate(self.train_classes)}
        return rows, np.array([new_label[label] for label in items.labels[rows].tolist()], dtype=np.int64)

    def _rows_of(self, items: Items, role: NDArray[np.bool_], classes: Sequence[str]) -> NDArray[np.int64]:
        wanted = np.isin(items.labels, [self._index.class_names.index(name) for name in classes])
        rows = np.flatnonzero(wanted & role)
        present = {self._index.class_names[label] for label in np.unique(items.labels[rows])}
        empty = [name for name in classes if name not in present]
        if empty:
            raise BenchmarkError(
                f"no usable picture is left in {', '.join(empty)} (split '{self._split.id}'). "
                "Every class of a split needs sketches and photos."
            )
        return rows

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
        centred = rows - mean
        length = np.linalg.norm(centred, axis=1, keepdims=True)
        return np.asarray(centred / np.maximum(length, 1e-12), dtype=np.float32)


def check_pairs(index: DatasetIndex, pairs: str) -> None:
    """Raise BenchmarkError when training by instances is asked for and the data set has none."""
    if pairs == "instance" and (index.sketches.instances is None or index.photos.instances is None):
        raise BenchmarkError(
            'pairs = "instance" needs sketches and photos of the same object; this data set has none. '
            'Use pairs = "class".'
        )


def _inputs(rows: NDArray[Any]) -> Inputs:
    import torch

    tensor = torch.from_numpy(rows).clone()
    return Pictures(tensor) if rows.dtype == np.uint8 else tensor
