"""Reader for word vectors as text: GloVe, fastText's `.vec`, and the text form of word2vec.

A line a word: the word and its numbers, separated by blanks. fastText and word2vec say in a first line how
many words and dimensions follow; GloVe does not. In glove.840B.300d some tokens hold blanks themselves
(`. . .`, `at name@domain.com`): numbers are counted from the end of the line.
"""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from datasets.class_vectors.words import Rows

N_LOOKED_AT = 10
_BUFFER = 1 << 20


class TextLayout(NamedTuple):
    """How a text file is laid out. n_words: as its first line says, None where there is no such line."""

    n_words: int | None
    width: int


def text_layout(head: bytes) -> TextLayout | None:
    """Tell the layout from the beginning of a file, None where that is not word vectors as text."""
    first, *lines = head.removeprefix(codecs.BOM_UTF8).rstrip().split(b"\n")[: N_LOOKED_AT + 1]
    header = header_numbers(first)
    n_words, stated = header or (None, None)
    rows = [line.rstrip().split(b" ") for line in (lines if header else [first, *lines])]
    if not rows:
        return None
    # A token with blanks has more parts than most.
    width = stated or Counter(len(parts) - 1 for parts in rows).most_common(1)[0][0]
    numbers = [parts[-width:] for parts in rows if len(parts) > width]
    if width < 2 or not numbers:
        return None
    try:
        np.array(numbers).astype(np.float32)
    except ValueError:
        return None
    return TextLayout(n_words, width)


def header_numbers(line: bytes) -> tuple[int, int] | None:
    """Return what a first line says, number of words and of dimensions, None for any other line."""
    parts = line.split()
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        return None
    return int(parts[0]), int(parts[1])


def read_text(path: Path, wanted: Collection[str], *, layout: TextLayout) -> Rows:
    """Yield the wanted words of a file with their vectors.

    Raises BenchmarkError naming the line of a wanted word that has no numbers or too few, and for a file that
    ends before the number of words that its first line says.
    """
    keys = {word.encode(): word for word in wanted}
    n_words, width = layout
    n_lines = 0
    with path.open("rb", buffering=_BUFFER) as file:
        if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            file.seek(0)
        first = 1
        if n_words is not None:
            file.readline()
            first = 2
        for n_lines, line in enumerate(file, start=1):
            word = keys.get(line[: line.find(b" ")])
            if word is None:
                continue
            token, *numbers = line.rstrip().rsplit(b" ", width)
            if len(numbers) == width and token != word.encode():
                continue  # a token with blanks that begins like a wanted word
            yield word, _vector(path, n_lines + first - 1, numbers, width)
    if n_words is not None and n_lines < n_words:
        raise BenchmarkError(
            f"--class-vectors {path}: its first line says {n_words:,} words, and {n_lines:,} follow: it is "
            "truncated. Fetch it again."
        )


def _vector(path: Path, line: int, numbers: list[bytes], width: int) -> NDArray[np.float32]:
    found = f"{len(numbers)} numbers"
    if len(numbers) == width:
        try:
            vector = np.array(numbers).astype(np.float32)
            if np.isfinite(vector).all():
                return vector
            found = "a number that is not finite"
        except ValueError:
            found = "something that is no number"
    raise BenchmarkError(
        f"--class-vectors {path}, line {line:,}: {found} where {width} numbers should follow the word. The "
        "file is damaged or truncated. Fetch it again."
    )
