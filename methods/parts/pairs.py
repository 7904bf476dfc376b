"""Which sketches and photos are trained on together: every sketch once an epoch, each with a photo."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.errors import BenchmarkError
from datasets.seen import SeenData


@dataclass(frozen=True)
class PairBatch:
    """B positive pairs, each with a negative.

    sketches[i] and photos[i] belong together: (B, d), or (B, 3, H, W) pictures. labels: (B,) int64, their
    class. negatives: (B,) int64, a pair of the batch of another class, each equally likely: photos[negatives]
    are negatives of the sketches, sketches[negatives] of the photos, and so are their codes. sketch_rows,
    photo_rows: (B,) int64, where the items stand in the seen data.
    """

    sketches: Tensor
    photos: Tensor
    labels: Tensor
    negatives: Tensor
    sketch_rows: Tensor
    photo_rows: Tensor


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
    """Pairs every sketch that has a partner with a photo of its group (`pair_groups`), anew in each epoch.

    The same for every trained method. All that is drawn comes from one generator on the CPU, so that a seed
    gives the same batches on every device; items are gathered on the device of the data.

    Raises BenchmarkError when the sketches with a partner are of fewer than two classes.
    """

    def __init__(self, seen: SeenData, *, seed: int) -> None:
        self._seen = seen
        self._generator = torch.Generator().manual_seed(seed)
        self._labels = seen.sketch_labels.cpu()
        self._sketch_groups, photo_groups = pair_groups(seen)
        self._photos_of_group = _Buckets(photo_groups)
        self._partnered = torch.isin(self._sketch_groups, photo_groups).nonzero().squeeze(1)
        if (n_classes := len(torch.unique(self._labels[self._partnered]))) < 2:
            raise BenchmarkError(
                f"training needs pairs of two classes at least, {n_classes} found among "
                f"{seen.n_classes} seen classes."
            )

    def epoch(self, n_pairs: int) -> Iterator[PairBatch]:
        """Give every pair once, in a new order, in batches of n_pairs or one less, on the device of the data.

        A batch of one class alone has no negatives and is left out: with very few classes it may happen.
        Raises BenchmarkError when no batch is left.
        """
        order = torch.randperm(len(self._partnered), generator=self._generator)
        sketches = self._partnered[order]
        photos = self._photos_of_group.draw(self._sketch_groups[sketches], self._generator)
        n_batches = math.ceil(len(sketches) / n_pairs)
        n_left_out = 0
        parts = zip(sketches.tensor_split(n_batches), photos.tensor_split(n_batches), strict=True)
        for sketch_rows, photo_rows in parts:
            of_class = _Buckets(self._labels[sketch_rows])
            if of_class.is_one:
                n_left_out += 1
                continue
            negatives = of_class.draw_others(self._labels[sketch_rows], self._generator)
            yield self._batch(sketch_rows, photo_rows, negatives)
        if n_left_out == n_batches:
            raise BenchmarkError(
                f"each of {n_batches} batches of {n_pairs} pairs is of one class alone, so that there is no "
                "negative. Give a larger `batch`."
            )

    def _batch(self, *rows_on_cpu: Tensor) -> PairBatch:
        device = self._seen.sketch_labels.device
        sketch_rows, photo_rows, negatives = (rows.to(device) for rows in rows_on_cpu)
        return PairBatch(
            sketches=self._seen.sketches[sketch_rows],
            photos=self._seen.photos[photo_rows],
            labels=self._seen.sketch_labels[sketch_rows],
            negatives=negatives,
            sketch_rows=sketch_rows,
            photo_rows=photo_rows,
        )


class _Buckets:
    """Items sorted into buckets: one contiguous slice of `order` each."""

    def __init__(self, bucket_of_item: Tensor) -> None:
        self.order = bucket_of_item.argsort(stable=True)
        self.counts = torch.bincount(bucket_of_item)
        self.starts = self.counts.cumsum(0) - self.counts

    @property
    def is_one(self) -> bool:
        """Whether all items lie in one bucket."""
        return int(self.counts.max()) == len(self.order)

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


def drawn_pairs(
    sketch_labels: Tensor, photo_labels: Tensor, *, n_pairs: int, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw pairs with replacement, the first half of one class and the others of two, classes equally likely.

    Labels are on the CPU. Returns rows of the sketches and of the photos, (P,) int64, and 1 or -1 for each
    pair, (P,) float64. Raises BenchmarkError when fewer than two classes have both sketches and photos.
    """
    classes = torch.unique(sketch_labels[torch.isin(sketch_labels, photo_labels)])
    if len(classes) < 2:
        raise BenchmarkError(f"training needs pairs of two classes at least, {len(classes)} found.")
    generator = torch.Generator().manual_seed(seed)
    signs = torch.where(torch.arange(n_pairs) < (n_pairs + 1) // 2, 1.0, -1.0).double()
    first = torch.randint(len(classes), (n_pairs,), generator=generator)
    shift = torch.randint(1, len(classes), (n_pairs,), generator=generator)
    second = torch.where(signs > 0, first, (first + shift) % len(classes))
    sketch_rows = _Buckets(sketch_labels).draw(classes[first], generator)
    photo_rows = _Buckets(photo_labels).draw(classes[second], generator)
    return sketch_rows, photo_rows, signs


def balanced_rows(labels: Tensor, n_per_class: int) -> Tensor:
    """Draw n_per_class items of every class without replacement, or all there are: rows in random order."""
    order = torch.randperm(len(labels))
    by_class = order[labels.cpu()[order].argsort(stable=True)]
    counts = torch.bincount(labels.cpu())
    place = torch.arange(len(labels)) - (counts.cumsum(0) - counts)[labels.cpu()[by_class]]
    drawn = by_class[place < n_per_class]
    return drawn[torch.randperm(len(drawn))].to(labels.device)
