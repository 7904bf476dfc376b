"""Metrics from stored ranks: those of the scores where the ranks determine them, refused where not."""

import numpy as np
import pytest

import metrics
from benchmark.errors import BenchmarkError
from benchmark.records import PerQuery, Protocol, Rankings, Record, Score, write_run
from benchmark.rescore import rescore, with_metrics
from metrics.definitions import FAMILIES

N_QUERIES, N_PHOTOS, N_KEPT = 24, 40, 12
LABELS = np.arange(N_QUERIES) % 6
AMONG = np.arange(N_PHOTOS) % 5  # eight photos a class, and none of class 5
# The last eight sketches and every fifth photo show an object that nobody named.
INSTANCES = [f"object {i}" if i < 16 else "" for i in range(N_QUERIES)]
AMONG_INSTANCES = [f"object {i % 20}" if i % 5 else "" for i in range(N_PHOTOS)]
SAME_OBJECT = np.array([[own == found != "" for found in AMONG_INSTANCES] for own in INSTANCES])
NUMBERS = [family for family in FAMILIES.values() if not family.is_curve]
IDS = [
    *(family.id_for(k) for family in NUMBERS if family.has_cut for k in (1, 4, 12, 13)),
    *(family.pattern for family in NUMBERS if not family.has_cut),
]
FEW = [metric_id for metric_id in IDS if "@1" not in metric_id]


def given(block, _):
    """The rows handed in as queries are the scores."""
    return block


def smooth_scores():
    """Scores without ties, higher for the own class."""
    noise = np.random.default_rng(0).normal(size=(N_QUERIES, N_PHOTOS))
    return noise + (LABELS[:, None] == AMONG)


def tied_scores():
    """Whole numbers: ties everywhere, and for many queries one that runs past the last rank kept."""
    return np.rint(2 * smooth_scores())


@pytest.fixture
def store(tmp_path):
    """Write the run that would be kept of some scores, with the given stored metrics."""

    def write(scores, *, stored=(), kept=N_KEPT, ties="expected", exclusions="none", instances=True):
        n_queries, n_photos = scores.shape
        protocol = Protocol(
            dataset="toy",
            protocol="standard",
            file_list_sha256="f" * 64,
            split="fold0",
            split_sha256="5" * 64,
            setting="zs",
            direction="sketch2photo",
            relevance="category",
            exclusions=exclusions,
            preprocessing="none",
            feature_norm="centred",
            pairs="class",
            width=4,
            codes="real",
            ties=ties,
            metric_engine="1",
        )
        record = Record(
            run_id="seed0-12345678",
            identity="1" * 64,
            status="complete",
            started="2026-01-01T00:00:00.000000+00:00",
            method="frozen",
            seed=0,
            backbone="tiny",
            weights_sha256="b" * 64,
            backbone_preprocessing="none",
            source_sha256="a" * 64,
            config={},
            config_source="default",
            card={},
            protocol=protocol,
            fingerprint=protocol.fingerprint,
            environment={},
            scores={
                name: Score(
                    value=0.25, ci_low=0, ci_high=1, class_balanced=0.5, chance=0, n_queries_used=n_queries
                )
                for name in stored
            },
        )
        per_query = PerQuery(
            metric_ids=np.array(list(stored), dtype=str),
            values=np.full((len(stored), n_queries), 0.1, np.float32),
            labels=LABELS[:n_queries],
            names=np.array([f"{i}.png" for i in range(n_queries)]),
        )
        top = metrics.top_ranking(scores, np.zeros(n_photos), k=kept, distance=given)
        rankings = Rankings(
            top=top.items,
            tied=top.tied,
            names=np.array([f"{i}.jpg" for i in range(n_photos)]),
            labels=AMONG[:n_photos],
            query_instances=np.array(INSTANCES)[:n_queries] if instances else None,
            gallery_instances=np.array(AMONG_INSTANCES)[:n_photos] if instances else None,
        )
        return write_run(tmp_path, record, per_query=per_query, rankings=rankings)

    return write


def on_scores(scores, ids, ties="expected"):
    """Id -> (Q,) what the metrics engine says of the scores themselves."""
    return metrics.evaluate(
        scores,
        LABELS,
        np.zeros(N_PHOTOS),
        AMONG,
        metrics=ids,
        distance=given,
        ties=ties,
        query_instances=INSTANCES,
        gallery_instances=AMONG_INSTANCES,
    ).per_query


