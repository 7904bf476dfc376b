"""The order of the test items tells nothing: files lie class by class, and a method must not rebuild that."""

import numpy as np
import pytest

from benchmark.contract.tiny_world import ArraySource, TinyWorld
from datasets.task import Answers, ZeroShotTask


@pytest.fixture
def world(tiny_world: TinyWorld) -> TinyWorld:
    return tiny_world


def answers(world: TinyWorld, order_key: str) -> Answers:
    sources = {"sketches": ArraySource(world.sketch_features), "photos": ArraySource(world.photo_features)}
    return ZeroShotTask(world.index, world.roles, world.split, order_key=order_key, **sources).answers()


def test_no_small_seed_gives_the_order(world: TinyWorld) -> None:
    order = answers(world, "hash of a file list").query_order
    guesses = (np.random.default_rng(seed).permutation(len(order)) for seed in range(2000))
    assert not any(np.array_equal(guess, order) for guess in guesses)


def test_the_order_follows_the_file_list(world: TinyWorld) -> None:
    first, same, other = (answers(world, key).gallery_order for key in ("one", "one", "another"))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_queries_and_gallery_have_orders_of_their_own(world: TinyWorld) -> None:
    found = answers(world, "one")
    n_both = min(len(found.queries), len(found.gallery))
    queries = [i for i in found.query_order if i < n_both]
    assert queries != [i for i in found.gallery_order if i < n_both]
