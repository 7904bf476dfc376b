"""Vectors of class names, the side information of zero-shot methods: committed, made by `vectors/make.py`."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError

CLASS_VECTORS = "class vectors"  # what a card lists as side information to be given them
CLASS_VECTORS_ID = "all_minilm_l6_v2"
VECTORS_FILE = Path(__file__).parent / "vectors" / f"{CLASS_VECTORS_ID}.npz"


def spoken_name(class_name: str) -> str:
    """Write a class name as a person would say it: separators become blanks, brackets stay.

    >>> spoken_name("car_(sedan)"), spoken_name("jack-o-lantern"), spoken_name("Cell phone")
    ('car (sedan)', 'jack o lantern', 'cell phone')
    """
    return " ".join(class_name.replace("_", " ").replace("-", " ").lower().split())


def missing_vectors(class_names: Sequence[str]) -> tuple[str, ...]:
    """Return the names without a vector, in the order given."""
    return tuple(name for name in class_names if spoken_name(name) not in _vectors())


def class_vectors(class_names: Sequence[str]) -> NDArray[np.float32]:
    """Return (C, 384) float32 vectors of length 1. Raises BenchmarkError listing names that have none."""
    missing = missing_vectors(class_names)
    if missing:
        raise BenchmarkError(
            f"no class vector for {', '.join(missing)}. Add the names to datasets/vectors/class_names.csv "
            "and run `python -m datasets.vectors.make`, or spell them as the built-in data sets do."
        )
    rows = np.stack([_vectors()[spoken_name(name)] for name in class_names]).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def vectors_sha256() -> str:
    """Return the sha256 of the committed file, for records."""
    return hashlib.sha256(VECTORS_FILE.read_bytes()).hexdigest()


@functools.cache
def _vectors() -> dict[str, NDArray[np.float16]]:
    with np.load(VECTORS_FILE, allow_pickle=False) as file:
        return dict(zip(file["names"].tolist(), file["vectors"], strict=True))
