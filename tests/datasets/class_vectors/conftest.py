"""Files of word vectors in every form, written byte by byte."""

import struct

import numpy as np
import pytest

WIDTH = 4


def _numbers(word, width=WIDTH):
    """Numbers of a word's own, of both signs, that text with six digits and float32 hold alike."""
    return [(ord(word[i % len(word)]) - 100 + i) / 8 for i in range(width)]


@pytest.fixture
def numbers():
    """What the files of these fixtures hold for a word that is written without numbers."""
    return _numbers


@pytest.fixture
def unit():
    """The mean of rows, of length 1, in float64."""

    def unit(*rows):
        mean = np.mean(np.array(rows, dtype=np.float64), axis=0)
        return mean / np.linalg.norm(mean)

    return unit


@pytest.fixture
def write_word2vec(tmp_path):
    """Write a word2vec binary file of (word, numbers) and return its path; ending: what follows a vector."""

    def write(rows, name="tiny.bin", *, n_words=None, ending=b"\n"):
        rows = [row if isinstance(row, tuple) else (row, _numbers(row)) for row in rows]
        width = len(rows[0][1])
        content = f"{len(rows) if n_words is None else n_words} {width}\n".encode()
        for word, values in rows:
            content += word.encode() + b" " + struct.pack(f"<{width}f", *values) + ending
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def write_text(tmp_path):
    """Write word vectors as text, GloVe's way or with fastText's first line, and return the path."""

    def write(rows, name="tiny.txt", *, header=False, n_words=None, line_end=b"\n", begin=b""):
        rows = [row if isinstance(row, tuple) else (row, _numbers(row)) for row in rows]
        lines = [f"{word} {' '.join(f'{value:.6f}' for value in values)}".encode() for word, values in rows]
        if header:
            lines.insert(0, f"{n_words or len(rows)} {len(rows[0][1])}".encode())
        path = tmp_path / name
        path.write_bytes(begin + b"".join(line + line_end for line in lines))
        return path

    return write


@pytest.fixture(params=["binary", "binary without line breaks", "GloVe", "fastText"])
def write_words(request, write_word2vec, write_text):
    """Write word vectors in each of the forms in turn."""
    if request.param == "GloVe":
        return write_text
    if request.param == "fastText":
        return lambda rows: write_text(rows, "tiny.vec", header=True, line_end=b" \n")
    return lambda rows: write_word2vec(rows, ending=b"\n" if request.param == "binary" else b"")
