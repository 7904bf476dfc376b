"""Every id on rankings small enough to work out on paper."""

from __future__ import annotations

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
        ("p@1", 1),
        ("p@5", 2 / 5),
        ("p@8", 3 / 8),
        ("p@2/capped", 1 / 2),
        ("p@8/capped", 2 / 3),
        ("p@5/min_k_r", 2 / 3),
        ("p@2/min_k_r", 1 / 2),
        ("recall@5/r", 2 / 3),
        ("recall@6/r", 1),
        ("r_precision", 2 / 3),
        ("hit@1", 1),
        ("mrr", 1),
    ],
)
def test_id_on_positives_at_ranks_one_three_six(evaluate_relevance, metric_id, expected):
    assert evaluate_relevance(RANKING, metrics=[metric_id]).summary[metric_id] == pytest.approx(
        expected, abs=1e-15
    )


@pytest.mark.parametrize(
    ("metric_id", "expected"), [("mrr", 1 / 3), ("hit@2", 0), ("hit@3", 1), ("p@1", 0), ("r_precision", 0)]
)
def test_id_when_the_first_positive_stands_at_rank_three(evaluate_relevance, metric_id, expected):
    assert evaluate_relevance([0, 0, 1, 0, 1], metrics=[metric_id]).summary[metric_id] == pytest.approx(
        expected
    )


@pytest.mark.parametrize(
    ("metric_id", "expected"), [("map@2/r", 1 / 3), ("map@2/min_k_r", 1 / 2), ("map@2/k", 1 / 2)]
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
    ids = ["map@all", "p@1", "hit@1", "mrr", "recall@1/r"]
    found = evaluate_scores([[5, 5]], [1], [1, 0], metrics=ids)
    assert found.summary == pytest.approx(
        {"map@all": 0.75, "p@1": 0.5, "hit@1": 0.5, "mrr": 0.75, "recall@1/r": 0.5}
    )


def test_curve_reads_a_tie_as_one_threshold(evaluate_scores):
    found = evaluate_scores([[5, 5, 1]], [1], [1, 0, 1])
    # Operating points: (recall 1/2, precision 1/2) and (1, 2/3).
    np.testing.assert_allclose(found.pr_curve, [2 / 3] * 11, atol=1e-15)
