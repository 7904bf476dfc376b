"""Packed codes: distances are those of a loop over bits."""

from __future__ import annotations

import numpy as np
import pytest

from metrics.hamming import distances, pack

LENGTHS = (1, 7, 16, 63, 64, 65, 128, 191, 192, 193, 256, 300, 512)


def codes_of(n_bits, *, n=9, seed=0):
    return np.random.default_rng([seed, n_bits]).integers(0, 2, (n, n_bits), dtype=np.uint8)


def n_differing(one, other):
    """By hand, bit by bit."""
    return [[sum(int(a) != int(b) for a, b in zip(x, y, strict=True)) for y in other] for x in one]


@pytest.mark.parametrize("n_bits", LENGTHS)
def test_distances_are_those_of_a_loop_over_bits(n_bits):
    queries, gallery = codes_of(n_bits, n=4), codes_of(n_bits, seed=1)
    found = distances(pack(queries), pack(gallery))
    np.testing.assert_array_equal(found, n_differing(queries, gallery))


@pytest.mark.parametrize("n_bits", LENGTHS)
def test_opposite_codes_differ_in_every_bit(n_bits):
    code = codes_of(n_bits, n=1)
    assert distances(pack(code), pack(1 - code)).tolist() == [[n_bits]]
    assert distances(pack(code), pack(code)).tolist() == [[0]]


@pytest.mark.parametrize(("n_bits", "n_words"), [(1, 1), (64, 1), (65, 2), (128, 2), (129, 3)])
def test_a_word_holds_64_bits(n_bits, n_words):
    packed = pack(codes_of(n_bits))
    assert (packed.shape, packed.dtype) == ((9, n_words), np.uint64)


@pytest.mark.parametrize(
    ("n_bits", "dtype"),
    [(64, np.uint8), (192, np.uint8), (193, np.uint16), (512, np.uint16), (65_473, np.uint32)],
)
def test_distances_are_the_smallest_type_that_holds_the_largest(n_bits, dtype):
    packed = pack(codes_of(n_bits))
    assert distances(packed, packed).dtype == dtype


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.float32])
def test_codes_may_be_of_any_number_type(dtype):
    codes = codes_of(70)
    np.testing.assert_array_equal(pack(codes.astype(dtype)), pack(codes))


def test_codes_of_minus_one_and_one_are_those_of_zero_and_one():
    codes = codes_of(70)
    np.testing.assert_array_equal(pack(2.0 * codes - 1), pack(codes))


def test_columns_of_a_larger_array_are_packed_alike():
    codes = codes_of(140)
    np.testing.assert_array_equal(pack(codes[:, ::2]), pack(codes[:, ::2].copy()))


def test_slices_of_packed_codes_have_their_own_distances():
    queries, gallery = pack(codes_of(100)), pack(codes_of(100, seed=1))
    whole = distances(queries, gallery)
    np.testing.assert_array_equal(distances(queries[2:5], gallery[::2]), whole[2:5, ::2])


def test_the_packed_codes_are_left_as_they_are():
    queries, gallery = pack(codes_of(300)), pack(codes_of(300, seed=1))
    before = queries.copy(), gallery.copy()
    distances(queries, gallery)
    np.testing.assert_array_equal(queries, before[0])
    np.testing.assert_array_equal(gallery, before[1])


def test_codes_of_another_length_are_refused():
    with pytest.raises(ValueError, match="codes of 1 and of 2 words have no Hamming distance"):
        distances(pack(codes_of(64)), pack(codes_of(128)))
