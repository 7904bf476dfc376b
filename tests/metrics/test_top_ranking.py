"""The first ranks handed to the harness."""

from __future__ import annotations

import numpy as np
import pytest

from metrics import evaluate, top_ranking

RNG = np.random.default_rng(0)
QUERIES, GALLERY = RNG.normal(size=(12, 4)), RNG.normal(size=(40, 4))
TIED = RNG.integers(3, size=(12, 40))


def given(block, _):
    return block


@pytest.mark.parametrize("k", [1, 7, 40])
def test_first_ranks_are_those_of_a_full_sort(k):
    expected = np.argsort(-(QUERIES @ GALLERY.T), axis=1)[:, :k]
    np.testing.assert_array_equal(top_ranking(QUERIES, GALLERY, k=k, distance="dot"), expected)


def test_result_is_int32_of_no_more_columns_than_the_gallery():
    found = top_ranking(QUERIES, GALLERY)
    assert (found.shape, found.dtype) == ((12, 40), np.int32)


def test_ties_keep_the_order_of_the_seeded_shuffle_for_every_k():
    full = top_ranking(TIED, GALLERY, k=40, distance=given, seed=5)
    for k in (1, 5, 20):
        np.testing.assert_array_equal(top_ranking(TIED, GALLERY, k=k, distance=given, seed=5), full[:, :k])
    order = top_ranking(np.zeros((1, 40)), GALLERY, k=40, distance=given, seed=5)[0]
    place = np.argsort(order)
    for row, scores in zip(full, TIED, strict=True):
        assert row.tolist() == sorted(range(40), key=lambda item, s=scores: (-s[item], place[item]))


def test_another_seed_orders_ties_differently():
    first, second = (top_ranking(TIED, GALLERY, distance=given, seed=seed) for seed in (0, 1))
    assert (first != second).any()


def test_precision_counted_from_the_ranking_equals_the_stable_rule():
    labels, among = RNG.integers(3, size=12), RNG.integers(3, size=40)
    found = evaluate(TIED, labels, GALLERY, among, metrics=["p@6"], distance=given, ties="stable", seed=2)
    top = top_ranking(TIED, GALLERY, k=6, distance=given, seed=2)
    np.testing.assert_allclose(found.per_query["p@6"], (among[top] == labels[:, None]).mean(axis=1))


def test_block_size_changes_nothing():
    np.testing.assert_array_equal(
        top_ranking(TIED, GALLERY, k=9, distance=given, block=5),
        top_ranking(TIED, GALLERY, k=9, distance=given),
    )


def test_k_must_be_positive():
    with pytest.raises(ValueError, match="k must be a whole number from 1, got 0"):
        top_ranking(QUERIES, GALLERY, k=0)
