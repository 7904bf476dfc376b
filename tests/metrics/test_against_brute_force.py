"""Every id against slow formulas: over all orders of the ties, over one stable order, and scikit-learn."""

from __future__ import annotations

import functools
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score, precision_recall_curve

from metrics.ranking import seeded_shuffle


def _precisions(ranks, k=math.inf):
    return [(i + 1) / rank for i, rank in enumerate(ranks) if rank <= k]


def _interpolated(ranks, k=math.inf):
    precisions = _precisions(ranks, k)
    return [max(precisions[i:]) for i in range(len(precisions))]


def _hits(ranks, k):
    return sum(rank <= k for rank in ranks)


def _gain(ranks):
    return sum(1 / math.log2(1 + rank) for rank in ranks)


# ranks: those of the positives, ascending.
SLOW = {
    "map@all": lambda ranks, k: sum(_precisions(ranks)) / len(ranks),
    "map@all/voc": lambda ranks, k: sum(_interpolated(ranks)) / len(ranks),
    "map@k/r": lambda ranks, k: sum(_precisions(ranks, k)) / len(ranks),
    "map@k/k": lambda ranks, k: sum(_precisions(ranks, k)) / k,
    "map@k/min_k_r": lambda ranks, k: sum(_precisions(ranks, k)) / min(k, len(ranks)),
    "map@k/hits": lambda ranks, k: sum(_precisions(ranks, k)) / max(1, _hits(ranks, k)),
    "map@k/voc": lambda ranks, k: sum(_interpolated(ranks, k)) / min(k, len(ranks)),
    "p@k": lambda ranks, k: _hits(ranks, k) / k,
    "p@k/capped": lambda ranks, k: _hits(ranks, min(k, len(ranks))) / min(k, len(ranks)),
    "p@k/min_k_r": lambda ranks, k: _hits(ranks, k) / min(k, len(ranks)),
    "p@k/item": lambda ranks, k: float(k + 1 in ranks),
    "recall@k/r": lambda ranks, k: _hits(ranks, k) / len(ranks),
    "r_precision": lambda ranks, k: _hits(ranks, len(ranks)) / len(ranks),
    "map@r": lambda ranks, k: sum(_precisions(ranks, len(ranks))) / len(ranks),
    "ndcg@k": lambda ranks, k: (
        _gain(rank for rank in ranks if rank <= k) / _gain(range(1, min(k, len(ranks)) + 1))
    ),
    "hit@k": lambda ranks, k: float(_hits(ranks, k) > 0),
    "acc@k": lambda ranks, k: float(_hits(ranks, k) > 0),
    "mrr": lambda ranks, k: 1 / min(ranks),
}
# The mean over all orders of these has no closed form: it is sampled, see test_ties.
SAMPLED = ("map@all/voc", "map@k/voc")


def _curve(ranks):
    precisions = _precisions(ranks)
    return [
        max(p for i, p in enumerate(precisions, start=1) if 10 * i >= tenth * len(ranks))
        for tenth in range(11)
    ]


def _world(n, seed):
    """Eight queries of n items: one without positives, a different number of score levels in each."""
    rng = np.random.default_rng(seed)
    levels = np.array([1, 2, 2, 3, 3, 4, 2, n])[:, None]
    return {
        "scores": rng.integers(levels, size=(8, n)).astype(float),
        "query_labels": np.array([0, 1, 0, 1, 0, 2, 9, 0]),
        "gallery_labels": rng.permutation([0, 1, 0, 1, 0, 2, 1, 0, 0][:n]),
        "query_instances": rng.integers(4, size=8),
        "gallery_instances": rng.integers(4, size=n),
    }


WORLDS = [_world(n, seed) for seed, n in enumerate((9, 1, 2, 3, 4, 6, 7))]


def _kind(pattern):
    return "instances" if pattern == "acc@k" else "labels"


def _relevant(world, query, kind):
    return world[f"gallery_{kind}"] == world[f"query_{kind}"][query]


