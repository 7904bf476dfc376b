"""Reader for the binary files of the word2vec tool, such as GoogleNews-vectors-negative300.bin.

A line with the number of words and of dimensions; then for each word its bytes, a blank and the vector as
little-endian float32. The tool itself ends every vector with a line break, GoogleNews does not: both are
read.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from benchmark.errors import BenchmarkError
from datasets.class_vectors.words import Rows

CHUNK = 1 << 22
"""Bytes read at once: all the memory that reading takes, whatever the size of the file."""

MAX_WORD = 4096
"""No word is longer: a longer one means that the file is something else, or damaged."""

_LINE_BREAK = 10


def read_binary(path: Path, wanted: Collection[str]) -> Rows:
    """Yield the wanted words of a file with their vectors.

    Raises BenchmarkError for a file that is shorter than its first line says, or that is none of these.
    """
    keys = {word.encode(): word for word in wanted}
    with path.open("rb", buffering=0) as file:
        buffer = file.read(CHUNK)
        header, mark, _ = buffer[:100].partition(b"\n")
        n_words, width = (int(part) for part in header.split())
        n_bytes = 4 * width
        at = len(header) + len(mark)
        # A word has a letter at least. Said before anything is read: reading may end early.
        if path.stat().st_size < at + n_words * (n_bytes + 2):
            raise _truncated(path, n_words, width)
        for position in range(n_words):
            while (end := buffer.find(b" ", at)) < 0 or end + 1 + n_bytes > len(buffer):
                if end - at > MAX_WORD or (end < 0 and len(buffer) - at > MAX_WORD):
                    break
                more = file.read(CHUNK)
                if not more:
                    raise _truncated(path, n_words, width)
                buffer, at = buffer[at:] + more, 0
            if end < 0 or end - at > MAX_WORD:
                raise BenchmarkError(
                    f"--class-vectors {path}: no word where entry {position + 1:,} of {n_words:,} begins. It "
                    "is no word2vec binary file, or it is damaged. Fetch it again."
                )
            if buffer[at] == _LINE_BREAK:
                at += 1
            word = keys.get(buffer[at:end])
            at = end + 1 + n_bytes
            if word is not None:
                vector = np.frombuffer(buffer, "<f4", width, end + 1).astype(np.float32)
                if not np.isfinite(vector).all():
                    raise BenchmarkError(
                        f"--class-vectors {path}: the vector of '{word}' is not finite. The file is damaged, "
                        "or no word2vec binary file. Fetch it again."
                    )
                yield word, vector


def _truncated(path: Path, n_words: int, width: int) -> BenchmarkError:
    return BenchmarkError(
        f"--class-vectors {path}: its first line says {n_words:,} words of {width} numbers, and its "
        f"{path.stat().st_size:,} bytes do not hold them: it is truncated. Fetch it again."
    )
