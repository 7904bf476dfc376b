"""A zero-shot task without files: generated features and pictures, for checks that take milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.base import DatasetIndex, Items, Roles
from datasets.class_vectors import CLASS_VECTORS, COMMITTED, TEACHER, ClassVectors
from datasets.seen import N_TEACHER_CLASSES
from datasets.settings import ZERO_SHOT, Terms
from datasets.splits import ZeroShotSplit
from datasets.task import Phase, ZeroShotTask
from methods.base import MethodCard

# Classes of emoji54, because methods that use class vectors need names that have one.
TRAINING = (
    "aircraft",
    "award",
    "bag",
    "bird",
    "building",
    "camera",
    "furniture",
    "garment",
    "insect",
    "plant",
)
VALIDATION = ("hand gesture", "lock and key", "mail")
UNSEEN = ("boat", "clock", "fruit", "shoe")
N_SKETCHES, N_PHOTOS = 6, 8
N_FEATURES, PICTURE_SIZE = 32, 16
WIDTH = 16


@dataclass(frozen=True)
class ArraySource:
    """Rows of an array in memory, given out as copies."""

    array: NDArray[Any]

    def rows(self, idx: NDArray[np.int64]) -> NDArray[Any]:
        """Return copies of some rows, in the order asked for."""
        return self.array[idx].copy()


@dataclass(frozen=True)
class TinyWorld:
    """Seventeen classes of six sketches and eight photos, which share six instances a class.

    sketch_features, photo_features: (n, 32) float32. sketch_pictures, photo_pictures: (n, 3, 16, 16) uint8.
    """

    index: DatasetIndex
    roles: Roles
    split: ZeroShotSplit
    sketch_features: NDArray[np.float32]
    photo_features: NDArray[np.float32]
    sketch_pictures: NDArray[np.uint8]
    photo_pictures: NDArray[np.uint8]

    def task(
        self,
        card: MethodCard,
        *,
        phase: Phase = "run",
        pairs: str = "class",
        terms: Terms = ZERO_SHOT,
        class_vectors: ClassVectors = COMMITTED,
    ) -> ZeroShotTask:
        """Return the task of a method with this card."""
        is_pictures = card.input == "images"
        return ZeroShotTask(
            self.index,
            self.roles,
            self.split,
            sketches=ArraySource(self.sketch_pictures if is_pictures else self.sketch_features),
            photos=ArraySource(self.photo_pictures if is_pictures else self.photo_features),
            feature_norm="raw" if card.feature_norm == "raw" else "centred",
            pairs=pairs,
            phase=phase,
            order_key="tiny",
            class_vectors=class_vectors if CLASS_VECTORS in card.side_information else None,
            with_teacher=TEACHER in card.side_information,
            teacher_logits=self._teacher_logits() if TEACHER in card.side_information else None,
            terms=terms,
        )

    def _teacher_logits(self) -> ArraySource:
        """Logits as a linear head on the photos' features has them."""
        width = self.photo_features.shape[1]
        head = np.random.default_rng(0).standard_normal((width, N_TEACHER_CLASSES)).astype(np.float32)
        return ArraySource(self.photo_features @ head)


def make_tiny_world(*, unseen_seed: int = 0) -> TinyWorld:
    """Generate the world, the same at every call; `unseen_seed` changes the unseen classes' items only."""
    class_names = tuple(sorted((*TRAINING, *VALIDATION, *UNSEEN)))
    split = ZeroShotSplit("tiny", "tiny", UNSEEN, VALIDATION, "generated")
    sketches = _items("sketch", class_names, N_SKETCHES)
    photos = _items("photo", class_names, N_PHOTOS)
    sketch_features, photo_features = (
        _features(items, class_names, offset_at=position, unseen_seed=unseen_seed)
        for position, items in enumerate((sketches, photos))
    )
    return TinyWorld(
        index=DatasetIndex(class_names, sketches, photos),
        roles=Roles(*(np.ones(len(items), bool) for items in (sketches, photos, sketches, photos))),
        split=split,
        sketch_features=sketch_features,
        photo_features=photo_features,
        sketch_pictures=_pictures(sketch_features),
        photo_pictures=_pictures(photo_features),
    )


def _items(modality: str, class_names: tuple[str, ...], n_per_class: int) -> Items:
    rows = [(label, i) for label in range(len(class_names)) for i in range(n_per_class)]
    names = tuple(f"{modality}/{class_names[label]}/{i}.png" for label, i in rows)
    return Items(
        files=tuple(Path("tiny", name) for name in names),
        names=names,
        labels=np.array([label for label, _ in rows], dtype=np.int64),
        instances=tuple(f"{class_names[label]}-object-{i % N_SKETCHES}" for label, i in rows),
    )


def _features(
    items: Items, class_names: tuple[str, ...], *, offset_at: int, unseen_seed: int
) -> NDArray[np.float32]:
    """Gaussians around class centres, with a gap between the modalities along one axis each."""
    is_unseen = np.isin(items.labels, [class_names.index(name) for name in UNSEEN])
    noise = np.random.default_rng([offset_at, 1]).standard_normal((len(items), N_FEATURES))
    unseen_noise = np.random.default_rng([offset_at, 2, unseen_seed]).standard_normal(noise.shape)
    noise[is_unseen] = unseen_noise[is_unseen]
    centres = np.random.default_rng(0).standard_normal((len(class_names), N_FEATURES))
    features = centres[items.labels] + 0.7 * noise
    features[:, offset_at] += 4.0
    return features.astype(np.float32)


def _pictures(features: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Lay out each feature vector as a pattern of squares, repeated to fill the picture."""
    values = np.resize(features.T, (3 * (PICTURE_SIZE // 4) ** 2, len(features))).T
    squares = np.clip(128 + 40 * values, 0, 255).astype(np.uint8).reshape(len(features), 3, 4, 4)
    return squares.repeat(PICTURE_SIZE // 4, axis=2).repeat(PICTURE_SIZE // 4, axis=3)