@functools.cache
def _all_ranks(index, query, kind):
    """The ranks of the positives under every order that sorts the scores downwards, each equally likely."""
    scores, relevant = WORLDS[index]["scores"][query], _relevant(WORLDS[index], query, kind)
    places, n_before = [], 0
    for value in np.unique(scores)[::-1]:
        n, r = int((scores == value).sum()), int(relevant[scores == value].sum())
        places.append(list(itertools.combinations(range(n_before + 1, n_before + n + 1), r)))
        n_before += n
    return [tuple(itertools.chain(*parts)) for parts in itertools.product(*places)]


@functools.cache
def _bounds_and_mean(pattern, index, query, k):
    every = [SLOW[pattern](ranks, k) for ranks in _all_ranks(index, query, _kind(pattern)) if ranks]
    if not every:
        return {"expected": np.nan, "optimistic": np.nan, "pessimistic": np.nan}
    return {"expected": math.fsum(every) / len(every), "optimistic": max(every), "pessimistic": min(every)}


def _stable_ranks(scores, relevant, seed):
    order = sorted(seeded_shuffle(len(scores), seed).tolist(), key=lambda item: -scores[item])
    return [rank for rank, item in enumerate(order, start=1) if relevant[item]]


def _cuts(pattern, n):
    last = n - 1 if pattern == "p@k/item" else n
    return range(1, last + 1) if "@k" in pattern else [1]


def _evaluate(evaluate_scores, pattern, index, **options):
    ids = {k: pattern.replace("@k", f"@{k}") for k in _cuts(pattern, WORLDS[index]["scores"].shape[1])}
    found = evaluate_scores(**WORLDS[index], metrics=["mrr", *ids.values()], **options)
    return {k: found.per_query[metric_id] for k, metric_id in ids.items()}


@pytest.mark.parametrize(
    ("pattern", "rule"),
    [
        *itertools.product(SLOW, ["optimistic", "pessimistic"]),
        *((pattern, "expected") for pattern in SLOW if pattern not in SAMPLED),
    ],
)
def test_rule_is_the_mean_or_the_bound_over_all_orders_of_the_ties(evaluate_scores, pattern, rule):
    n_defined = 0
    for index in range(len(WORLDS)):
        for k, found in _evaluate(evaluate_scores, pattern, index, ties=rule).items():
            slow = [_bounds_and_mean(pattern, index, query, k)[rule] for query in range(8)]
            np.testing.assert_allclose(found, slow, rtol=0, atol=1e-12)
            n_defined += np.isfinite(slow).sum()
    assert n_defined > 40


@pytest.mark.parametrize("pattern", SLOW)
def test_stable_is_gallery_order_after_one_shuffle(evaluate_scores, pattern):
    for seed, world in enumerate(WORLDS):
        ranks = [
            _stable_ranks(scores, _relevant(world, query, _kind(pattern)), seed)
            for query, scores in enumerate(world["scores"])
        ]
        options = {"ties": "stable", **({"seed": seed} if seed else {})}  # 0 where nothing is said
        for k, found in _evaluate(evaluate_scores, pattern, seed, **options).items():
            slow = [SLOW[pattern](of_query, k) if of_query else np.nan for of_query in ranks]
            np.testing.assert_allclose(found, slow, rtol=0, atol=1e-12)


@pytest.mark.parametrize("pattern", SLOW)
def test_without_ties_every_rule_gives_the_formula_to_1e_12(evaluate_scores, pattern):
    rng = np.random.default_rng(1)
    scores, relevant = rng.permutation(500).astype(float), (rng.random(500) < 0.2).astype(int)
    ranks = [rank for rank, item in enumerate(np.argsort(-scores), start=1) if relevant[item]]
    given = {"query_instances": [1], "gallery_instances": relevant.tolist()} if pattern == "acc@k" else {}
    metric_id = pattern.replace("@k", "@30")
    for ties in ["expected", "stable", "optimistic", "pessimistic", *["grouped"] * (pattern == "map@all")]:
        found = evaluate_scores(scores[None], [1], relevant, metrics=[metric_id], ties=ties, **given)
        assert found.summary[metric_id] == pytest.approx(SLOW[pattern](ranks, 30), abs=1e-12)