def rescored(run, ids):
    """Id -> (Q,) of those that are not refused."""
    values = {}
    for metric_id in ids:
        try:
            values[metric_id] = rescore(run, [metric_id])[metric_id].values
        except BenchmarkError as error:
            if "keeps the first 12 of 40 ranks" not in str(error):
                raise
    return values


def redrawn(scores, run, rng):
    """Scores that agree with all that was kept: what lies beyond is ranked, and a cut tie goes on, anyhow."""
    drawn, rankings = scores.copy(), run.rankings()
    for row, top, tied in zip(drawn, rankings.top, rankings.tied, strict=True):
        others, last = np.setdiff1d(np.arange(row.size), top), row[top[-1]]
        row[others] = last - rng.integers(1, 6, others.size)
        if tied[-1]:
            row[rng.permutation(others)[: rng.integers(1, others.size)]] = last
    return drawn


@pytest.mark.parametrize("make_scores", [smooth_scores, tied_scores])
def test_ids_are_refused_exactly_when_something_beyond_the_ranks_kept_could_change_them(make_scores, store):
    scores = make_scores()
    run = store(scores)
    rng = np.random.default_rng(1)
    worlds = [on_scores(redrawn(scores, run, rng), IDS) for _ in range(12)]
    fixed = {
        metric_id
        for metric_id in IDS
        if all(np.allclose(w[metric_id], worlds[0][metric_id], 0, 1e-12, equal_nan=True) for w in worlds)
    }
    found = rescored(run, IDS)
    assert set(found) == fixed
    for metric_id, values in found.items():
        np.testing.assert_allclose(values, worlds[0][metric_id], rtol=0, atol=1e-12, err_msg=metric_id)
    assert {"hit@1", "p@1/item", "ndcg@4"} <= fixed
    assert not {"map@all", "map@all/voc", "recall@13/r", "p@12/item"} & fixed


@pytest.mark.parametrize("ties", ["stable", "optimistic", "pessimistic"])
def test_values_are_those_of_the_scores_under_other_rules_of_ties(ties, store):
    scores = tied_scores()
    found, true = rescored(store(scores, ties=ties), FEW), on_scores(scores, FEW, ties)
    assert "p@4" in found
    for metric_id, values in found.items():
        np.testing.assert_allclose(values, true[metric_id], rtol=0, atol=1e-12, err_msg=metric_id)


def test_a_tie_in_one_stored_order_is_no_obstacle_where_it_is_cut(store):
    ids = ["p@12", "map@12/min_k_r"]
    assert rescored(store(tied_scores(), ties="expected"), ids) == {}
    assert set(rescored(store(tied_scores(), ties="stable"), ids)) == set(ids)


@pytest.mark.parametrize(("ties", "ids"), [("expected", FEW), ("grouped", ["map@all"])])
def test_a_gallery_kept_as_a_whole_determines_everything(ties, ids, store):
    found, true = (
        rescored(store(tied_scores(), kept=200, ties=ties), ids),
        on_scores(tied_scores(), ids, ties),
    )
    assert list(found) == ids
    for metric_id, values in found.items():
        np.testing.assert_allclose(values, true[metric_id], rtol=0, atol=1e-12, err_msg=metric_id)


def test_when_every_positive_is_among_the_ranks_kept_the_rest_is_known(store):
    scores = smooth_scores() + 10 * (LABELS[:, None] == AMONG) + 20 * SAME_OBJECT
    ids = [*FEW, "acc@13", "p@20"]
    found, true = rescored(store(scores), ids), on_scores(scores, ids)
    assert list(found) == ids
    for metric_id, values in found.items():
        np.testing.assert_allclose(values, true[metric_id], rtol=0, atol=1e-12, err_msg=metric_id)
    with_photos = LABELS < 5
    assert found["p@20"][with_photos].tolist() == [8 / 20] * 20
    assert np.isnan(found["map@all"][~with_photos]).all()


