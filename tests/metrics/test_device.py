"""The way of every device but "cpu", walked on the CPU and, where there is one, on a GPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from metrics import DEFAULT, evaluate, top_ranking
from metrics.definitions import TIE_RULES

GPU = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))
DEVICES = ["cpu:0", GPU]

IDS = ["map@all", "map@all/voc", "map@5/r", "map@5/k", "map@5/min_k_r", "map@5/hits", "map@5/voc", "p@5",
       "p@5/capped", "p@5/min_k_r", "p@5/item", "recall@5/r", "r_precision", "map@r", "ndcg@5", "hit@5",
       "mrr", "acc@5"]  # fmt: skip
Q, N = 18, 60
RNG = np.random.default_rng(0)
KNOWN = {
    "query_labels": np.where(np.arange(Q) == 3, 9, RNG.integers(4, size=Q)),  # one query without positives
    "gallery_labels": RNG.integers(4, size=N),
    "query_instances": RNG.integers(30, size=Q),
    "gallery_instances": RNG.integers(30, size=N),
}
TIED = RNG.integers(-4, 4, size=(Q, N))
EMB = [RNG.normal(size=(n, 16)).astype(np.float32) for n in (Q, N)]
CODES = [np.sign(array).astype(np.int8) for array in EMB]
GROUPS = {"query_groups": RNG.integers(9, size=Q), "gallery_groups": RNG.integers(9, size=N)}

SCORES = {
    "float64 with ties": TIED.astype(float),
    "float32 without ties": RNG.permuted(np.tile(np.arange(N), (Q, 1)), axis=1).astype(np.float32),
    "float16": TIED.astype(np.float16),
    "last digits of float64": 1 + TIED * 2.0**-52,
    "denormals": TIED * 5e-324,
    "large offset": TIED + 2.0**52,
    "zeros of both signs": np.where(TIED > 0, 0.0, -0.0),
    "one tie of everything": np.zeros((Q, N)),
    "positives last": -(KNOWN["query_labels"][:, None] == KNOWN["gallery_labels"]).astype(float),
    "int8, its ends": RNG.choice(np.array([-128, -127, 0, 126, 127], dtype=np.int8), size=(Q, N)),
    "uint8": (TIED + 4).astype(np.uint8),
    "int64, its ends": RNG.choice(np.array([-(2**63), 0, 2**63 - 2, 2**63 - 1]), size=(Q, N)),
    "bool": TIED > 0,
    "tensor": torch.from_numpy(TIED),
    "uint64 tensor": torch.from_numpy((TIED + 2**62).astype(np.uint64) * 2),
    "tensor with a gradient": torch.from_numpy(TIED.astype(float)).requires_grad_(),
}  # fmt: skip


def _both(device, query_emb, gallery_emb, ties="expected", **options):
    ids = ["map@all"] if ties == "grouped" else IDS
    options = {**KNOWN, "metrics": ids, "ties": ties, **options}
    expected = evaluate(query_emb, gallery_emb=gallery_emb, **options)
    return expected, evaluate(query_emb, gallery_emb=gallery_emb, device=device, block=7, **options)


def _assert_same(expected, found, atol=1e-12):
    for field in ("per_query", "per_class", "summary", "class_balanced", "ties", "dropped"):
        assert list(getattr(found, field)) == list(getattr(expected, field))
    for metric_id, values in expected.per_query.items():
        np.testing.assert_allclose(found.per_query[metric_id], values, rtol=0, atol=atol, err_msg=metric_id)
        assert found.per_query[metric_id].dtype == np.float64
    np.testing.assert_allclose(found.pr_per_query, expected.pr_per_query, rtol=0, atol=atol)
    for field in ("n_relevant", "n_ranked", "n_instances"):
        np.testing.assert_array_equal(getattr(found, field), getattr(expected, field))
    for field in ("n_queries", "n_gallery", "n_without_positives", "n_without_instance", "n_near_ties"):
        assert getattr(found, field) == getattr(expected, field)
    assert found.ties == expected.ties


def _given(scores):
    """Arguments that make `scores` the scores, whatever rows a block holds."""
    return {
        "query_emb": np.arange(Q)[:, None],
        "gallery_emb": np.zeros((N, 1)),
        "distance": lambda block, _: scores[np.asarray(block)[:, 0].astype(int)],
    }


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("ties", TIE_RULES)
@pytest.mark.parametrize("name", SCORES)
def test_given_scores_are_measured_alike(device, ties, name):
    _assert_same(*_both(device, ties=ties, **_given(SCORES[name])))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("ties", TIE_RULES)
@pytest.mark.parametrize("name", ["float64 with ties", "int8, its ends", "int64, its ends", "bool"])
def test_exclusions_are_the_same(device, ties, name):
    excluded = {"exclude_self": True, **GROUPS}
    expected, found = _both(device, ties=ties, **excluded, **_given(SCORES[name]))
    assert len(set(expected.n_ranked.tolist())) > 1
    _assert_same(expected, found)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("ties", TIE_RULES)
def test_codes_are_measured_alike(device, ties):
    _assert_same(*_both(device, *CODES, ties=ties, distance="hamming"))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("distance", ["euclidean", "cosine", "dot"])
def test_summaries_from_embeddings_agree_to_1e_5(device, distance):
    expected, found = _both(device, *EMB, distance=distance)
    assert found.summary == pytest.approx(expected.summary, abs=1e-5)
    np.testing.assert_allclose(found.pr_curve, expected.pr_curve, rtol=0, atol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("distance", ["euclidean", "cosine", "dot"])
def test_copies_in_the_gallery_tie_exactly(device, distance):
    rng = np.random.default_rng(1)
    gallery = np.repeat(rng.normal(size=(37, 65)).astype(np.float32), 3, axis=0)
    queries = rng.normal(size=(20, 65)).astype(np.float32)
    # One of each three copies is a positive: the best order has it first, the worst last.
    best, worst = (
        evaluate(queries, [1] * 20, gallery, [1, 0, 0] * 37, distance=distance, device=device, ties=ties,
                 metrics=["mrr", "p@37"]).summary
        for ties in ("optimistic", "pessimistic")
    )  # fmt: skip
    assert best == pytest.approx({"mrr": 1, "p@37": 13 / 37})
    assert worst == pytest.approx({"mrr": 1 / 3, "p@37": 12 / 37})


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "name", ["float64 with ties", "int8, its ends", "denormals", "float16", "tensor with a gradient"]
)
def test_first_ranks_are_the_same(device, name):
    given = {"k": 9, "exclude_self": True, **GROUPS, **_given(SCORES[name])}
    expected, found = (top_ranking(**given, device=on) for on in ("cpu", device))
    np.testing.assert_array_equal(found.items, expected.items)
    np.testing.assert_array_equal(found.tied, expected.tied)


@pytest.mark.parametrize("device", DEVICES)
def test_scores_stay_on_the_device_even_when_handed_in_as_embeddings(device, monkeypatch):
    sizes, to_cpu = [], torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: sizes.append(tensor.numel()) or to_cpu(tensor))
    scores = torch.from_numpy(SCORES["float64 with ties"]).to(device)
    options = {"distance": lambda block, _: block, "metrics": ["map@all", "p@5"], "device": device}
    evaluate(scores, gallery_emb=torch.zeros(N, 1, device=device), **KNOWN, **options)
    assert 0 < max(sizes) < Q * N / 4


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("ties", ["expected", "stable"])
def test_gallery_of_one_item_is_ranked(device, ties):
    options = {"metrics": ["map@all", "map@all/voc", "p@1", "ndcg@1"], "ties": ties, "device": device}
    found = evaluate([[0.0], [1.0]], [1, 2], [[1.0]], [1], **options)
    assert found.summary == pytest.approx(dict.fromkeys(options["metrics"], 1.0))
    assert found.n_without_positives == 1


@pytest.mark.parametrize("device", DEVICES)
def test_default_ids_are_dropped_alike(device):
    _assert_same(*_both(device, *EMB, distance="dot", metrics=DEFAULT), atol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_are_refused(device, bad):
    scores = SCORES["float64 with ties"].copy()
    scores[7, 8] = bad
    with pytest.raises(ValueError, match="score from the distance callable is nan or infinite"):
        evaluate(**_given(scores), **KNOWN, metrics=["p@5"], device=device)