def test_shuffle_of_ties_is_fixed_by_the_seed_and_is_no_identity():
    assert seeded_shuffle(50, 3).tolist() == seeded_shuffle(50, 3).tolist()
    assert seeded_shuffle(50, 3).tolist() not in (seeded_shuffle(50, 4).tolist(), list(range(50)))


@pytest.mark.parametrize(("ties", "n_levels"), [("expected", 10**9), ("grouped", 10**9), ("grouped", 7)])
def test_map_at_all_equals_scikit_learn(evaluate_scores, ties, n_levels):
    rng = np.random.default_rng(2)
    scores, labels = rng.integers(n_levels, size=(40, 300)), rng.integers(4, size=300)
    queries = rng.integers(4, size=40)
    found = evaluate_scores(scores.astype(float), queries, labels, ties=ties).per_query["map@all"]
    peer = [average_precision_score(labels == label, row) for label, row in zip(queries, scores, strict=True)]
    np.testing.assert_allclose(found, peer, rtol=0, atol=1e-12)


@pytest.mark.parametrize("k", [1, 10, 120])
@pytest.mark.parametrize("n_levels", [5, 10**9])
def test_expected_ndcg_equals_scikit_learn_which_averages_over_ties_too(evaluate_scores, n_levels, k):
    rng = np.random.default_rng(5)
    scores, labels = rng.integers(n_levels, size=(20, 120)).astype(float), rng.integers(2, size=120)
    found = evaluate_scores(scores, np.ones(20), labels, metrics=[f"ndcg@{k}"]).per_query[f"ndcg@{k}"]
    peer = [ndcg_score([labels], [row], k=k) for row in scores]
    np.testing.assert_allclose(found, peer, rtol=0, atol=1e-12)


@pytest.mark.parametrize("ties", ["expected", "grouped"])
@pytest.mark.parametrize("n_levels", [5, 10**9])
def test_curve_equals_scikit_learn_with_and_without_ties(evaluate_scores, n_levels, ties):
    rng = np.random.default_rng(3)
    scores, labels = rng.integers(n_levels, size=(20, 120)), rng.integers(2, size=120)
    found = evaluate_scores(scores, np.ones(20), labels, ties=ties).pr_per_query
    for row, curve in zip(scores, found, strict=True):
        precision, recall, _ = precision_recall_curve(labels == 1, row, drop_intermediate=False)
        precision, recall = precision[:-1], recall[:-1]
        needed = [max(1, math.ceil(Fraction(tenth, 10) * int(labels.sum()))) for tenth in range(11)]
        peer = [precision[np.rint(recall * labels.sum()) >= least].max() for least in needed]
        np.testing.assert_allclose(curve, peer, rtol=0, atol=1e-12)


@pytest.mark.parametrize("ties", ["stable", "optimistic", "pessimistic"])
def test_curve_under_a_rule_of_one_order_is_that_of_its_order(evaluate_scores, ties):
    n_moved = 0
    for seed, world in enumerate(WORLDS):
        slow = np.full((8, 11), np.nan)
        for query in range(8):
            orders, relevant = _all_ranks(seed, query, "labels"), _relevant(world, query, "labels")
            stable = _stable_ranks(world["scores"][query], relevant, seed)
            # Positives first are the least ranks of all orders, positives last the greatest.
            ranks = {"stable": stable, "optimistic": min(orders), "pessimistic": max(orders)}[ties]
            slow[query] = _curve(ranks) if ranks else np.nan
        found = evaluate_scores(**world, ties=ties, seed=seed).pr_per_query
        np.testing.assert_allclose(found, slow, rtol=0, atol=1e-12)
        n_moved += not np.allclose(found, evaluate_scores(**world).pr_per_query, equal_nan=True)
    # Positives last reach the precision of the threshold at the last of them: the curve of thresholds.
    assert (n_moved == 0) == (ties == "pessimistic")


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
