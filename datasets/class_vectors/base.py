"""What vectors of class names are, wherever they come from."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from datasets.classes import ilsvrc_labels

CLASS_VECTORS = "class vectors"  # what a card lists as side information to be given them
TEACHER = "teacher logits"  # and what it lists for a published head's logits, with vectors of its labels

N_NAMED = 40


class ClassVectors(ABC):
    """Vectors of class names, by name.

    id: the name under which a suite knows them. kind: what they are, for records and tables, as
    `<name> (<form>)`. advice: what a person does about a name that has none.
    """

    id: str
    kind: str
    advice: str

    @abstractmethod
    def vector(self, class_name: str) -> NDArray[np.float32] | None:
        """Return (v,) float32 as it was read, None where there is none or all of it is 0."""

    def prepare(self, class_names: Sequence[str]) -> None:
        """Look names up together, where that is cheaper than one by one."""
        return

    def missing(self, class_names: Sequence[str]) -> tuple[str, ...]:
        """Return the names without a vector, in the order given."""
        self.prepare(class_names)
        return tuple(name for name in class_names if self.vector(name) is None)

    def of(self, class_names: Sequence[str]) -> NDArray[np.float32]:
        """Return (C, v) float32 vectors of length 1. Raises BenchmarkError listing names that have none."""
        self.prepare(class_names)
        found = [self.vector(name) for name in class_names]
        missing = [name for name, vector in zip(class_names, found, strict=True) if vector is None]
        if missing:
            raise BenchmarkError(f"{self.kind}: no class vector for {listed(missing)}. {self.advice}")
        return at_length_1(np.stack([vector for vector in found if vector is not None]))

    def sha256(self, class_names: Sequence[str], *, with_labels: bool = False) -> str:
        """Return the sha256 of all that a method on these classes may be given, for the identity of its run.

        Over names and vectors, not over the file: another rule of what a name's words are changes it, and a
        file of several gigabytes is not hashed. Taken before vectors get length 1, so that every machine
        comes to the same. with_labels: the vectors of the ILSVRC-1k labels are given too.
        """
        names = [*sorted(class_names), *(first_labels() if with_labels else ())]
        self.prepare(names)
        content = hashlib.sha256()
        for name in names:
            vector = self.vector(name)
            content.update(name.encode() + b"\0")
            content.update(b"none" if vector is None else vector.astype("<f4").tobytes())
        return content.hexdigest()

    def missing_ilsvrc1k_labels(self) -> tuple[str, ...]:
        """Return the ILSVRC-1k labels without a vector."""
        return self.missing(first_labels())

    def of_ilsvrc1k_labels(self) -> NDArray[np.float32]:
        """Return (1000, v) float32 of length 1 for the labels of ILSVRC-1k, in the order of published heads.

        That order is the one of the sorted synset ids. Raises BenchmarkError listing labels that have none.
        """
        return self.of(first_labels())


def first_labels() -> tuple[str, ...]:
    """Return one name for each of the 1,000 ILSVRC-1k classes, in the order of published heads.

    The first of a class's names: the one by which WordNet calls it most often, and a single name, as the
    classes of the data sets have. Three words stand for two classes each (crane, cardigan, maillot).

    >>> first_labels()[:3]
    ('tench', 'goldfish', 'great white shark')
    """
    return tuple(names[0] for names in ilsvrc_labels().values())


def at_length_1(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale the rows of (n, v) to length 1."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def listed(names: Sequence[str]) -> str:
    """Join names for a message; of a long list, the first ones.

    >>> listed(["dog", "cat"])
    'dog, cat'
    """
    more = len(names) - N_NAMED
    return ", ".join(names[:N_NAMED]) + (f" and {more} more" if more > 0 else "")
