"""Which sketches and photos are drawn together in training: positive pairs and their negatives."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.errors import BenchmarkError
from datasets.seen import SeenData


@dataclass(frozen=True)
class PairBatch:
    """B positive pairs and a negative of each side.

    sketches[i] and photos[i] belong together: (B, d). labels: (B,) int64, their class. negative_photos[i] is
    of another class than sketches[i], negative_sketches[i] of another than photos[i].
    """

    sketches: Tensor
    photos: Tensor
    labels: Tensor
    negative_sketches: Tensor
    negative_photos: Tensor


@dataclass(frozen=True)
class PairIndices:
    """Rows of a `PairBatch` in the seen data; all (B,) int64 on the CPU."""

    sketches: Tensor
    photos: Tensor
    negative_sketches: Tensor
    negative_photos: Tensor


def pair_groups(seen: SeenData) -> tuple[Tensor, Tensor]:
    """Group numbers of the sketches and the photos, equal for positives of each other, on the CPU.

    The class, or under `pairs = "instance"` the object within its class; a picture of an unknown object has a
    group of its own.
    """
    sketch_labels, photo_labels = seen.sketch_labels.cpu(), seen.photo_labels.cpu()
    if seen.pairs == "class":
        return sketch_labels, photo_labels
    if seen.sketch_instances is None or seen.photo_instances is None:
        raise BenchmarkError('pairs = "instance" needs instances in both modalities. Use pairs = "class".')
    objects = torch.cat([seen.sketch_instances.cpu(), seen.photo_instances.cpu()])
    keys = objects * seen.n_classes + torch.cat([sketch_labels, photo_labels])
    keys = torch.where(objects < 0, -1 - torch.arange(len(keys)), keys)
    groups = torch.unique(keys, return_inverse=True)[1]
    return groups[: len(sketch_labels)], groups[len(sketch_labels) :]


class PairSampler:
    """Draws pairs of one class each, classes uniform; the same for every trained method.

    Of the class a photo is drawn that has a partner, then a sketch of its group (`pair_groups`). Negatives
    are uniform over all items of other classes in their modality. Everything is drawn by one generator on
    the CPU, so that a seed gives the same batches on every device.

    Raises BenchmarkError with fewer than two classes, or when no sketch has a partner.
    """

    def __init__(self, seen: SeenData, *, seed: int) -> None:
        self._seen = seen
        self._generator = torch.Generator().manual_seed(seed)
        self._sketch_labels, self._photo_labels = seen.sketch_labels.cpu(), seen.photo_labels.cpu()
        sketch_groups, self._photo_groups = pair_groups(seen)
        self._sketches_of_group = _Buckets(sketch_groups)
        self._sketches_of_class = _Buckets(self._sketch_labels)
        self._photos_of_class = _Buckets(self._photo_labels)
        partnered = torch.isin(self._photo_groups, sketch_groups).nonzero().squeeze(1)
        self._partnered = partnered
        self._partnered_of_class = _Buckets(self._photo_labels[partnered])
        self._classes = torch.unique(self._photo_labels[partnered])
        if len(self._classes) < 2:
            raise BenchmarkError(
                f"training needs pairs of two classes at least, {len(self._classes)} found among "
                f"{seen.n_classes} seen classes."
            )

    def indices(self, n_pairs: int) -> PairIndices:
        """Draw the rows of n_pairs pairs and their negatives."""
        generator = self._generator
        labels = self._classes[torch.randint(len(self._classes), (n_pairs,), generator=generator)]
        photos = self._partnered[self._partnered_of_class.draw(labels, generator)]
        return PairIndices(
            sketches=self._sketches_of_group.draw(self._photo_groups[photos], generator),
            photos=photos,
            negative_sketches=self._sketches_of_class.draw_others(labels, generator),
            negative_photos=self._photos_of_class.draw_others(labels, generator),
        )

    def batch(self, n_pairs: int) -> PairBatch:
        """Draw a batch, on the device of the data."""
        idx = self.indices(n_pairs)
        labels = self._photo_labels[idx.photos].to(self._seen.photo_labels.device)
        return PairBatch(
            sketches=self._seen.sketches[idx.sketches],
            photos=self._seen.photos[idx.photos],
            labels=labels,
            negative_sketches=self._seen.sketches[idx.negative_sketches],
            negative_photos=self._seen.photos[idx.negative_photos],
        )


class _Buckets:
    """Items sorted into buckets: one contiguous slice of `order` each."""

    def __init__(self, bucket_of_item: Tensor) -> None:
        self.order = bucket_of_item.argsort(stable=True)
        self.counts = torch.bincount(bucket_of_item)
        self.starts = self.counts.cumsum(0) - self.counts

    def draw(self, buckets: Tensor, generator: torch.Generator) -> Tensor:
        """Draw one item of each bucket asked for, uniformly."""
        return self.order[self.starts[buckets] + _below(self.counts[buckets], generator)]

    def draw_others(self, buckets: Tensor, generator: torch.Generator) -> Tensor:
        """Draw one item outside each bucket, uniformly: number the others, then step over the bucket."""
        starts, counts = self.starts[buckets], self.counts[buckets]
        position = _below(len(self.order) - counts, generator)
        return self.order[torch.where(position >= starts, position + counts, position)]


def _below(limits: Tensor, generator: torch.Generator) -> Tensor:
    """Uniform integers in 0 .. limit - 1, one for each limit."""
    share = torch.rand(len(limits), generator=generator, dtype=torch.float64)
    return (share * limits).long()
