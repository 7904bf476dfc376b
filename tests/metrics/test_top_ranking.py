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
    found = top_ranking(QUERIES, GALLERY, k=k, distance="dot")
    np.testing.assert_array_equal(found.items, expected)
    assert not found.tied.any()


def test_result_is_int32_of_no_more_columns_than_the_gallery():
    items, tied = top_ranking(QUERIES, GALLERY)
    assert (items.shape, items.dtype) == ((12, 40), np.int32)
    assert (tied.shape, tied.dtype) == ((12, 40), np.bool_)


def test_ties_keep_the_order_of_the_seeded_shuffle_for_every_k():
    full = top_ranking(TIED, GALLERY, k=40, distance=given, seed=5).items
    for k in (1, 5, 20):
        found = top_ranking(TIED, GALLERY, k=k, distance=given, seed=5).items
        np.testing.assert_array_equal(found, full[:, :k])
    order = top_ranking(np.zeros((1, 40)), GALLERY, k=40, distance=given, seed=5).items[0]
    place = np.argsort(order)
    for row, scores in zip(full, TIED, strict=True):
        assert row.tolist() == sorted(range(40), key=lambda item, s=scores: (-s[item], place[item]))


def test_another_seed_orders_ties_differently():
    first, second = (top_ranking(TIED, GALLERY, distance=given, **seed) for seed in ({}, {"seed": 1}))
    np.testing.assert_array_equal(first.items, top_ranking(TIED, GALLERY, distance=given, seed=0).items)
    assert (first.items != second.items).any()
    np.testing.assert_array_equal(first.tied, second.tied)


@pytest.mark.parametrize("k", [1, 5, 39, 40])
def test_a_rank_is_tied_where_the_next_one_has_the_same_score(k):
    downwards = -np.sort(-TIED, axis=1)
    expected = np.column_stack([downwards[:, 1:] == downwards[:, :-1], np.zeros(12, dtype=bool)])[:, :k]
    assert expected[:, : k - 1].any() or k == 1
    for scores in (TIED, TIED.astype(np.int8), TIED.astype(float)):
        np.testing.assert_array_equal(top_ranking(scores, GALLERY, k=k, distance=given).tied, expected)


@pytest.mark.parametrize("distance", ["euclidean", "cosine", "dot"])
def test_copies_in_the_gallery_are_tied(distance):
    copies = np.repeat(RNG.normal(size=(33, 65)).astype(np.float32), 3, axis=0)
    found = top_ranking(RNG.normal(size=(20, 65)).astype(np.float32), copies, k=30, distance=distance)
    np.testing.assert_array_equal(found.tied, [[True, True, False] * 10] * 20)


def test_precision_counted_from_the_ranking_equals_the_stable_rule():
    labels, among = RNG.integers(3, size=12), RNG.integers(3, size=40)
    found = evaluate(TIED, labels, GALLERY, among, metrics=["p@6"], distance=given, ties="stable", seed=2)
    top = top_ranking(TIED, GALLERY, k=6, distance=given, seed=2).items
    np.testing.assert_allclose(found.per_query["p@6"], (among[top] == labels[:, None]).mean(axis=1))


def test_block_size_changes_nothing():
    blocks, whole = (top_ranking(TIED, GALLERY, k=9, distance=given, block=block) for block in (5, 256))
    np.testing.assert_array_equal(blocks.items, whole.items)
    np.testing.assert_array_equal(blocks.tied, whole.tied)


def test_k_must_be_positive():
    with pytest.raises(ValueError, match="k must be a whole number from 1, got 0"):
        top_ranking(QUERIES, GALLERY, k=0)
