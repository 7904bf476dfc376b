"""What a method may learn from: tensors of seen classes, and nothing that leads anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor


class Pictures:
    """Pictures in memory that are indexed like a tensor of them.

    Holds (n, 3, H, W) uint8; `pictures[idx]` gives (len(idx), 3, H, W) float32 in 0..1, so that a large set
    never stands in memory as float.
    """

    def __init__(self, pixels: Tensor) -> None:
        if pixels.ndim != 4 or pixels.shape[1] != 3:
            raise ValueError(f"pixels must be (n, 3, H, W) uint8, got shape {tuple(pixels.shape)}")
        self._pixels = pixels

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, idx: Tensor | Sequence[int] | slice) -> Tensor:
        return self._pixels[idx].float() / 255

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, 3, H, W)."""
        return tuple(self._pixels.shape)

    def to(self, device: str) -> Pictures:
        """Return the same pictures on a device."""
        return Pictures(self._pixels.to(device))

    def subset(self, idx: Tensor) -> Pictures:
        """Return a copy of some of the pictures."""
        return Pictures(self._pixels[idx])


N_TEACHER_CLASSES = 1000  # those of ILSVRC-1k

Inputs: TypeAlias = "Tensor | Pictures"
"""(n, d) float32 features, or `Pictures` for a method whose card says `input="images"`."""


@dataclass(eq=False)
class SeenData:
    """The training data of one run: copies of seen items only.

    class_names: C seen classes; labels index into them. sketches, photos: features or pictures.
    sketch_labels, photo_labels: (n,) int64. sketch_instances, photo_instances: (n,) int64, equal for pictures
    of one object, -1 where it is unknown; None where the data set has none. class_vectors: (C, v) float32 of
    length 1; None where some name has no vector. pairs: "class" or "instance", what counts as a positive pair
    in training. validation_classes: the seen classes that `hold_out_validation` sets aside.
    teacher_logits: (n_photos, 1000) float32, what the backbone's published ILSVRC-1k head says of each photo,
    before softmax; teacher_vectors: (1000, v) float32 of length 1, the vectors of that head's labels, in its
    order. Both None for a method whose card does not list "teacher logits".
    n_train_classes: how many classes the method has left itself to train on, for the record.

    Raises ValueError when a label points to no seen class or the parts differ in number, and for a teacher
    without a thousand classes.
    """

    class_names: tuple[str, ...]
    sketches: Inputs
    photos: Inputs
    sketch_labels: Tensor
    photo_labels: Tensor
    sketch_instances: Tensor | None
    photo_instances: Tensor | None
    class_vectors: Tensor | None
    pairs: str
    validation_classes: tuple[int, ...] = ()
    teacher_logits: Tensor | None = None
    teacher_vectors: Tensor | None = None
    n_train_classes: int = field(init=False)

    def __post_init__(self) -> None:
        self.n_train_classes = self.n_classes
        for items, labels in ((self.sketches, self.sketch_labels), (self.photos, self.photo_labels)):
            if len(items) != len(labels):
                raise ValueError(f"{len(items)} items but {len(labels)} labels")
            if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < self.n_classes:
                raise ValueError(
                    f"labels must lie in 0..{self.n_classes - 1}: an item of no seen class is here"
                )
        if self.class_vectors is not None and len(self.class_vectors) != self.n_classes:
            raise ValueError(f"{len(self.class_vectors)} class vectors for {self.n_classes} seen classes")
        _check_shape("teacher_logits", self.teacher_logits, (len(self.photos), N_TEACHER_CLASSES))
        width = None if self.class_vectors is None else self.class_vectors.shape[1]
        _check_shape("teacher_vectors", self.teacher_vectors, (N_TEACHER_CLASSES, width))

    @property
    def n_classes(self) -> int:
        """Number of seen classes."""
        return len(self.class_names)

    def hold_out_validation(self) -> tuple[SeenData, SeenData]:
        """Divide by classes into (training, validation) data, for a method with a stopping rule of its own.

        The record of the run then states the smaller number of training classes, and the table prints it.
        """
        training = [c for c in range(self.n_classes) if c not in self.validation_classes]
        self.n_train_classes = len(training)
        return self._of_classes(training), self._of_classes(list(self.validation_classes))

    def to(self, device: str) -> SeenData:
        """Return the same data on a device."""

        def moved(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.to(device)

        return SeenData(
            class_names=self.class_names,
            sketches=self.sketches.to(device),
            photos=self.photos.to(device),
            sketch_labels=self.sketch_labels.to(device),
            photo_labels=self.photo_labels.to(device),
            sketch_instances=moved(self.sketch_instances),
            photo_instances=moved(self.photo_instances),
            class_vectors=moved(self.class_vectors),
            pairs=self.pairs,
            validation_classes=self.validation_classes,
            teacher_logits=moved(self.teacher_logits),
            teacher_vectors=moved(self.teacher_vectors),
        )

    def _of_classes(self, classes: list[int]) -> SeenData:
        import torch

        new_label = torch.full((self.n_classes,), -1, dtype=torch.int64, device=self.sketch_labels.device)
        new_label[classes] = torch.arange(len(classes), device=new_label.device)
        sketch_idx = (new_label[self.sketch_labels] >= 0).nonzero().squeeze(1)
        photo_idx = (new_label[self.photo_labels] >= 0).nonzero().squeeze(1)
        return SeenData(
            class_names=tuple(self.class_names[c] for c in classes),
            sketches=_take(self.sketches, sketch_idx),
            photos=_take(self.photos, photo_idx),
            sketch_labels=new_label[self.sketch_labels[sketch_idx]],
            photo_labels=new_label[self.photo_labels[photo_idx]],
            sketch_instances=None if self.sketch_instances is None else self.sketch_instances[sketch_idx],
            photo_instances=None if self.photo_instances is None else self.photo_instances[photo_idx],
            class_vectors=None if self.class_vectors is None else self.class_vectors[classes],
            pairs=self.pairs,
            teacher_logits=None if self.teacher_logits is None else self.teacher_logits[photo_idx],
            teacher_vectors=None if self.teacher_vectors is None else self.teacher_vectors.clone(),
        )


def _check_shape(name: str, tensor: Tensor | None, shape: tuple[int, int | None]) -> None:
    """Refuse a tensor that is there and has another shape or type; a None in the shape is any width."""
    if tensor is None:
        return
    fits = tensor.ndim == 2 and tensor.shape[0] == shape[0] and shape[1] in (None, tensor.shape[1])
    if not fits or str(tensor.dtype) != "torch.float32":
        wanted = f"({shape[0]}, {'v' if shape[1] is None else shape[1]})"
        raise ValueError(f"{name} must be {wanted} float32, got {tuple(tensor.shape)} {tensor.dtype}")


def _take(items: Inputs, idx: Tensor) -> Inputs:
    return items.subset(idx) if isinstance(items, Pictures) else items[idx]
