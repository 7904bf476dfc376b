"""Losses between codes. Every one returns a mean over the batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def distance(a: Tensor, b: Tensor, *, squared: bool = False) -> Tensor:
    """Euclidean distance of the rows of (B, d) and (B, d) -> (B,); its gradient at 0 is 0."""
    return (a - b).square().sum(dim=1) if squared else torch.linalg.vector_norm(a - b, dim=1)


def contrastive(positive: Tensor, negative: Tensor, *, margin: float) -> Tensor:
    """Mean of d² over positive pairs plus mean of [margin - d]₊² over negative ones.

    positive, negative: (B,) distances. Source: Hadsell, Chopra and LeCun, CVPR 2006.
    """
    return positive.square().mean() + (margin - negative).relu().square().mean()


def triplet_hinge(positive: Tensor, negative: Tensor, *, margin: float) -> Tensor:
    """Mean of [d⁺ - d⁻ + margin]₊ over (B,) distances."""
    return (positive - negative + margin).relu().mean()


def cross_entropy_of_both(sketch_logits: Tensor, photo_logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of the sketches plus that of the photos: (B, C) logits, (B,) int64 labels."""
    return cross_entropy(sketch_logits, labels) + cross_entropy(photo_logits, labels)


def hardest_negative(anchors: Tensor, others: Tensor, labels: Tensor, *, squared: bool = False) -> Tensor:
    """Distance (B,) from each anchor to the nearest row of `others` that is of another class.

    anchors, others: (B, d), rows of one pair share a label. Infinite where the batch holds one class only,
    so that a hinge over it vanishes.
    """
    every = torch.cdist(anchors, others, compute_mode="donot_use_mm_for_euclid_dist")
    nearest = every.masked_fill(labels[:, None] == labels[None, :], torch.inf).amin(dim=1)
    return nearest.square() if squared else nearest


def topology(codes: Tensor, labels: Tensor, class_vectors: Tensor) -> Tensor:
    """How differently the classes of a batch lie among codes and among class vectors.

    Mean over a ≠ b of (d(m_a, m_b) / mean - d(s_a, s_b) / mean)², m the class means of the (B, d) codes, s
    the (C, v) class vectors, each mean over the same pairs. 0 where the batch holds one class.
    """
    classes, rows = torch.unique(labels, return_inverse=True)
    if len(classes) < 2:
        return codes.new_zeros(())
    sums = codes.new_zeros(len(classes), codes.shape[1]).index_add(0, rows, codes)
    means = sums / torch.bincount(rows)[:, None]
    code_distances, vector_distances = torch.pdist(means), torch.pdist(class_vectors[classes])
    difference = code_distances / code_distances.mean() - vector_distances / vector_distances.mean()
    return difference.square().mean()
