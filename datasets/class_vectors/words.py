"""Class vectors from a file of word vectors: the mean of a name's words."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Generator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from datasets.class_vectors.base import ClassVectors
from datasets.class_vectors.names import spellings, wordings

Rows = Generator[tuple[str, NDArray[np.float32]], None, None]
"""(word, (v,) float32) for the wanted words of a file, in its order; a word may come twice."""

ReadWords = Callable[[Path, Collection[str]], Rows]


class WordVectors(ClassVectors):
    """Means of word vectors; of a word that the file holds twice, the first vector.

    Nothing is read before names are asked for, and of the file nothing is kept but the words of those names.
    Reading ends as soon as every name has all words of its first wording. form: such as "word2vec binary".
    """

    def __init__(self, path: Path, form: str, read: ReadWords) -> None:
        self.id = path.name
        self.kind = f"{path.name} ({form}, mean of words)"
        self.advice = (
            "Spell the classes in words that the file holds, or give another file with --class-vectors."
        )
        self._path, self._read = path, read
        self._words: dict[str, NDArray[np.float32]] = {}
        self._asked: set[str] = set()

    def prepare(self, class_names: Sequence[str]) -> None:
        """Read the words of names that were not asked for before. Raises BenchmarkError for a bad file."""
        new = dict.fromkeys(name for name in class_names if name not in self._asked)
        wanted = {
            spelling
            for name in new
            for wording in wordings(name)
            for word in wording
            for spelling in spellings(word)
        }
        waiting = {word for name in new for word in wordings(name)[0]} if new else set()
        try:
            with contextlib.closing(self._read(self._path, wanted)) as rows:
                while waiting and (row := next(rows, None)) is not None:
                    self._words.setdefault(*row)
                    waiting.discard(row[0])
        except OSError as error:
            raise BenchmarkError(
                f"--class-vectors {self._path} cannot be read: {error.strerror or error}."
            ) from error
        self._asked.update(new)

    def vector(self, class_name: str) -> NDArray[np.float32] | None:
        """Return (v,) float32, the mean over the words of the first wording that the file holds whole."""
        if class_name not in self._asked:
            self.prepare([class_name])
        for wording in wordings(class_name):
            found = [self._word(word) for word in wording]
            rows = [row for row in found if row is not None]
            if len(rows) == len(wording):
                mean: NDArray[np.float32] = np.stack(rows).mean(axis=0, dtype=np.float64).astype(np.float32)
                return mean if mean.any() else None
        return None

    def _word(self, word: str) -> NDArray[np.float32] | None:
        return next((self._words[form] for form in spellings(word) if form in self._words), None)
