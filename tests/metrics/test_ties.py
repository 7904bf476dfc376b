"""What each tie rule promises beyond small cases: bounds, samples, thresholds, and ties of any size."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from metrics.definitions import DEFAULT, FAMILIES, TIE_RULES

AVERAGED = ["map@all", "map@9/r", "map@9/k", "map@9/min_k_r", "map@9/hits", "p@9", "p@9/capped",
            "p@9/min_k_r", "p@9/item", "recall@9/r", "r_precision", "map@r", "ndcg@9", "hit@9", "mrr",
            "acc@9"]  # fmt: skip
SAMPLED = ["map@all/voc", "map@9/voc"]  # no closed form: 32 seeded orders


def _world(n_levels, n_queries=24, n=300, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "scores": rng.integers(n_levels, size=(n_queries, n)).astype(float),
        "query_labels": rng.integers(20, size=n_queries),
        "gallery_labels": rng.integers(20, size=n),
        "query_instances": rng.integers(60, size=n_queries),
        "gallery_instances": rng.integers(60, size=n),
    }


def _table(found):
    return np.column_stack([*found.per_query.values(), found.pr_per_query])


@pytest.mark.parametrize("metric_id", [*AVERAGED, *SAMPLED])
def test_every_order_lies_between_the_bounds(evaluate_scores, metric_id):
    world = _world(n_levels=12)
    worst, best = (
        evaluate_scores(**world, metrics=[metric_id], ties=ties).per_query[metric_id]
        for ties in ("pessimistic", "optimistic")
    )
    inside = [("expected", 0), *(("stable", seed) for seed in range(3))]
    for ties, seed in inside:
        found = evaluate_scores(**world, metrics=[metric_id], ties=ties, seed=seed).per_query[metric_id]
        defined = np.isfinite(found)
        assert (worst[defined] - 1e-12 <= found[defined]).all()
        assert (found[defined] <= best[defined] + 1e-12).all()
    assert np.nanmean(worst) < np.nanmean(best)


def test_positives_first_is_not_always_the_best_order(evaluate_scores):
    # A positive at rank 1, another item at rank 2, one of each tied at ranks 3 and 4: (1 + 2/3)/2 or 1.
    scores, relevant, ids = [[3, 2, 1, 1]], [1, 0, 1, 0], ["map@3/hits", "p@3/item"]
    best, worst = (
        evaluate_scores(scores, [1], relevant, metrics=ids, ties=ties).summary
        for ties in ("optimistic", "pessimistic")
    )
    assert best == pytest.approx({"map@3/hits": 1, "p@3/item": 1})
    assert worst == pytest.approx({"map@3/hits": 5 / 6, "p@3/item": 0})


@pytest.mark.parametrize("ties", ["stable", "expected", "optimistic", "pessimistic"])
def test_ties_among_items_of_one_kind_change_nothing(evaluate_scores, ties):
    rng = np.random.default_rng(1)
    labels = rng.integers(3, size=60)
    scores = 2 * rng.integers(6, size=60) + (labels == 1)  # odd scores are all positives
    apart = scores + np.linspace(0, 0.5, 60)
    ids = [*AVERAGED[:-1], *SAMPLED]
    found, peer = (
        evaluate_scores(row[None], [1], labels, metrics=ids, ties=rule).summary
        for row, rule in ((scores, ties), (apart, "pessimistic"))
    )
    assert found == pytest.approx(peer, abs=1e-12)


# Sampled ids: 32 orders inside the ties.


def _interpolated(ranks, k):
    precisions = [(i + 1) / rank for i, rank in enumerate(ranks) if rank <= k]
    return sum(max(precisions[i:]) for i in range(len(precisions))) / min(k, len(ranks))


def _moments(relevant, n_before, n_tied, k):
    """Mean and variance of the interpolated precision: some items apart, then one tie of all others."""
    fixed = [rank for rank in range(1, n_before + 1) if relevant[rank - 1]]
    r = sum(relevant[n_before:])
    places = itertools.combinations(range(n_before + 1, n_before + n_tied + 1), r)
    values = [_interpolated([*fixed, *tied], k) for tied in places]
    return np.mean(values), np.var(values)


def _sampled(evaluate_scores, metric_id, k, seeds):
    """Values (seeds, queries) beside their true mean and variance, for queries of one tie each."""
    rng = np.random.default_rng(2)
    relevant = np.array([*[1, 0, 1, 0, 0, 0, 1, 1], *[0] * 5])
    scores = np.array([rng.permutation([*range(20, 16, -1), *[0] * 9]) for _ in range(10)], dtype=float)
    moments = []
    for row in scores:
        order = np.argsort(-row, kind="stable")
        moments.append(_moments(relevant[order].tolist(), 4, 9, k))
    found = [
        evaluate_scores(scores, [1] * 10, relevant, metrics=[metric_id], seed=seed).per_query[metric_id]
        for seed in seeds
    ]
    mean, variance = np.array(moments).T
    assert (variance > 0).all()
    return np.array(found), mean, variance


@pytest.mark.parametrize(("metric_id", "k"), [("map@all/voc", 13), ("map@7/voc", 7)])
def test_sampled_mean_is_near_that_of_all_orders(evaluate_scores, metric_id, k):
    found, mean, variance = _sampled(evaluate_scores, metric_id, k, seeds=range(40))
    assert (np.abs(found[0] - mean) <= 5 * np.sqrt(variance / 32)).all()
    assert (np.abs(found.mean(axis=0) - mean) <= 5 * np.sqrt(variance / 32 / 40)).all()


def test_sampled_mean_scatters_over_seeds_as_32_independent_orders_do(evaluate_scores):
    found, _, variance = _sampled(evaluate_scores, "map@all/voc", 13, seeds=range(40))
    assert 0.6 < np.mean(found.var(axis=0, ddof=1) / (variance / 32)) < 1.6


@pytest.mark.parametrize("block", [1, 5, 24])
def test_sampled_values_repeat_with_one_seed_whatever_the_block(evaluate_scores, block):
    world = _world(n_levels=12)
    once, again, other = (
        evaluate_scores(**world, metrics=SAMPLED, **options).per_query
        for options in ({"seed": 3}, {"seed": 3, "block": block}, {"seed": 4})
    )
    for metric_id in SAMPLED:
        np.testing.assert_array_equal(once[metric_id], again[metric_id])
        assert not np.array_equal(once[metric_id], other[metric_id], equal_nan=True)


# Grouped: a tie is one threshold.


@pytest.mark.parametrize("pattern", [name for name in FAMILIES if name not in ("map@all", "pr_curve")])
def test_ids_that_no_threshold_reading_has_are_refused_with_those_that_have_one(evaluate_scores, pattern):
    world, metric_id = _world(n_levels=5), pattern.replace("@k", "@5")
    with pytest.raises(ValueError, match=f"'{metric_id}' cannot be computed: .*'grouped'.* only map@all"):
        evaluate_scores(**world, metrics=["map@all", metric_id], ties="grouped")


def test_default_set_keeps_what_a_threshold_reads_and_reports_the_rest(evaluate_scores):
    found = evaluate_scores(**_world(n_levels=5), metrics=DEFAULT, ties="grouped")
    assert list(found.summary) == ["map@all"]
    assert list(found.dropped) == [metric_id for metric_id in DEFAULT if metric_id != "map@all"]
    assert all("only map@all" in reason for reason in found.dropped.values())


def test_grouped_average_precision_counts_a_tie_at_its_end(evaluate_scores):
    # Recall 1/3 at precision 1/2, then recall 1 at precision 3/5.
    found = evaluate_scores([[2, 2, 1, 1, 1]], [1], [1, 0, 1, 1, 0], ties="grouped")
    assert found.summary["map@all"] == pytest.approx(1 / 3 * 1 / 2 + 2 / 3 * 3 / 5, abs=1e-15)


# Any rule.


@pytest.mark.parametrize("n_levels", [1, 3, 10**6])
def test_number_of_threads_changes_nothing_at_all(evaluate_scores, n_levels):
    world, ids = _world(n_levels, n_queries=40, n=2000), [*AVERAGED, *SAMPLED]
    before = torch.get_num_threads()
    for ties in TIE_RULES:
        tables = []
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            try:
                chosen = ["map@all"] if ties == "grouped" else ids
                tables.append(_table(evaluate_scores(**world, metrics=chosen, ties=ties)))
            finally:
                torch.set_num_threads(before)
        np.testing.assert_array_equal(*tables)


def test_counts_of_ties_and_items_do_not_depend_on_the_rule(evaluate_scores):
    world = _world(n_levels=12)
    every = [
        evaluate_scores(**world, metrics=["p@9", "map@5/hits", "ndcg@2", "acc@9"], ties=ties)
        for ties in TIE_RULES
        if ties != "grouped"
    ]
    assert set(every[0].ties) == {9, 5, 2}
    assert all(0 < share <= 1 for share in every[0].ties.values())
    for found in every[1:]:
        assert (found.ties, found.n_near_ties) == (every[0].ties, every[0].n_near_ties)
        assert found.n_relevant.tolist() == every[0].n_relevant.tolist()


# One tie of n items, r of them positive, after n0 items with r0 positives in front; k cuts the tie.
@pytest.mark.parametrize(
    ("n0", "r0", "n", "r", "k"), [(0, 0, 5000, 40, 100), (3, 1, 5000, 1, 90), (60, 60, 900, 899, 100)]
)
def test_huge_tie_at_the_cut(evaluate_scores, n0, r0, n, r, k):
    relevant = [0] * (n0 - r0) + [1] * (r0 + r) + [0] * (n - r)  # positives last in front of the tie
    scores = np.array([*range(n0 + 1, 1, -1), *[0] * n], dtype=float)
    m, total = k - n0, r0 + r
    fixed = [i / (n0 - r0 + i) for i in range(1, r0 + 1)]
    pairs = (r - 1) / (n - 1)  # place j of the tie is a positive: r/n; given that, those before it: * (j-1)
    tied = [r / n * (r0 + 1 + (j - 1) * pairs) / (n0 + j) for j in range(1, n + 1)]
    gains = [1 / math.log2(1 + rank) for rank in range(1, k + 1)]
    ways = [math.comb(r, h) * math.comb(n - r, m - h) for h in range(min(m, r) + 1)]
    shares = [float(Fraction(way, math.comb(n, m))) for way in ways]
    hits = math.fsum(
        share * (math.fsum(fixed) + math.fsum(_tied_given(h, m, n0, r0))) / max(1, r0 + h)
        for h, share in enumerate(shares)
    )
    expected = {
        "map@all": math.fsum(fixed + tied) / total,
        f"map@{k}/r": math.fsum(fixed + tied[:m]) / total,
        f"map@{k}/hits": hits,
        f"p@{k}": (r0 + m * r / n) / k,
        f"p@{k}/item": r / n,
        f"ndcg@{k}": (math.fsum(gains[n0 - r0 : n0]) + r / n * math.fsum(gains[n0:]))
        / math.fsum(gains[: min(k, total)]),
        f"hit@{k}": 1.0 if r0 else 1 - shares[0],
        "mrr": 1 / (n0 - r0 + 1) if r0 else math.fsum(_first(j, n, r) / (n0 + j) for j in range(1, n + 1)),
    }
    found = evaluate_scores(scores[None], [1], relevant, metrics=list(expected)).summary
    assert found == pytest.approx(expected, abs=1e-12)


def _first(j, n, r):
    """The chance that the first of r positives stands at place j of n."""
    return math.comb(n - j, r - 1) / math.comb(n, r)


def _tied_given(h, m, n0, r0):
    """Precisions, each times its chance, at the m places of a tie that hold h positives."""
    pairs = (h - 1) / (m - 1)
    return [h / m * (r0 + 1 + (j - 1) * pairs) / (n0 + j) for j in range(1, m + 1)]
