"""Which items are held out: a share of every class, drawn by content."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from datasets.finetuning.items import TrainingItems, held_out


def made(labels, contents=None):
    """Items of these labels, of different contents where none are given."""
    contents = range(len(labels)) if contents is None else contents
    digests = [hashlib.sha256(str(content).encode()).hexdigest() for content in contents]
    return TrainingItems([*map(Path, digests)], digests, np.asarray(labels), max(labels) + 1)


@pytest.mark.parametrize(("n", "expected"), [(2, 1), (9, 1), (10, 1), (11, 2), (20, 2), (21, 3)])
def test_of_every_class_a_tenth_is_held_out_rounded_up(n, expected):
    items = made([0] * n + [1] * 10)
    assert np.bincount(items.labels[held_out(items, 0.1, 0)]).tolist() == [expected, 1]


def test_a_class_of_one_picture_keeps_it():
    items = made([0, 1, 1, 1])
    assert not held_out(items, 0.9, 0)[0]


@pytest.mark.parametrize("frac", [0.5, 0.9, 0.99])
def test_a_class_keeps_a_picture_whatever_the_share(frac):
    items = made([0] * 5 + [1] * 2)
    assert set(items.labels[~held_out(items, frac, 0)].tolist()) == {0, 1}


def test_copies_of_a_picture_are_on_one_side():
    items = made([0] * 20 + [1] * 20, [*range(10), *range(10), *range(10, 30)])
    is_held_out = held_out(items, 0.4, 0)
    assert is_held_out[:10].tolist() == is_held_out[10:20].tolist()
    assert is_held_out[:10].sum() == 4


@pytest.mark.parametrize("seed", range(5))
def test_a_picture_of_two_classes_is_on_one_side_and_both_classes_train(seed):
    items = made([0] * 12 + [1] * 12 + [2], [*range(12), *range(6, 18), 6])
    is_held_out = held_out(items, 0.4, seed)
    digests = np.array(items.digests)
    assert not set(digests[is_held_out]) & set(digests[~is_held_out])
    assert set(items.labels[~is_held_out].tolist()) == {0, 1, 2}
    assert is_held_out.any()


def test_the_draw_is_the_same_on_every_machine():
    # With sha256sum: of the digests of "0" to "9", each behind "0 ", those with the smallest hashes.
    assert np.flatnonzero(held_out(made([0] * 10), 0.3, 0)).tolist() == [0, 5, 7]


def test_another_seed_draws_others():
    items = made([0] * 40)
    assert held_out(items, 0.3, 0).tolist() != held_out(items, 0.3, 1).tolist()


def test_the_order_of_the_items_does_not_matter():
    items, order = made([0] * 15 + [1] * 15), np.random.default_rng(0).permutation(30)
    shuffled = TrainingItems(items.files, [items.digests[i] for i in order], items.labels[order], 2)
    assert held_out(shuffled, 0.3, 0).tolist() == held_out(items, 0.3, 0)[order].tolist()
