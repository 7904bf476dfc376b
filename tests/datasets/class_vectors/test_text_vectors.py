"""Word vectors as text: tokens with blanks, first lines, byte order marks, damage."""

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from datasets.class_vectors import open_class_vectors


def test_tokens_with_blanks_are_passed_over(write_text, numbers, unit):
    # Such lines stand in glove.840B.300d.txt.
    rows = [(". . .", numbers("x")), ("at name@domain.com", numbers("y")), ("cat sat", numbers("z"))]
    path = write_text(["the", *rows, "at", "cat", "dog"])
    found = open_class_vectors(str(path)).of(["cat", "at"])
    np.testing.assert_allclose(found, [unit(numbers("cat")), unit(numbers("at"))], rtol=1e-6)


def test_a_token_with_blanks_may_come_first(write_text, numbers, unit):
    path = write_text([(". . .", numbers("x")), "cat", "dog", "zebra"])
    np.testing.assert_allclose(open_class_vectors(str(path)).of(["cat"])[0], unit(numbers("cat")), rtol=1e-6)


def test_a_token_that_is_a_number_is_a_word(write_text, numbers, unit):
    path = write_text(["1", "2.5", "cat"])
    np.testing.assert_allclose(open_class_vectors(str(path)).of(["cat"])[0], unit(numbers("cat")), rtol=1e-6)


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("line_end", [b"\n", b" \n", b"\r\n"])
def test_line_ends_and_byte_order_marks_do_not_matter(write_text, header, line_end, numbers, unit):
    path = write_text(["cat", "dog"], header=header, line_end=line_end, begin=b"\xef\xbb\xbf")
    found = open_class_vectors(str(path)).of(["cat", "dog"])
    np.testing.assert_allclose(found, [unit(numbers("cat")), unit(numbers("dog"))], rtol=1e-6)


def test_a_last_line_without_an_end_counts(write_text):
    path = write_text(["cat", "dog"])
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert open_class_vectors(str(path)).missing(["cat", "dog"]) == ()


def test_words_that_are_no_ascii_are_read(write_text):
    path = write_text(["naïve", "cat", "東京"])
    assert open_class_vectors(str(path)).missing(["naïve", "東京", "cat"]) == ()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"zebra 1.0 2.0 3.0", "3 numbers"),
        (b"zebra", "0 numbers"),
        (b"zebra 1.0 2.0 three 4.0", "something that is no number"),
        (b"zebra 1.0 nan 3.0 4.0", "a number that is not finite"),
    ],
)
def test_the_line_of_a_wanted_word_that_is_damaged_is_named(write_text, line, found, numbers):
    path = write_text([*(f"word{i}" for i in range(12)), "cat"])
    path.write_bytes(path.read_bytes() + line + b"\n")
    message = rf"tiny\.txt, line 14: {found} where 4 numbers should follow the word"
    with pytest.raises(BenchmarkError, match=message):
        open_class_vectors(str(path)).missing(["zebra"])


def test_the_line_is_counted_from_the_first_line_of_the_file(write_text, numbers):
    path = write_text([*(f"word{i}" for i in range(12)), "cat"], header=True, n_words=14)
    path.write_bytes(path.read_bytes() + b"zebra 1.0\n")
    with pytest.raises(BenchmarkError, match=r"tiny\.txt, line 15: 1 numbers where 4"):
        open_class_vectors(str(path)).missing(["zebra"])


def test_fewer_words_than_the_first_line_says_are_too_few(write_text):
    path = write_text(["cat", "dog"], header=True, n_words=5)
    with pytest.raises(BenchmarkError, match=r"first line says 5 words, and 2 follow: it is truncated"):
        open_class_vectors(str(path)).missing(["zebra"])


def test_another_number_of_dimensions_than_the_first_line_says_is_refused(write_text, numbers):
    path = write_text(["cat", "dog"], header=True)
    path.write_bytes(path.read_bytes().replace(b"2 4\n", b"2 300\n"))
    with pytest.raises(BenchmarkError, match=r"says 2 words of 300 numbers, and its second line does not"):
        open_class_vectors(str(path))
