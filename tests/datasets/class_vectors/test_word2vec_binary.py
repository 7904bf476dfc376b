"""Binary files of the word2vec tool: chunks, truncation, and what is no such file."""

import struct
import tracemalloc

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from datasets.class_vectors import open_class_vectors, word2vec_binary


@pytest.mark.parametrize("chunk", [1, 5, 17, 64])
@pytest.mark.parametrize("ending", [b"\n", b""])
def test_the_size_of_the_chunks_changes_nothing(write_word2vec, monkeypatch, chunk, ending, numbers, unit):
    words = ["cat", "naïve", "hippopotamus", "dog", "x"]
    path = write_word2vec(words, ending=ending)
    vectors = open_class_vectors(str(path))
    monkeypatch.setattr(word2vec_binary, "CHUNK", max(chunk, len(b"5 4\n")))
    found = vectors.of(["x", "dog", "hippopotamus", "cat"])
    np.testing.assert_allclose(
        found, [unit(numbers(word)) for word in ("x", "dog", "hippopotamus", "cat")], rtol=1e-6
    )


def test_numbers_that_look_like_blanks_and_line_breaks_are_numbers(write_word2vec, numbers, unit):
    tricky = struct.unpack("<4f", b"\n   " * 4)
    path = write_word2vec([("cat", tricky), ("dog", tricky), "zebra"], ending=b"")
    np.testing.assert_allclose(
        open_class_vectors(str(path)).of(["zebra"])[0], unit(numbers("zebra")), rtol=1e-6
    )


def test_memory_does_not_grow_with_the_file(tmp_path, numbers):
    n_words, width = 40_000, 300  # 48 MB
    row = struct.pack(f"<{width}f", *numbers("cat", width))
    path = tmp_path / "large.bin"
    path.write_bytes(f"{n_words} {width}\n".encode() + b"".join(b"w%d %s" % (i, row) for i in range(n_words)))
    vectors = open_class_vectors(str(path))
    tracemalloc.start()
    missing = vectors.missing(["cat"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert missing == ("cat",)
    assert peak < 4 * word2vec_binary.CHUNK


@pytest.mark.parametrize("n_bytes", [1, 3, 20])
def test_a_truncated_file_is_refused_although_the_words_stand_before(write_word2vec, n_bytes, numbers):
    path = write_word2vec(["cat", "dog", "x"], ending=b"")
    path.write_bytes(path.read_bytes()[:-n_bytes])
    message = r"tiny\.bin: its first line says 3 words of 4 numbers, and its \d+ bytes do not .* truncated"
    with pytest.raises(BenchmarkError, match=message):
        open_class_vectors(str(path)).missing(["dog", "x"])


def test_a_file_that_is_too_long_by_half_a_word_is_read(write_word2vec):
    path = write_word2vec(["cat", "dog"])
    path.write_bytes(path.read_bytes() + b"zeb")
    assert open_class_vectors(str(path)).missing(["cat", "zebra"]) == ("zebra",)


def test_a_wrong_number_of_dimensions_is_noticed(write_word2vec, numbers):
    path = write_word2vec(["cat", *(f"word{i}" for i in range(400))])
    path.write_bytes(path.read_bytes().replace(b"401 4\n", b"130 20\n"))  # 20 numbers a word are not there
    with pytest.raises(BenchmarkError, match=r"no word where entry \d+ of 130 begins|truncated"):
        open_class_vectors(str(path)).missing(["zebra"])


def test_a_vector_that_is_not_finite_is_refused(write_word2vec):
    path = write_word2vec(["cat", ("dog", [1.0, float("inf"), 0, 0])])
    with pytest.raises(BenchmarkError, match=r"tiny\.bin: the vector of 'dog' is not finite"):
        open_class_vectors(str(path)).of(["dog"])
