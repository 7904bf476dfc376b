"""Every id on rankings small enough to work out on paper."""

from __future__ import annotations

import math

import numpy as np
import pytest

# Positives at ranks 1, 3, 6 of 8.
RANKING = [1, 0, 1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("metric_id", "expected"),
    [
        ("map@all", (1 / 1 + 2 / 3 + 3 / 6) / 3),
        ("map@2/r", (1 / 1) / 3),
        ("map@2/k", (1 / 1) / 2),
        ("map@2/min_k_r", (1 / 1) / 2),
        ("map@5/r", (1 / 1 + 2 / 3) / 3),
        ("map@5/k", (1 / 1 + 2 / 3) / 5),
        ("map@5/min_k_r", (1 / 1 + 2 / 3) / 3),
        ("map@2/hits", 1),
        ("map@5/hits", (1 / 1 + 2 / 3) / 2),
        ("map@5/voc", (1 / 1 + 2 / 3) / 3),
        ("map@2/voc", (1 / 1) / 2),
        ("p@1", 1),
        ("p@5", 2 / 5),
        ("p@8", 3 / 8),
        ("p@2/capped", 1 / 2),
        ("p@8/capped", 2 / 3),
        ("p@5/min_k_r", 2 / 3),
        ("p@2/min_k_r", 1 / 2),
        ("p@1/item", 0),
        ("p@2/item", 1),
        ("p@5/item", 1),
        ("p@7/item", 0),
        ("recall@5/r", 2 / 3),
        ("recall@6/r", 1),
        ("r_precision", 2 / 3),
        ("map@r", (1 / 1 + 2 / 3) / 3),
        ("ndcg@1", 1),
        ("ndcg@2", 1 / (1 + 1 / math.log2(3))),
        ("ndcg@5", (1 + 1 / 2) / (1 + 1 / math.log2(3) + 1 / 2)),
        ("ndcg@8", (1 + 1 / 2 + 1 / math.log2(7)) / (1 + 1 / math.log2(3) + 1 / 2)),
        ("hit@1", 1),
        ("mrr", 1),
    ],
)
def test_id_on_positives_at_ranks_one_three_six(evaluate_relevance, metric_id, expected):
    assert evaluate_relevance(RANKING, metrics=[metric_id]).summary[metric_id] == pytest.approx(
        expected, abs=1e-15
    )


@pytest.mark.parametrize(
    ("metric_id", "expected"),
    [
        ("mrr", 1 / 3),
        ("hit@2", 0),
        ("hit@3", 1),
        ("p@1", 0),
        ("p@2/item", 1),
        ("r_precision", 0),
        ("map@r", 0),
        ("map@2/hits", 0),
        ("map@2/voc", 0),
        ("map@3/hits", 1 / 3),
        ("map@3/voc", (1 / 3) / 2),
        ("ndcg@2", 0),
        ("ndcg@3", (1 / 2) / (1 + 1 / math.log2(3))),
    ],
)
def test_id_when_the_first_positive_stands_at_rank_three(evaluate_relevance, metric_id, expected):
    assert evaluate_relevance([0, 0, 1, 0, 1], metrics=[metric_id]).summary[metric_id] == pytest.approx(
        expected
    )


# Precision at the positives 1/3, 2/4, 3/5, 4/9: the best from each on 3/5, 3/5, 3/5, 4/9.
@pytest.mark.parametrize(
    ("metric_id", "expected"),
    [
        ("map@all", (1 / 3 + 2 / 4 + 3 / 5 + 4 / 9) / 4),
        ("map@all/voc", (3 / 5 + 3 / 5 + 3 / 5 + 4 / 9) / 4),
        ("map@9/voc", (3 / 5 + 3 / 5 + 3 / 5 + 4 / 9) / 4),
        ("map@5/voc", (3 / 5 + 3 / 5 + 3 / 5) / 4),
        ("map@4/voc", (2 / 4 + 2 / 4) / 4),  # what comes after rank 4 counts for nothing
        ("map@3/voc", (1 / 3) / 3),
    ],
)
def test_interpolated_precision_is_the_best_from_each_positive_on(evaluate_relevance, metric_id, expected):
    found = evaluate_relevance([0, 0, 1, 1, 1, 0, 0, 0, 1], metrics=[metric_id])
    assert found.summary[metric_id] == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("metric_id", "expected"),
    [("map@2/r", 1 / 3), ("map@2/min_k_r", 1 / 2), ("map@2/k", 1 / 2), ("map@2/hits", 1)],
)
def test_divisors_of_the_top_two_differ(evaluate_relevance, metric_id, expected):
    found = evaluate_relevance([1, 0, 1, 1], metrics=[metric_id])
    assert found.summary[metric_id] == pytest.approx(expected)


def test_precision_recall_curve_is_the_best_precision_from_each_recall_on(evaluate_relevance):
    # Precision at the positives 1, 2/3, 1/2; recalls 1/3, 2/3, 1.
    expected = [1, 1, 1, 1, 2 / 3, 2 / 3, 2 / 3, 1 / 2, 1 / 2, 1 / 2, 1 / 2]
    np.testing.assert_allclose(evaluate_relevance(RANKING).pr_curve, expected, atol=1e-15)


def test_precision_recall_curve_looks_beyond_the_recall_it_stands_at(evaluate_relevance):
    # Precision 1/2 at the first positive, 2/3 at the second: the better one counts from recall 0 on.
    np.testing.assert_allclose(evaluate_relevance([0, 1, 1]).pr_curve, [2 / 3] * 11, atol=1e-15)


def test_recall_three_tenths_of_ten_positives_needs_three_of_them(evaluate_relevance):
    ranking = [1, 1, 1, *[0] * 17, *[1] * 7]  # 0.1 * 3 * 10 is 3.0000000000000004 in floating point
    curve = evaluate_relevance(ranking).pr_curve
    np.testing.assert_allclose(curve[3:5], [1, 10 / 27], atol=1e-15)


def test_acc_asks_for_the_instance_and_not_for_the_class(evaluate_scores):
    found = evaluate_scores(
        [[3.0, 2.0, 1.0]],
        ["cat"],
        ["cat", "cat", "cat"],
        query_instances=["tom"],
        gallery_instances=["felix", "tom", "tom"],
        metrics=["acc@1", "acc@2", "hit@1"],
    )
    assert found.summary == {"acc@1": 0.0, "acc@2": 1.0, "hit@1": 1.0}


def test_two_items_in_one_tie_one_positive_average_their_two_orders(evaluate_scores):
    halves = ["p@1", "p@1/item", "hit@1", "recall@1/r", "map@1/hits", "map@r", "ndcg@1"]
    expected = {**dict.fromkeys(halves, 0.5), "map@all": 0.75, "mrr": 0.75, "map@2/hits": 0.75}
    found = evaluate_scores([[5, 5]], [1], [1, 0], metrics=list(expected))
    assert found.summary == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ties", "curve"),
    [
        ("expected", [2 / 3] * 11),  # operating points: (recall 1/2, precision 1/2) and (1, 2/3)
        ("grouped", [2 / 3] * 11),
        ("optimistic", [1] * 6 + [2 / 3] * 5),  # positives at ranks 1 and 3
        ("pessimistic", [2 / 3] * 11),  # positives at ranks 2 and 3
    ],
)
def test_curve_reads_a_tie_as_one_threshold_or_in_the_order_of_the_rule(evaluate_scores, ties, curve):
    found = evaluate_scores([[5, 5, 1]], [1], [1, 0, 1], ties=ties)
    np.testing.assert_allclose(found.pr_curve, curve, atol=1e-15)
