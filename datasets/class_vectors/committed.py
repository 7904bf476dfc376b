"""The committed vectors: a sentence model on all class names, made by `datasets/vectors/make.py`."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.class_vectors.base import ClassVectors, at_length_1
from datasets.class_vectors.names import spoken_name

CLASS_VECTORS_ID = "all_minilm_l6_v2"
VECTORS_FILE = Path(__file__).parents[1] / "vectors" / f"{CLASS_VECTORS_ID}.npz"
LABELS_FILE = VECTORS_FILE.with_name(f"{CLASS_VECTORS_ID}_ilsvrc1k.npz")


class CommittedVectors(ClassVectors):
    """384 numbers a name, for every class of the built-in data sets and for the labels of ILSVRC-1k."""

    id = CLASS_VECTORS_ID
    kind = "all-MiniLM-L6-v2 (committed)"
    advice = (
        "Add the names to datasets/vectors/class_names.csv and run `python -m datasets.vectors.make`, spell "
        "them as the built-in data sets do, or give a file of vectors with --class-vectors."
    )

    def vector(self, class_name: str) -> NDArray[np.float32] | None:
        """Return (384,) float32, None for a name that is not in the file."""
        found = _vectors().get(spoken_name(class_name))
        return None if found is None else found.astype(np.float32)

    def sha256(self, class_names: Sequence[str] = (), *, with_labels: bool = False) -> str:
        """Return the sha256 of the file, whatever the names; of both files with the labels.

        Finished runs are known by it. The files are small, and change only when somebody commits others.
        """
        files = (VECTORS_FILE, LABELS_FILE) if with_labels else (VECTORS_FILE,)
        return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()

    def missing_ilsvrc1k_labels(self) -> tuple[str, ...]:
        """None is missing."""
        return ()

    def of_ilsvrc1k_labels(self) -> NDArray[np.float32]:
        """Return (1000, 384) float32 of length 1, in the order of published heads."""
        with np.load(LABELS_FILE, allow_pickle=False) as file:
            return at_length_1(file["vectors"].astype(np.float32))


COMMITTED = CommittedVectors()


@functools.cache
def _vectors() -> dict[str, NDArray[np.float16]]:
    with np.load(VECTORS_FILE, allow_pickle=False) as file:
        return dict(zip(file["names"].tolist(), file["vectors"], strict=True))
