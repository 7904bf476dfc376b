"""Vectors of class names, the side information of zero-shot methods: the committed ones, or a user's file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from datasets.class_vectors.base import CLASS_VECTORS, TEACHER, ClassVectors, first_labels
from datasets.class_vectors.committed import CLASS_VECTORS_ID, COMMITTED, LABELS_FILE, VECTORS_FILE
from datasets.class_vectors.files import open_class_vectors
from datasets.class_vectors.names import spoken_name

__all__ = [
    "CLASS_VECTORS",
    "CLASS_VECTORS_ID",
    "COMMITTED",
    "LABELS_FILE",
    "TEACHER",
    "VECTORS_FILE",
    "ClassVectors",
    "class_vectors",
    "first_labels",
    "missing_vectors",
    "open_class_vectors",
    "spoken_name",
    "vectors_sha256",
]


def missing_vectors(class_names: Sequence[str]) -> tuple[str, ...]:
    """Return the names without a committed vector, in the order given."""
    return COMMITTED.missing(class_names)


def class_vectors(class_names: Sequence[str]) -> NDArray[np.float32]:
    """Return the committed vectors, (C, 384) float32 of length 1. Raises BenchmarkError for names without."""
    return COMMITTED.of(class_names)


def vectors_sha256() -> str:
    """Return the sha256 of the committed file, for records."""
    return COMMITTED.sha256()
