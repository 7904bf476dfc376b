"""What must not move a number, for any data that hypothesis can think of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import evaluate

IDS = ["map@all", "map@2/r", "map@2/k", "map@2/min_k_r", "p@2", "p@2/capped", "p@2/min_k_r", "recall@2/r",
       "r_precision", "hit@2", "mrr", "acc@1"]  # fmt: skip


@st.composite
def worlds(draw):
    """Scores with many ties, labels and instances of a few queries and items."""
    n_queries, n_gallery = draw(st.integers(1, 5)), draw(st.integers(2, 12))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    levels = draw(st.sampled_from([1, 2, 4, 1000]))
    return {
        "scores": rng.integers(-levels, levels, size=(n_queries, n_gallery)).astype(float),
        "query_labels": rng.integers(3, size=n_queries),
        "gallery_labels": rng.integers(3, size=n_gallery),
        "query_instances": rng.integers(4, size=n_queries),
        "gallery_instances": rng.integers(4, size=n_gallery),
    }


def measure(world, **options):
    found = evaluate(
        world["scores"],
        world["query_labels"],
        np.zeros((world["scores"].shape[1], 1)),
        world["gallery_labels"],
        query_instances=world["query_instances"],
        gallery_instances=world["gallery_instances"],
        **{"metrics": IDS, "distance": lambda block, _: block, **options},
    )
    return np.column_stack([*(found.per_query[metric_id] for metric_id in IDS), found.pr_per_query])


quick = settings(max_examples=40, deadline=None)


@quick
@given(worlds())
def test_values_lie_between_zero_and_one_or_are_nan(world):
    values = measure(world)
    assert ((values >= 0) & (values <= 1) | np.isnan(values)).all()


@quick
@given(worlds(), st.sampled_from(["expected", "stable"]), st.integers(1, 6))
def test_block_size_changes_nothing_at_all(world, ties, block):
    np.testing.assert_array_equal(measure(world, ties=ties), measure(world, ties=ties, block=block))


@quick
@given(worlds(), st.sampled_from(["expected", "stable"]))
def test_increasing_transforms_of_the_scores_change_nothing_at_all(world, ties):
    before = measure(world, ties=ties)
    for transform in (lambda s: s - 5000, lambda s: 3 * s + 1, lambda s: s**3, np.arctan):
        after = measure({**world, "scores": transform(world["scores"])}, ties=ties)
        np.testing.assert_array_equal(before, after)


@quick
@given(worlds(), st.randoms(use_true_random=False))
def test_order_of_the_gallery_changes_nothing_at_all(world, random):
    order = list(range(world["scores"].shape[1]))
    random.shuffle(order)
    other = {
        **world,
        "scores": world["scores"][:, order],
        "gallery_labels": world["gallery_labels"][order],
        "gallery_instances": world["gallery_instances"][order],
    }
    np.testing.assert_array_equal(measure(world), measure(other))


@quick
@given(worlds(), st.randoms(use_true_random=False))
def test_order_of_the_queries_only_reorders_the_values(world, random):
    order = list(range(len(world["scores"])))
    random.shuffle(order)
    keys = ("scores", "query_labels", "query_instances")
    other = {**world, **{key: world[key][order] for key in keys}}
    np.testing.assert_array_equal(measure(world)[order], measure(other))


@quick
@given(worlds())
def test_a_last_item_that_is_no_positive_changes_nothing(world):
    last = world["scores"].min() - 1
    other = {
        **world,
        "scores": np.column_stack([world["scores"], np.full(len(world["scores"]), last)]),
        "gallery_labels": np.append(world["gallery_labels"], 99),
        "gallery_instances": np.append(world["gallery_instances"], 99),
    }
    np.testing.assert_allclose(measure(world), measure(other), atol=1e-15)


@quick
@given(worlds())
def test_minus_zero_ties_with_zero(world):
    signed = {**world, "scores": np.where(world["scores"] > 0, 0.0, -0.0)}
    flat = {**world, "scores": np.zeros_like(world["scores"])}
    for ties in ("expected", "stable"):
        np.testing.assert_array_equal(measure(signed, ties=ties), measure(flat, ties=ties))


@quick
@given(worlds())
def test_perfect_order_reaches_one_wherever_the_definition_allows_it(world):
    world["scores"] = (world["query_labels"][:, None] == world["gallery_labels"]).astype(float)
    reachable = [
        IDS.index(name) for name in ("map@all", "map@2/min_k_r", "p@2/min_k_r", "r_precision", "mrr")
    ]
    values = measure(world)[:, reachable]
    assert values[~np.isnan(values)] == pytest.approx(1)
