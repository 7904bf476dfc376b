"""What is made of word vectors, whatever their file: means, other wordings, missing names, hashes."""

import hashlib
import struct

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from datasets.class_vectors import open_class_vectors


def test_the_vector_of_a_name_of_one_word_is_that_word_at_length_1(write_words, numbers, unit):
    vectors = open_class_vectors(str(write_words(["cat", "dog", "the"])))
    found = vectors.of(["dog", "cat"])
    assert (found.shape, found.dtype) == ((2, 4), np.float32)
    np.testing.assert_allclose(found, [unit(numbers("dog")), unit(numbers("cat"))], rtol=1e-6)


@pytest.mark.parametrize("name", ["alarm clock", "alarm_clock", "Alarm-Clock"])
def test_the_vector_of_a_name_of_several_words_is_their_mean(write_words, name, numbers, unit):
    vectors = open_class_vectors(str(write_words(["clock", "alarm", "dog"])))
    np.testing.assert_allclose(vectors.of([name])[0], unit(numbers("alarm"), numbers("clock")), rtol=1e-6)


def test_the_mean_is_of_vectors_as_they_are_in_the_file(write_words, unit):
    long, short = [8.0, 0, 0, 0], [0, 1.0, 0, 0]
    vectors = open_class_vectors(str(write_words([("alarm", long), ("clock", short)])))
    np.testing.assert_allclose(vectors.of(["alarm clock"])[0], unit(long, short), rtol=1e-6)


def test_missing_names_are_listed_in_order(write_words):
    vectors = open_class_vectors(str(write_words(["cat", "alarm"])))
    assert vectors.missing(["zebra", "cat", "alarm clock", "axe"]) == ("zebra", "alarm clock", "axe")
    with pytest.raises(BenchmarkError, match=r"tiny.* no class vector for zebra, alarm clock\. Spell the"):
        vectors.of(["zebra", "cat", "alarm clock"])


def test_of_a_word_that_stands_twice_the_first_counts(write_words):
    path = write_words([("cat", [1.0, 0, 0, 0]), ("dog", [0, 0, 1.0, 0]), ("cat", [0, 1.0, 0, 0])])
    both = open_class_vectors(str(path)).of(["cat", "dog"])
    np.testing.assert_allclose(both, [[1, 0, 0, 0], [0, 0, 1, 0]])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("axe", ["ax"]),
        ("crocodilian", ["crocodile"]),
        ("jellyfish", ["jelly", "fish"]),
        ("speed-boat", ["speedboat"]),
        ("cell phone", ["cell_phone"]),
        ("eiffel tower", ["Eiffel", "Tower"]),
        ("The_Eiffel_Tower", ["Eiffel_Tower"]),
        ("tv", ["TV"]),
        ("car_(sedan)", ["car"]),
        ("pipe (for smoking)", ["pipe", "smoking"]),
    ],
)
def test_another_wording_is_taken_where_the_file_lacks_the_first(write_words, name, words, numbers, unit):
    vectors = open_class_vectors(str(write_words(["dog", *words])))
    np.testing.assert_allclose(vectors.of([name])[0], unit(*map(numbers, words)), rtol=1e-6)


def test_the_own_words_of_a_name_come_before_another_wording(write_words, numbers, unit):
    vectors = open_class_vectors(str(write_words(["fish", "jelly", "ax", "jellyfish", "axe"])))
    np.testing.assert_allclose(vectors.of(["jellyfish"])[0], unit(numbers("jellyfish")), rtol=1e-6)
    np.testing.assert_allclose(vectors.of(["axe"])[0], unit(numbers("axe")), rtol=1e-6)


def test_lower_case_comes_before_other_cases(write_words, numbers, unit):
    vectors = open_class_vectors(str(write_words(["Turkey", "turkey"])))
    np.testing.assert_allclose(vectors.of(["Turkey"])[0], unit(numbers("turkey")), rtol=1e-6)


def test_a_vector_of_zeros_is_missing(write_words):
    vectors = open_class_vectors(str(write_words([("cat", [0.0] * 4), ("dog", [1.0] * 4)])))
    assert vectors.missing(["cat", "dog"]) == ("cat",)


def test_the_kind_names_file_form_and_mean(write_word2vec, write_text):
    kinds = [open_class_vectors(str(path)).kind for path in (write_word2vec(["cat"]), write_text(["cat"]))]
    assert kinds == [
        "tiny.bin (word2vec binary, mean of words)",
        "tiny.txt (word vectors as text, mean of words)",
    ]


def test_nothing_is_read_of_a_file_whose_first_words_are_enough(write_words):
    # Reading on would meet the second `cat`, which is refused.
    path = write_words(["cat", "dog", ("cat", [float("nan")] * 4)])
    assert open_class_vectors(str(path)).missing(["dog", "cat"]) == ()
    with pytest.raises(BenchmarkError, match="not finite"):
        open_class_vectors(str(path)).missing(["dog", "cat", "zebra"])


def test_names_may_be_asked_for_one_after_the_other(write_words):
    rows = ["dog", "clock", "cat", "alarm"]
    vectors = open_class_vectors(str(write_words(rows)))
    one_by_one = [vectors.of([name])[0] for name in ("cat", "alarm clock", "dog")]
    together = open_class_vectors(str(write_words(rows))).of(["cat", "alarm clock", "dog"])
    np.testing.assert_array_equal(one_by_one, together)


def test_the_hash_is_over_names_and_vectors_as_they_were_read(write_words, numbers):
    vectors = open_class_vectors(str(write_words(["dog", "cat"])))
    expected = hashlib.sha256()
    for name in ("cat", "dog"):
        expected.update(name.encode() + b"\0" + struct.pack("<4f", *numbers(name)))
    expected.update(b"zebra\0none")
    assert vectors.sha256(["zebra", "dog", "cat"]) == expected.hexdigest()


def test_the_hash_does_not_depend_on_the_form_of_the_file(write_word2vec, write_text):
    rows = ["dog", "alarm", "clock"]
    files = (write_word2vec(rows), write_text(rows), write_text(rows[::-1], "other.vec", header=True))
    assert len({open_class_vectors(str(path)).sha256(["alarm clock", "dog"]) for path in files}) == 1


def test_the_hash_changes_with_the_vectors_of_the_names_and_with_no_other(write_words):
    def hashed(rows):
        return open_class_vectors(str(write_words(rows))).sha256(["cat", "dog"])

    first = hashed(["cat", "dog", "zebra"])
    assert hashed(["cat", "dog", ("zebra", [1.0] * 4)]) == first
    assert hashed(["cat", ("dog", [1.0] * 4), "zebra"]) != first


def test_a_file_that_goes_away_is_an_error_in_words(write_words):
    path = write_words(["cat"])
    vectors = open_class_vectors(str(path))
    path.unlink()
    with pytest.raises(BenchmarkError, match=r"--class-vectors .*tiny.* cannot be read: No such file"):
        vectors.of(["cat"])
