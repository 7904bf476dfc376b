"""Pairs of the same item, or of the same picture, leave the ranking before anything is counted."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from metrics import evaluate, top_ranking
from metrics.definitions import TIE_RULES

RNG = np.random.default_rng(0)
EMB, LABELS = RNG.normal(size=(30, 8)), RNG.integers(3, size=30)
IDS = [f"item{i}" for i in range(30)]
INSTANCES = RNG.integers(8, size=30)
ALL_IDS = ["map@all", "map@all/voc", "map@5/r", "map@5/hits", "map@5/voc", "p@5", "p@5/item", "p@29",
           "recall@5/r", "r_precision", "map@r", "ndcg@5", "hit@1", "mrr", "acc@3"]  # fmt: skip


def leave_one_out(**options):
    options = {"metrics": ALL_IDS, "exclude_self": True, **options}
    return evaluate(
        EMB, LABELS, EMB, LABELS, query_instances=INSTANCES, gallery_instances=INSTANCES, **options
    )


@pytest.mark.parametrize("ties", TIE_RULES)
def test_excluding_by_id_equals_a_gallery_without_the_query(ties):
    ids = ["map@all"] if ties == "grouped" else ALL_IDS
    found = leave_one_out(query_ids=IDS, gallery_ids=IDS, ties=ties, metrics=ids)
    for query in range(30):
        rest = np.arange(30) != query
        alone = evaluate(
            EMB[[query]], LABELS[[query]], EMB[rest], LABELS[rest], metrics=ids, ties=ties,
            query_instances=INSTANCES[[query]], gallery_instances=INSTANCES[rest],
        )  # fmt: skip
        for metric_id in ids:
            assert found.per_query[metric_id][query] == pytest.approx(alone.summary[metric_id], abs=1e-12)
        np.testing.assert_allclose(found.pr_per_query[query], alone.pr_curve, atol=1e-12)


def test_positives_and_items_are_counted_after_removal():
    found = leave_one_out(query_ids=IDS, gallery_ids=IDS)
    np.testing.assert_array_equal(found.n_relevant, np.bincount(LABELS)[LABELS] - 1)
    np.testing.assert_array_equal(found.n_instances, np.bincount(INSTANCES)[INSTANCES] - 1)
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


def test_items_without_an_id_may_stand_beside_ids_of_the_other_kind():
    numbers, names = [*range(29), ""], [*IDS[:28], -1, -1]
    of_numbers = leave_one_out(query_ids=numbers, gallery_ids=range(30), metrics=["p@29"])
    assert of_numbers.n_ranked.tolist() == [29] * 29 + [30]
    of_names = leave_one_out(query_ids=names, gallery_ids=names, metrics=["p@29"])
    assert of_names.n_ranked.tolist() == [29] * 28 + [30] * 2


@pytest.mark.parametrize("kind", ["ids", "groups"])
def test_numbers_never_name_what_text_names(kind):
    with pytest.raises(ValueError, match=f"query_{kind} are numbers and gallery_{kind} are text: none could"):
        leave_one_out(**{f"query_{kind}": range(30), f"gallery_{kind}": [str(i) for i in range(30)]})


def test_nothing_of_queries_times_gallery_is_held_where_all_is_removed():
    emb, same = np.zeros((1500, 1), dtype=np.float32), np.zeros(1500, dtype=int)
    tracemalloc.start()
    evaluate(emb, same, emb, same, metrics=["map@all"], block=16, exclude_self=True,
             query_groups=same, gallery_groups=same)  # fmt: skip
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1500 * 1500  # bytes: a quarter of the scores in float32


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


@pytest.mark.parametrize("ties", TIE_RULES)
def test_query_that_loses_all_its_positives_or_its_whole_gallery_is_counted_and_left_out(
    evaluate_scores, ties
):
    found = evaluate_scores(
        [[3, 2, 2, 1]] * 3, [1, 2, 1], [1, 2, 2, 2], ties=ties, exclude_self=True,
        query_groups=["a", "b", "c"], gallery_groups=["a", "b", "b", "b"],
    )  # fmt: skip
    assert (found.n_ranked.tolist(), found.n_relevant.tolist()) == ([3, 1, 4], [0, 0, 1])
    np.testing.assert_array_equal(found.per_query["map@all"], [np.nan, np.nan, 1])
    assert (found.summary["map@all"], found.n_without_positives) == (1, 2)
    all_gone = evaluate_scores(
        [[3, 2]], [1], [1, 1], ties=ties, exclude_self=True, query_groups=[5], gallery_groups=[5, 5]
    )
    assert np.isnan(all_gone.summary["map@all"])
    assert (all_gone.n_ranked.tolist(), all_gone.n_without_positives) == ([0], 1)


@pytest.mark.parametrize("metric_id", ["p@30", "p@29/item", "ndcg@30"])
def test_cut_beyond_what_is_left_to_rank_is_refused(metric_id):
    with pytest.raises(
        ValueError, match=f"'{metric_id}' cannot be computed: it looks at 30 ranks, but a query has only 29"
    ):
        leave_one_out(query_ids=IDS, gallery_ids=IDS, metrics=[metric_id])


def test_top_ranking_leaves_the_excluded_out_and_pads_with_minus_one():
    full = top_ranking(EMB, EMB, k=30).items
    found = top_ranking(EMB, EMB, k=30, query_ids=IDS, gallery_ids=IDS, exclude_self=True).items
    for query in range(30):
        expected = [item for item in full[query].tolist() if item != query]
        assert found[query].tolist() == [*expected, -1]


def test_top_ranking_sees_ties_among_what_is_left_only():
    scores = np.array([[4, 4, 3, 3, 3], [4, 4, 3, 3, 3]])
    found = top_ranking(
        scores, np.zeros((5, 1)), k=5, distance=lambda block, _: block, exclude_self=True,
        query_ids=["b", "d"], gallery_ids=list("abcde"),
    )  # fmt: skip
    assert found.tied.tolist() == [[False, True, True, False, False], [True, False, True, False, False]]


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
