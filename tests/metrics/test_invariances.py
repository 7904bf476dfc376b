"""What must not move a number, for any data that hypothesis can think of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import evaluate
from metrics.definitions import TIE_RULES

IDS = ["map@all", "map@2/r", "map@2/k", "map@2/min_k_r", "map@2/hits", "p@2", "p@2/capped", "p@2/min_k_r",
       "p@2/item", "recall@2/r", "r_precision", "map@r", "ndcg@2", "hit@2", "mrr", "acc@1"]  # fmt: skip
SAMPLED = ["map@all/voc", "map@2/voc"]  # under `expected` a mean over seeded orders
RULES = st.sampled_from(list(TIE_RULES))
# The order of the gallery is the whole point of `stable`.
SYMMETRIC = st.sampled_from([rule for rule in TIE_RULES if rule != "stable"])


@st.composite
def worlds(draw):
    """Scores with many ties, labels and instances of a few queries and items."""
    n_queries, n_gallery = draw(st.integers(1, 5)), draw(st.integers(3, 12))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    levels = draw(st.sampled_from([1, 2, 4, 1000]))
    return {
        "scores": rng.integers(-levels, levels, size=(n_queries, n_gallery)).astype(float),
        "query_labels": rng.integers(3, size=n_queries),
        "gallery_labels": rng.integers(3, size=n_gallery),
        "query_instances": rng.integers(4, size=n_queries),
        "gallery_instances": rng.integers(4, size=n_gallery),
    }


def measure(world, ids=(*IDS, *SAMPLED), ties="expected", **options):
    ids = ["map@all"] if ties == "grouped" else list(ids)
    found = evaluate(
        world["scores"],
        world["query_labels"],
        np.zeros((world["scores"].shape[1], 1)),
        world["gallery_labels"],
        query_instances=world["query_instances"],
        gallery_instances=world["gallery_instances"],
        **{"metrics": ids, "distance": lambda block, _: block, "ties": ties, **options},
    )
    return np.column_stack([*(found.per_query[metric_id] for metric_id in ids), found.pr_per_query])


def of_the_set(ties):
    """The ids whose value depends on the set of items alone, not on where they stand in the gallery."""
    return IDS if ties == "expected" else [*IDS, *SAMPLED]


quick = settings(max_examples=30, deadline=None)


@quick
@given(worlds(), RULES)
def test_values_lie_between_zero_and_one_or_are_nan(world, ties):
    values = measure(world, ties=ties)
    assert ((values >= 0) & (values <= 1) | np.isnan(values)).all()


@quick
@given(worlds(), RULES, st.integers(1, 6))
def test_block_size_changes_nothing_at_all(world, ties, block):
    np.testing.assert_array_equal(measure(world, ties=ties), measure(world, ties=ties, block=block))


TRANSFORMS = {
    "line": lambda s: 3 * s + 1,
    "cube": lambda s: s**3,
    "arctan": np.arctan,
    "offset that leaves the last digit": lambda s: s + 2.0**52,
    "large": lambda s: s * 1e300,
    "denormal": lambda s: s * 5e-324,
    "float32": lambda s: s.astype(np.float32) - 5000,
    "float16": lambda s: s.astype(np.float16),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@settings(max_examples=12, deadline=None)
@given(worlds(), RULES)
def test_increasing_transforms_of_the_scores_change_nothing_at_all(name, world, ties):
    after = {**world, "scores": TRANSFORMS[name](world["scores"])}
    np.testing.assert_array_equal(measure(world, ties=ties), measure(after, ties=ties))


@quick
@given(worlds(), SYMMETRIC, st.randoms(use_true_random=False))
def test_order_of_the_gallery_changes_nothing_at_all(world, ties, random):
    order = list(range(world["scores"].shape[1]))
    random.shuffle(order)
    other = {
        **world,
        "scores": world["scores"][:, order],
        "gallery_labels": world["gallery_labels"][order],
        "gallery_instances": world["gallery_instances"][order],
    }
    ids = of_the_set(ties)
    np.testing.assert_array_equal(measure(world, ids, ties), measure(other, ids, ties))


@quick
@given(worlds(), RULES, st.randoms(use_true_random=False))
def test_order_of_the_queries_only_reorders_the_values(world, ties, random):
    order = list(range(len(world["scores"])))
    random.shuffle(order)
    keys = ("scores", "query_labels", "query_instances")
    other = {**world, **{key: world[key][order] for key in keys}}
    np.testing.assert_array_equal(measure(world, ties=ties)[order], measure(other, ties=ties))


@quick
@given(worlds(), SYMMETRIC)
def test_a_last_item_that_is_no_positive_changes_nothing(world, ties):
    last = world["scores"].min() - 1
    other = {
        **world,
        "scores": np.column_stack([world["scores"], np.full(len(world["scores"]), last)]),
        "gallery_labels": np.append(world["gallery_labels"], 99),
        "gallery_instances": np.append(world["gallery_instances"], 99),
    }
    ids = of_the_set(ties)
    np.testing.assert_allclose(measure(world, ids, ties), measure(other, ids, ties), atol=1e-15)


@quick
@given(worlds(), RULES)
def test_minus_zero_ties_with_zero(world, ties):
    signed = {**world, "scores": np.where(world["scores"] > 0, 0.0, -0.0)}
    flat = {**world, "scores": np.zeros_like(world["scores"])}
    np.testing.assert_array_equal(measure(signed, ties=ties), measure(flat, ties=ties))


@quick
@given(worlds())
def test_perfect_order_reaches_one_wherever_the_definition_allows_it(world):
    world["scores"] = (world["query_labels"][:, None] == world["gallery_labels"]).astype(float)
    reachable = ["map@all", "map@all/voc", "map@2/min_k_r", "map@2/hits", "map@2/voc", "p@2/min_k_r",
                 "r_precision", "map@r", "ndcg@2", "mrr"]  # fmt: skip
    values = measure(world, reachable)[:, : len(reachable)]
    assert values[~np.isnan(values)] == pytest.approx(1)


@quick
@given(worlds(), st.sampled_from(["stable", "optimistic", "pessimistic"]))
def test_interpolation_and_smaller_divisors_never_lower_a_value(world, ties):
    chains = [("map@all", "map@all/voc"), ("map@2/r", "map@2/min_k_r", "map@2/hits"),
              ("map@2/k", "map@2/min_k_r", "map@2/voc")]  # fmt: skip
    for chain in chains:
        values = measure(world, chain, ties)[:, : len(chain)]
        defined = values[~np.isnan(values).any(axis=1)]
        assert (np.diff(defined, axis=1) >= -1e-15).all()
