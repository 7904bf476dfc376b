"""What an Evaluation reports, how it treats hostile models, and what it refuses."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from metrics import DEFAULT, evaluate
from metrics.definitions import TIE_RULES

# Two queries of class a, one of class b, one of a class that the gallery lacks.
SCORES = [[4, 3, 2, 1], [1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]]
QUERY_LABELS, GALLERY_LABELS = ["a", "a", "b", "none"], ["a", "b", "b", "b"]


def test_per_query_values_stand_in_the_order_given_with_nan_where_undefined(evaluate_scores):
    found = evaluate_scores(SCORES, QUERY_LABELS, GALLERY_LABELS, metrics=["mrr"])
    np.testing.assert_array_equal(found.per_query["mrr"], [1, 0.25, 1, np.nan])
    assert found.per_query["mrr"].dtype == np.float64


def test_summary_is_the_mean_over_queries_with_positives(evaluate_scores):
    found = evaluate_scores(SCORES, QUERY_LABELS, GALLERY_LABELS, metrics=["mrr"])
    assert found.summary == {"mrr": pytest.approx((1 + 0.25 + 1) / 3)}


def test_class_balanced_is_the_mean_over_classes_with_values(evaluate_scores):
    found = evaluate_scores(SCORES, QUERY_LABELS, GALLERY_LABELS, metrics=["mrr"])
    assert found.per_class["mrr"] == {"a": 0.625, "b": 1.0}
    assert found.class_balanced == {"mrr": pytest.approx((0.625 + 1) / 2)}


def test_counts_cover_every_query(evaluate_scores):
    found = evaluate_scores(SCORES, QUERY_LABELS, GALLERY_LABELS)
    assert (found.n_queries, found.n_gallery, found.n_without_positives) == (4, 4, 1)
    assert found.n_relevant.tolist() == [1, 1, 3, 0]


def test_curve_is_the_mean_over_queries_with_positives(evaluate_scores):
    found = evaluate_scores(SCORES, QUERY_LABELS, GALLERY_LABELS)
    np.testing.assert_allclose(found.pr_curve, [(1 + 0.25 + 1) / 3] * 11)
    assert found.pr_per_query.shape == (4, 11)
    assert np.isnan(found.pr_per_query[3]).all()


def test_evaluation_is_frozen(evaluate_scores):
    with pytest.raises(dataclasses.FrozenInstanceError):
        evaluate_scores(SCORES, QUERY_LABELS, GALLERY_LABELS).n_gallery = 5


def test_ties_report_the_share_of_queries_with_a_mixed_tie_across_each_cut(evaluate_scores):
    scores = [[2, 2, 2, 1], [3, 2, 2, 1], [4, 3, 2, 2], [4, 3, 2, 1]]
    found = evaluate_scores(scores, [1] * 4, [1, 0, 1, 1], metrics=["p@1", "p@2", "p@3", "p@4"])
    assert found.ties == {1: 0.25, 2: 0.5, 3: 0, 4: 0}  # the third query's tie holds positives only


def test_ties_of_instances_count_at_the_cuts_of_acc(evaluate_scores):
    options = {"query_instances": [5], "gallery_instances": [5, 6, 7]}
    found = evaluate_scores([[2, 2, 1]], [1], [1, 1, 1], metrics=["acc@1", "p@2"], **options)
    assert found.ties == {1: 1, 2: 0}


def test_a_cut_shared_by_class_and_instance_ids_counts_the_ties_of_both(evaluate_scores):
    options = {"query_instances": [5, 6], "gallery_instances": [5, 5, 6], "metrics": ["acc@1", "p@1"]}
    scores = [[2, 2, 1], [2, 2, 1]]  # a mixed tie for both classes, for no instance
    assert evaluate_scores(scores, [1, 2], [1, 2, 3], **options).ties == {1: 1}
    assert evaluate_scores(scores[:1], [3], [1, 2, 3], **{**options, "query_instances": [5]}).ties == {1: 0}


@pytest.mark.parametrize("metric_id", ["map@2/hits", "map@2/voc", "ndcg@2", "p@2/capped"])
def test_every_id_with_a_cut_has_its_ties_reported(evaluate_scores, metric_id):
    assert evaluate_scores([[3, 2, 2, 1]], [1], [1, 0, 1, 1], metrics=[metric_id, "map@r"]).ties == {2: 1}


@pytest.mark.parametrize(
    ("scores", "n_near"),
    [
        ([0.5, 0.5 - 5e-7, 0.1], 1),
        ([0.5, 0.5 - 5e-6, 0.1], 0),
        ([0.5, 0.5, 0.1], 0),  # exact: seen and averaged over
        ([0.9, 0.5, 0.5 - 5e-7], 0),  # not at the cut
        ([5000.0, 5000.0 - 3e-3, 0.1], 1),  # the last digits of a large score
    ],
)
def test_near_ties_count_queries_that_a_rounding_error_could_change(evaluate_scores, scores, n_near):
    assert evaluate_scores([scores], [1], [1, 0, 1], metrics=["p@1"]).n_near_ties == n_near


def test_near_tie_among_positives_only_is_none(evaluate_scores):
    assert evaluate_scores([[0.5, 0.5 - 5e-7, 0.1]], [1], [1, 1, 0], metrics=["p@1"]).n_near_ties == 0


def test_near_ties_count_a_query_once_whichever_cut_it_stands_at(evaluate_scores):
    at_first, at_second, at_both = (
        [0.5, 0.5 - 5e-7, 0.1],
        [0.9, 0.5, 0.5 - 5e-7],
        [0.5, 0.5 - 5e-7, 0.5 - 1e-6],
    )
    scores, labels = [at_first, at_second, at_both, [0.9, 0.5, 0.1]], [1, 1, 1, 1]
    assert evaluate_scores(scores, labels, [1, 0, 1], metrics=["p@1", "p@2"]).n_near_ties == 3


def test_default_ids_that_look_too_far_are_dropped_and_reported(evaluate_scores):
    found = evaluate_scores(SCORES, QUERY_LABELS, GALLERY_LABELS, metrics=DEFAULT)
    assert list(found.summary) == ["map@all", "hit@1", "mrr"]
    assert list(found.dropped) == ["p@10", "p@100", "p@200", "recall@100/r", "acc@1", "acc@5"]
    assert found.dropped["p@10"] == "it looks at 10 ranks, but a query has only 4 items to rank"


def test_default_ids_of_instances_are_dropped_without_instances_and_kept_with_them(evaluate_scores):
    scores, labels = np.arange(250.0)[None, :], [1] * 250
    without = evaluate_scores(scores, [1], labels, metrics=DEFAULT)
    assert without.dropped == dict.fromkeys(
        ["acc@1", "acc@5"], "it needs query_instances and gallery_instances"
    )
    both = {"query_instances": [3], "gallery_instances": range(250)}
    assert tuple(evaluate_scores(scores, [1], labels, metrics=DEFAULT, **both).summary) == DEFAULT


@pytest.mark.parametrize("nothing", [None, "", -1])
def test_queries_without_instance_are_left_out_of_acc_and_counted(evaluate_scores, nothing):
    instances = [7, nothing, 9] if nothing != "" else ["7", "", "9"]
    gallery = [7, 8] if nothing != "" else ["7", "8"]
    found = evaluate_scores(
        [[2, 1]] * 3, [1] * 3, [1, 1], metrics=["acc@1"], query_instances=instances, gallery_instances=gallery
    )
    np.testing.assert_array_equal(found.per_query["acc@1"], [1, np.nan, np.nan])
    assert (found.n_without_instance, found.n_instances.tolist()) == (2, [1, 0, 0])


def test_an_id_asked_for_twice_is_computed_once(evaluate_scores):
    assert list(evaluate_scores(SCORES, QUERY_LABELS, GALLERY_LABELS, metrics=["mrr", "mrr"]).summary) == [
        "mrr"
    ]


# Hostile models and degenerate data.


def test_constant_scores_are_worth_what_chance_is_worth(evaluate_scores):
    found = evaluate_scores(np.zeros((1, 4)), [1], [1, 0, 0, 0], metrics=["map@all", "p@2", "hit@2", "mrr"])
    mean_reciprocal = (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4
    assert found.summary == pytest.approx(
        {"map@all": mean_reciprocal, "p@2": 1 / 4, "hit@2": 1 / 2, "mrr": mean_reciprocal}
    )


@pytest.mark.parametrize("ties", ["expected", "grouped", "stable", "pessimistic"])
def test_constant_scores_do_not_profit_from_the_order_of_the_gallery(evaluate_scores, ties):
    labels = [1] * 50 + [0] * 950
    assert evaluate_scores(np.zeros((1, 1000)), [1], labels, ties=ties).summary["map@all"] < 0.1


def test_reversed_ranking_gets_the_least_there_is(evaluate_scores):
    found = evaluate_scores([[1, 2, 3, 4]], [1], [1, 1, 0, 0], metrics=["map@all", "p@2", "mrr"])
    assert found.summary == pytest.approx({"map@all": (1 / 3 + 2 / 4) / 2, "p@2": 0, "mrr": 1 / 3})


def test_one_class_gives_one_everywhere(evaluate_scores):
    ids = ["map@all", "map@all/voc", "map@2/min_k_r", "map@2/hits", "map@2/voc", "p@2", "p@2/capped",
           "p@2/item", "r_precision", "map@r", "ndcg@2", "hit@1", "mrr"]  # fmt: skip
    found = evaluate_scores(np.random.default_rng(0).normal(size=(5, 6)), [1] * 5, [1] * 6, metrics=ids)
    assert set(found.summary.values()) == {1.0}


def test_one_positive_at_the_very_end(evaluate_scores):
    ids = ["map@all", "map@all/voc", "map@100/hits", "map@100/voc", "mrr", "p@100"]
    found = evaluate_scores(-np.arange(100.0)[None, :], [1], [0] * 99 + [1], metrics=ids)
    assert found.summary == pytest.approx(dict.fromkeys(ids, 0.01))


def test_no_positives_at_all_is_nan_and_counted(evaluate_scores):
    found = evaluate_scores([[1, 2]], ["a"], ["b", "c"], metrics=["map@all", "p@1"])
    assert np.isnan([found.summary["map@all"], found.class_balanced["p@1"]]).all()
    assert np.isnan(found.pr_curve).all()
    assert found.n_without_positives == 1


def test_gallery_of_one_item_can_be_ranked(evaluate_scores):
    ids = ["map@all", "map@all/voc", "map@1/hits", "map@1/voc", "p@1", "map@r", "ndcg@1"]
    assert evaluate_scores([[3]], [1], [1], metrics=ids).summary == dict.fromkeys(ids, 1)


# Refusals.


def test_unknown_tie_rule_is_refused_with_the_known_ones(evaluate_scores):
    known = ", ".join(TIE_RULES)
    with pytest.raises(ValueError, match=rf"No tie rule named 'average'\. .*Known: {known}\."):
        evaluate_scores(SCORES, QUERY_LABELS, GALLERY_LABELS, ties="average")


@pytest.mark.parametrize("metric_id", ["p@5", "p@4/item", "map@5/hits", "map@5/voc", "ndcg@5"])
def test_cut_beyond_the_gallery_is_refused_when_asked_for_by_name(evaluate_scores, metric_id):
    with pytest.raises(
        ValueError, match=f"'{metric_id}' cannot be computed: it looks at 5 ranks, but a query has only 4"
    ):
        evaluate_scores(SCORES, QUERY_LABELS, GALLERY_LABELS, metrics=[metric_id])


def test_acc_without_instances_is_refused_when_asked_for_by_name(evaluate_scores):
    with pytest.raises(ValueError, match="'acc@1' cannot be computed: it needs query_instances"):
        evaluate_scores(SCORES, QUERY_LABELS, GALLERY_LABELS, metrics=["acc@1"])


def test_instances_of_one_side_are_refused(evaluate_scores):
    with pytest.raises(ValueError, match="query_instances and gallery_instances go together"):
        evaluate_scores(SCORES, QUERY_LABELS, GALLERY_LABELS, query_instances=[1] * 4)


def test_curve_is_no_number_to_ask_for(evaluate_scores):
    with pytest.raises(ValueError, match="'pr_curve' is a curve, not a number"):
        evaluate_scores(SCORES, QUERY_LABELS, GALLERY_LABELS, metrics=["pr_curve"])


def test_one_id_as_bare_text_is_refused(evaluate_scores):
    with pytest.raises(
        ValueError, match=r"metrics must be a list of ids, got the text 'mrr': write \['mrr'\]"
    ):
        evaluate_scores(SCORES, QUERY_LABELS, GALLERY_LABELS, metrics="mrr")


def test_ambiguous_id_is_refused(evaluate_scores):
    with pytest.raises(ValueError, match="'map@2' is ambiguous"):
        evaluate_scores(SCORES, QUERY_LABELS, GALLERY_LABELS, metrics=["map@2"])


@pytest.mark.parametrize(
    ("query_labels", "gallery_labels", "message"),
    [
        (["a"] * 3, GALLERY_LABELS, r"query_labels must have shape \(4,\).*query_emb; got \(3,\)"),
        (QUERY_LABELS, ["a"] * 5, r"gallery_labels must have shape \(4,\)"),
        ([["a"]] * 4, GALLERY_LABELS, r"query_labels must have shape \(4,\).* got \(4, 1\)"),
        ([1, 1, 1, 1], GALLERY_LABELS, "query_labels are numbers and gallery_labels are text"),
        (QUERY_LABELS, [1, 1, 1, 1], "query_labels are text and gallery_labels are numbers"),
    ],
)  # fmt: skip
def test_labels_that_do_not_fit_are_refused(evaluate_scores, query_labels, gallery_labels, message):
    with pytest.raises(ValueError, match=message):
        evaluate_scores(SCORES, query_labels, gallery_labels)


def test_nothing_of_queries_times_gallery_is_ever_held():
    import tracemalloc

    rng = np.random.default_rng(0)
    emb = rng.normal(size=(4000, 8)).astype(np.float32)
    labels = rng.integers(50, size=4000)
    tracemalloc.start()
    evaluate(emb, labels, emb, labels, metrics=["map@all", "p@10"], block=32)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4000 * 4000 / 2  # bytes: an eighth of the scores in float32
