"""Pairs of the same item, or of the same picture, leave the ranking before anything is counted."""

from __future__ import annotations

import numpy as np
import pytest

from metrics import evaluate, top_ranking

RNG = np.random.default_rng(0)
EMB, LABELS = RNG.normal(size=(30, 8)), RNG.integers(3, size=30)
IDS = [f"item{i}" for i in range(30)]
ALL_IDS = ["map@all", "map@5/r", "p@5", "p@29", "recall@5/r", "r_precision", "hit@1", "mrr"]


def leave_one_out(**options):
    options = {"metrics": ALL_IDS, "exclude_self": True, **options}
    return evaluate(EMB, LABELS, EMB, LABELS, **options)


@pytest.mark.parametrize("ties", ["expected", "stable"])
def test_excluding_by_id_equals_a_gallery_without_the_query(ties):
    found = leave_one_out(query_ids=IDS, gallery_ids=IDS, ties=ties)
    for query in range(30):
        rest = np.arange(30) != query
        alone = evaluate(EMB[[query]], LABELS[[query]], EMB[rest], LABELS[rest], metrics=ALL_IDS, ties=ties)
        for metric_id in ALL_IDS:
            assert found.per_query[metric_id][query] == pytest.approx(alone.summary[metric_id], abs=1e-12)
        np.testing.assert_allclose(found.pr_per_query[query], alone.pr_curve, atol=1e-12)


def test_positives_and_items_are_counted_after_removal():
    found = leave_one_out(query_ids=IDS, gallery_ids=IDS)
    np.testing.assert_array_equal(found.n_relevant, np.bincount(LABELS)[LABELS] - 1)
    assert set(found.n_ranked.tolist()) == {29}
    assert found.n_gallery == 30


def test_excluding_by_group_removes_every_copy_of_the_picture():
    groups = [i // 2 for i in range(30)]  # neighbours are the same picture
    found = leave_one_out(query_groups=groups, gallery_groups=groups, metrics=["map@all"])
    for query in (0, 1, 17):
        rest = np.arange(30) // 2 != query // 2
        alone = evaluate(EMB[[query]], LABELS[[query]], EMB[rest], LABELS[rest], metrics=["map@all"])
        assert found.per_query["map@all"][query] == pytest.approx(alone.summary["map@all"], abs=1e-12)
    assert set(found.n_ranked.tolist()) == {28}


def test_a_pair_with_equal_id_and_equal_group_is_removed_once():
    found = leave_one_out(query_ids=IDS, gallery_ids=IDS, query_groups=IDS, gallery_groups=IDS)
    assert set(found.n_ranked.tolist()) == {29}


@pytest.mark.parametrize("nothing", [[None] * 30, [""] * 30, [-1] * 30, [float("nan")] * 30])
def test_items_without_a_group_are_not_one_group(nothing):
    found = leave_one_out(query_groups=nothing, gallery_groups=nothing)
    assert set(found.n_ranked.tolist()) == {30}


def test_ids_alone_remove_nothing():
    found = leave_one_out(query_ids=IDS, gallery_ids=IDS, exclude_self=False)
    assert set(found.n_ranked.tolist()) == {30}
    assert found.summary["hit@1"] == 1


def test_query_whose_only_positive_is_itself_counts_as_without_positives():
    found = evaluate(
        [[0.0], [1.0], [3.0]], [7, 8, 8], [[0.0], [1.0], [3.0]], [7, 8, 8],
        metrics=["mrr"], query_ids=range(3), gallery_ids=range(3), exclude_self=True,
    )  # fmt: skip
    assert found.n_without_positives == 1
    np.testing.assert_array_equal(found.per_query["mrr"], [np.nan, 0.5, 1])


def test_cut_beyond_what_is_left_to_rank_is_refused():
    with pytest.raises(
        ValueError, match="'p@30' cannot be computed: it looks at 30 ranks, but a query has only 29"
    ):
        leave_one_out(query_ids=IDS, gallery_ids=IDS, metrics=["p@30"])


def test_top_ranking_leaves_the_excluded_out_and_pads_with_minus_one():
    full = top_ranking(EMB, EMB, k=30)
    found = top_ranking(EMB, EMB, k=30, query_ids=IDS, gallery_ids=IDS, exclude_self=True)
    for query in range(30):
        expected = [item for item in full[query].tolist() if item != query]
        assert found[query].tolist() == [*expected, -1]


def test_exclude_self_needs_to_know_what_is_the_same():
    with pytest.raises(
        ValueError, match="exclude_self=True needs query_ids and gallery_ids, or query_groups"
    ):
        leave_one_out()


@pytest.mark.parametrize("kind", ["ids", "groups"])
def test_one_side_of_the_ids_is_refused(kind):
    with pytest.raises(ValueError, match=f"query_{kind} and gallery_{kind} go together"):
        leave_one_out(**{f"query_{kind}": IDS})


def test_ids_of_the_wrong_length_are_refused():
    with pytest.raises(
        ValueError, match=r"gallery_ids must have shape \(30,\), one entry for each row of gallery_emb"
    ):
        leave_one_out(query_ids=IDS, gallery_ids=IDS[:7])