def test_values_worked_by_hand(store):
    # Photos 0 to 3 are of the classes 0, 1, 2, 3; two sketches of the classes 0 and 1, two ranks kept.
    run = store(np.array([[9.0, 7, 8, 1], [9.0, 9, 2, 1]]), kept=2)
    found = rescore(run, ["mrr", "p@2", "hit@1", "map@2/k"])
    assert {metric_id: own.values.tolist() for metric_id, own in found.items()} == {
        "mrr": [1.0, 0.75],  # the tie of two: the mean of 1 and 1/2
        "p@2": [0.5, 0.5],
        "hit@1": [1.0, 0.5],
        "map@2/k": [0.5, 0.375],
    }
    assert found["mrr"].score.value == found["mrr"].score.class_balanced == 0.875


def test_the_mean_over_classes_is_that_of_their_means(store):
    own = rescore(store(smooth_scores()), ["p@5"])["p@5"]
    of_class = [own.values[label == LABELS].mean() for label in range(5)]
    assert own.score.class_balanced == pytest.approx(np.mean(of_class), abs=1e-12)
    assert own.score.value == pytest.approx(np.nanmean(own.values), abs=1e-12)
    assert own.score.ci_low < own.score.value < own.score.ci_high
    assert own.score.chance == pytest.approx(8 / 40)
    assert own.score.n_queries_used == 20


def test_stored_values_come_first_and_need_no_rankings(store):
    run = store(smooth_scores(), stored=("map@all", "p@3"))
    found = rescore(run, ["p@4", "map@all", "p@3"])
    assert [(name, own.origin) for name, own in found.items()] == [
        ("p@4", "rankings"),
        ("map@all", "stored"),
        ("p@3", "stored"),
    ]
    (run.folder / "rankings.npz").unlink()
    stored = rescore(run, ["map@all"])["map@all"]
    assert stored.score == run.record.scores["map@all"]  # not rounded
    assert stored.values.tolist() == [float(np.float32(0.1))] * N_QUERIES
    with pytest.raises(BenchmarkError, match=r"rankings\.npz cannot be read .*--rerun all"):
        rescore(run, ["p@4"])


def test_a_run_is_completed_by_the_metrics_of_its_rankings(store):
    run = store(smooth_scores(), stored=("map@all",))
    completed = with_metrics(run, ["p@5", "map@all", "mrr"])
    own = rescore(run, ["p@5", "mrr"])
    assert list(completed.record.scores) == ["map@all", "p@5", "mrr"]
    assert completed.record.scores["p@5"] == own["p@5"].score
    per_query = completed.per_query()
    assert per_query.metric_ids.tolist() == ["map@all", "p@5", "mrr"]
    np.testing.assert_array_equal(per_query.values[1], own["p@5"].values.astype(np.float32))
    assert list(run.record.scores) == ["map@all"]
    with pytest.raises(BenchmarkError, match="needs the first 13 ranks"):
        with_metrics(run, ["p@13"])


@pytest.mark.parametrize(
    ("metric_id", "message"),
    [
        (
            "map@all",
            r"needs the whole ranking and the ties .*; run .* keeps the first 12 of 40 ranks, "
            r"which leave \d+ of 24",
        ),
        ("p@12/item", "needs the first 13 ranks"),
        (
            "p@20/capped",
            r"needs the first min\(20, R\) ranks and the ties across the last of them; .* \d+ of them "
            "because a tie runs past the last",
        ),
        ("map@r", "needs the first R ranks"),
        ("mrr", "needs the first positive"),
        ("p@41", "looks at 41 ranks"),
        ("map@12", "ambiguous"),
        ("pr_curve", "is a curve"),
        ("precision", "No metric named"),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_reason(metric_id, message, store):
    scores = tied_scores()
    scores[0, LABELS[0] == AMONG] = -9  # a sketch that finds nothing
    with pytest.raises(BenchmarkError, match=message):
        rescore(store(scores), [metric_id])


def test_instances_that_were_not_stored_are_missed(store):
    with pytest.raises(BenchmarkError, match=r"acc@1.* needs query_instances"):
        rescore(store(smooth_scores(), instances=False), ["acc@1"])


def test_a_run_that_excluded_pairs_is_not_rescored(store):
    with pytest.raises(
        BenchmarkError, match=r"p@1: run .* excluded pairs \(same picture\).*keep no embeddings"
    ):
        rescore(store(smooth_scores(), exclusions="same picture"), ["p@1"])
