"""Chance: the mean over every order of the gallery."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from metrics import chance, chance_pr_curve


def test_chance_of_average_precision_is_above_the_share_of_positives():
    assert chance(365, 27, "map@all") == pytest.approx(0.088, abs=5e-4)
    assert pytest.approx(0.074, abs=5e-4) == 27 / 365


def test_chance_of_interpolated_precision_is_above_that_of_the_plain_one():
    found = chance(365, 27, "map@all/voc")
    assert found == pytest.approx(0.098, abs=0.002)
    assert found == chance(365, 27, "map@all/voc")
    rng = np.random.default_rng(0)
    ranks = np.sort(rng.random((20_000, 365)).argpartition(27, axis=1)[:, :27], axis=1) + 1
    precisions = np.arange(1, 28) / ranks
    best = np.maximum.accumulate(precisions[:, ::-1], axis=1)[:, ::-1].mean(axis=1)
    assert abs(found - best.mean()) < 3 * best.std() / math.sqrt(len(best))


@pytest.mark.parametrize("metric_id", ["p@10", "p@10/item", "p@10/capped", "r_precision"])
def test_chance_of_precision_is_the_share_of_positives(metric_id):
    assert chance(365, 27, metric_id) == pytest.approx(27 / 365, abs=1e-15)


def test_chance_of_a_hit_is_one_less_the_chance_of_missing():
    assert chance(10, 3, "hit@2") == pytest.approx(1 - 7 / 10 * 6 / 9)


def test_chance_of_acc_counts_the_instances():
    assert chance(50, 10, "acc@5", n_instances=1) == pytest.approx(5 / 50)


@pytest.mark.parametrize(
    ("metric_id", "of_ranks"),
    [
        ("map@all", lambda ranks: sum((i + 1) / rank for i, rank in enumerate(ranks)) / len(ranks)),
        (
            "map@3/min_k_r",
            lambda ranks: sum((i + 1) / r for i, r in enumerate(ranks) if r <= 3) / min(3, len(ranks)),
        ),
        (
            "map@3/hits",
            lambda ranks: np.mean([(i + 1) / r for i, r in enumerate(ranks) if r <= 3] or [0]),
        ),
        (
            "map@r",
            lambda ranks: sum((i + 1) / r for i, r in enumerate(ranks) if r <= len(ranks)) / len(ranks),
        ),
        (
            "ndcg@3",
            lambda ranks: (
                sum(1 / math.log2(1 + r) for r in ranks if r <= 3)
                / sum(1 / math.log2(1 + r) for r in range(1, min(3, len(ranks)) + 1))
            ),
        ),
        ("p@3/item", lambda ranks: 4 in ranks),
        ("mrr", lambda ranks: 1 / ranks[0]),
        ("r_precision", lambda ranks: sum(rank <= len(ranks) for rank in ranks) / len(ranks)),
    ],
)
def test_chance_is_the_mean_over_all_places_of_the_positives(metric_id, of_ranks):
    for n, r in itertools.product((5, 8), (1, 2, 4)):
        every = [of_ranks(ranks) for ranks in itertools.combinations(range(1, n + 1), r)]
        assert chance(n, r, metric_id) == pytest.approx(np.mean(every), abs=1e-12)


def test_chance_of_several_queries_is_the_mean_over_those_with_positives():
    singles = [chance(60, r, "map@all") for r in (5, 5, 9)]
    assert chance(60, [5, 0, 9, 5], "map@all") == pytest.approx(np.mean(singles), abs=1e-15)


def test_each_query_may_have_a_gallery_of_its_own():
    assert chance([20, 40], [4, 4], "p@5") == pytest.approx((4 / 20 + 4 / 40) / 2)


def test_chance_of_no_positives_is_nan():
    assert np.isnan(chance(10, [0, 0], "map@all"))
    assert np.isnan(chance_pr_curve(10, [0, 0])).all()


@pytest.mark.parametrize("k", [2, 6])
def test_chance_of_interpolated_precision_of_the_first_k_is_near_the_mean_over_all_places(k):
    every = []
    for ranks in itertools.combinations(range(1, 10), 4):
        precisions = [(i + 1) / rank for i, rank in enumerate(ranks) if rank <= k]
        every.append(sum(max(precisions[i:]) for i in range(len(precisions))) / min(k, 4))
    # Three times closer than 32 orders come.
    assert abs(chance(9, 4, f"map@{k}/voc") - np.mean(every)) < np.std(every) / math.sqrt(32) / 3


@pytest.mark.parametrize(
    "metric_id",
    ["map@all", "map@7/k", "map@7/hits", "p@7/capped", "p@7/item", "recall@7/r", "map@r", "ndcg@7", "hit@7",
     "mrr"],
)  # fmt: skip
def test_constant_scores_are_measured_at_chance(evaluate_scores, metric_id):
    labels, among = [0, 1, 1, 2], np.repeat([0, 1, 2], [3, 9, 18])
    found = evaluate_scores(np.zeros((4, 30)), labels, among, metrics=[metric_id])
    assert found.summary[metric_id] == pytest.approx(chance(30, [3, 9, 9, 18], metric_id), abs=1e-15)


def test_curve_of_constant_scores_is_the_share_of_positives_at_every_recall(evaluate_scores):
    found = evaluate_scores(np.zeros((2, 10)), [0, 1], [0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
    np.testing.assert_allclose(found.pr_curve, [0.3] * 11)
    np.testing.assert_allclose(chance_pr_curve(10, [2, 4]), [0.3] * 11)


def test_chance_of_a_curve_has_its_own_function():
    with pytest.raises(ValueError, match="'pr_curve' is a curve, not a number: use chance_pr_curve"):
        chance(10, 2, "pr_curve")


def test_chance_of_acc_needs_the_instances():
    with pytest.raises(ValueError, match="'acc@1' needs n_instances"):
        chance(10, 2, "acc@1")


def test_cut_beyond_the_gallery_is_refused():
    for metric_id in ("p@11", "p@10/item", "ndcg@11"):
        with pytest.raises(
            ValueError, match=f"'{metric_id}' looks at 11 ranks, but only 10 items are ranked"
        ):
            chance(10, 2, metric_id)


@pytest.mark.parametrize("n_relevant", [-1, 11, 2.5])
def test_counts_that_cannot_be_are_refused(n_relevant):
    with pytest.raises(ValueError, match="whole numbers with 0 <= n_relevant <= n_gallery"):
        chance(10, n_relevant, "p@1")
