"""Every id against slow formulas: over all orders of the ties, over one stable order, and scikit-learn."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from metrics.ranking import seeded_shuffle


def _sum_of_precisions(ranks, k):
    return sum((i + 1) / rank for i, rank in enumerate(ranks) if rank <= k)


def _hits(ranks, k):
    return sum(rank <= k for rank in ranks)


SLOW = {
    "map@all": lambda ranks, k: _sum_of_precisions(ranks, math.inf) / len(ranks),
    "map@k/r": lambda ranks, k: _sum_of_precisions(ranks, k) / len(ranks),
    "map@k/k": lambda ranks, k: _sum_of_precisions(ranks, k) / k,
    "map@k/min_k_r": lambda ranks, k: _sum_of_precisions(ranks, k) / min(k, len(ranks)),
    "p@k": lambda ranks, k: _hits(ranks, k) / k,
    "p@k/capped": lambda ranks, k: _hits(ranks, min(k, len(ranks))) / min(k, len(ranks)),
    "p@k/min_k_r": lambda ranks, k: _hits(ranks, k) / min(k, len(ranks)),
    "recall@k/r": lambda ranks, k: _hits(ranks, k) / len(ranks),
    "r_precision": lambda ranks, k: _hits(ranks, len(ranks)) / len(ranks),
    "hit@k": lambda ranks, k: float(_hits(ranks, k) > 0),
    "acc@k": lambda ranks, k: float(_hits(ranks, k) > 0),
    "mrr": lambda ranks, k: 1 / min(ranks),
}


def _orders(scores):
    """Every order of the items that sorts the scores downwards."""
    ties = [np.flatnonzero(scores == value) for value in sorted(set(scores.tolist()), reverse=True)]
    for parts in itertools.product(*(itertools.permutations(tie) for tie in ties)):
        yield [int(item) for part in parts for item in part]


def _ranks(order, relevant):
    return [rank for rank, item in enumerate(order, start=1) if relevant[item]]


def _cases(n_cases, n_max, n_levels, seed):
    rng = np.random.default_rng(seed)
    while n_cases:
        n = int(rng.integers(2, n_max + 1))
        scores, relevant = rng.integers(n_levels, size=n), rng.integers(2, size=n)
        if relevant.any():
            n_cases -= 1
            yield scores, relevant, int(rng.integers(1, n + 1))


CASES = list(_cases(60, n_max=6, n_levels=3, seed=0))


def _evaluate(evaluate_scores, pattern, k, scores, relevant, **options):
    metric_id = pattern.replace("@k", f"@{k}")
    given = {"query_instances": [1], "gallery_instances": relevant.tolist()} if pattern == "acc@k" else {}
    found = evaluate_scores(scores[None, :], [1], relevant, metrics=[metric_id], **given, **options)
    return found.summary[metric_id]


@pytest.mark.parametrize("pattern", SLOW)
def test_expected_is_the_mean_over_all_orders_of_the_ties(evaluate_scores, pattern):
    for scores, relevant, k in CASES:
        slow = [SLOW[pattern](_ranks(order, relevant), k) for order in _orders(scores)]
        found = _evaluate(evaluate_scores, pattern, k, scores, relevant)
        assert found == pytest.approx(math.fsum(slow) / len(slow), abs=1e-12)


@pytest.mark.parametrize("pattern", SLOW)
def test_stable_is_gallery_order_after_one_shuffle(evaluate_scores, pattern):
    for seed, (scores, relevant, k) in enumerate(CASES):
        shuffle = seeded_shuffle(len(scores), seed).tolist()
        order = sorted(shuffle, key=lambda item, scores=scores: -scores[item])
        found = _evaluate(evaluate_scores, pattern, k, scores, relevant, ties="stable", seed=seed)
        assert found == pytest.approx(SLOW[pattern](_ranks(order, relevant), k), abs=1e-12)


@pytest.mark.parametrize("pattern", SLOW)
def test_without_ties_both_rules_give_the_formula_to_1e_12(evaluate_scores, pattern):
    rng = np.random.default_rng(1)
    scores, relevant = rng.permutation(500).astype(float), (rng.random(500) < 0.2).astype(int)
    slow = SLOW[pattern](_ranks(np.argsort(-scores).tolist(), relevant), 30)
    for ties in ("expected", "stable"):
        found = _evaluate(evaluate_scores, pattern, 30, scores, relevant, ties=ties)
        assert found == pytest.approx(slow, abs=1e-12)


def test_shuffle_of_ties_is_fixed_by_the_seed_and_is_no_identity():
    assert seeded_shuffle(50, 3).tolist() == seeded_shuffle(50, 3).tolist()
    assert seeded_shuffle(50, 3).tolist() not in (seeded_shuffle(50, 4).tolist(), list(range(50)))


def test_map_at_all_equals_scikit_learn_where_nothing_ties(evaluate_scores):
    rng = np.random.default_rng(2)
    scores, labels = rng.normal(size=(40, 300)), rng.integers(4, size=300)
    queries = rng.integers(4, size=40)
    found = evaluate_scores(scores, queries, labels).per_query["map@all"]
    peer = [average_precision_score(labels == label, row) for label, row in zip(queries, scores, strict=True)]
    np.testing.assert_allclose(found, peer, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_levels", [5, 10**9])
def test_curve_equals_scikit_learn_with_and_without_ties(evaluate_scores, n_levels):
    rng = np.random.default_rng(3)
    scores, labels = rng.integers(n_levels, size=(20, 120)), rng.integers(2, size=120)
    found = evaluate_scores(scores, np.ones(20), labels).pr_per_query
    for row, curve in zip(scores, found, strict=True):
        precision, recall, _ = precision_recall_curve(labels == 1, row, drop_intermediate=False)
        precision, recall = precision[:-1], recall[:-1]
        needed = [max(1, math.ceil(Fraction(tenth, 10) * int(labels.sum()))) for tenth in range(11)]
        peer = [precision[np.rint(recall * labels.sum()) >= least].max() for least in needed]
        np.testing.assert_allclose(curve, peer, rtol=0, atol=1e-12)


def test_curve_under_the_stable_rule_is_that_of_its_one_order(evaluate_scores):
    n_moved = 0
    for seed, (scores, relevant, _) in enumerate(CASES):
        shuffle = seeded_shuffle(len(scores), seed).tolist()
        ranks = _ranks(sorted(shuffle, key=lambda item, scores=scores: -scores[item]), relevant)
        precisions = [(i + 1) / rank for i, rank in enumerate(ranks)]
        slow = [
            max(p for i, p in enumerate(precisions, start=1) if 10 * i >= tenth * len(ranks))
            for tenth in range(11)
        ]
        found = evaluate_scores(scores[None, :], [1], relevant, ties="stable", seed=seed).pr_curve
        np.testing.assert_allclose(found, slow, rtol=0, atol=1e-12)
        n_moved += not np.allclose(found, evaluate_scores(scores[None, :], [1], relevant).pr_curve)
    assert n_moved > 0


def test_large_ties_keep_1e_12(evaluate_scores):
    # Place j of a tie holds a positive with r/n; given that, (j-1)(r-1)/(n-1) others stand before it.
    rng = np.random.default_rng(4)
    scores, relevant = rng.integers(900, size=20_000), (rng.random(20_000) < 0.3).astype(int)
    shares, n_before, relevant_before = [], 0, 0
    for value in np.unique(scores)[::-1]:
        n, r = int((scores == value).sum()), int(relevant[scores == value].sum())
        shares += [
            r / n * (relevant_before + 1 + (j - 1) * (r - 1) / (n - 1)) / (n_before + j)
            for j in range(1, n + 1)
        ]
        n_before, relevant_before = n_before + n, relevant_before + r
    found = evaluate_scores(scores[None, :], [1], relevant).summary["map@all"]
    assert found == pytest.approx(math.fsum(shares) / relevant_before, abs=1e-13)
