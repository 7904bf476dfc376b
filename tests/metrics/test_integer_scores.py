"""Whole numbers as scores: only their order counts, whatever their type, width and range."""

from __future__ import annotations

import numpy as np
import pytest

from metrics import evaluate, top_ranking
from metrics.definitions import TIE_RULES

IDS = ["map@all", "map@all/voc", "map@5/r", "map@5/k", "map@5/min_k_r", "map@5/hits", "map@5/voc", "p@5",
       "p@5/capped", "p@5/min_k_r", "p@5/item", "recall@5/r", "r_precision", "map@r", "ndcg@5", "hit@5",
       "mrr", "acc@5"]  # fmt: skip
Q, N = 18, 60
RNG = np.random.default_rng(0)
LABELS = {"query_labels": RNG.integers(5, size=Q), "gallery_labels": RNG.integers(4, size=N)}
INSTANCES = {"query_instances": RNG.integers(30, size=Q), "gallery_instances": RNG.integers(30, size=N)}


def of_scores(scores, ties, **options):
    """Every number under one tie rule, from scores of exactly the type they have here."""
    found = evaluate(
        np.arange(len(scores))[:, None],
        gallery_emb=np.zeros((scores.shape[1], 1)),
        **{
            **LABELS,
            **INSTANCES,
            "metrics": ["map@all"] if ties == "grouped" else IDS,
            "distance": lambda block, _: scores[np.asarray(block)[:, 0].astype(int)],
            "ties": ties,
            **options,
        },
    )
    return np.column_stack([*found.per_query.values(), found.pr_per_query])


def as_places(scores):
    """Floats in the same order: how many different scores of the row lie below."""
    return np.array([np.unique(row, return_inverse=True)[1] for row in scores], dtype=float)


def _around(dtype, *centres, spread=3):
    """Scores beside each of the centres, clipped to what the type holds."""
    limits = np.iinfo(dtype)
    values = [min(max(c + d, limits.min), limits.max) for c in centres for d in range(-spread, spread + 1)]
    return RNG.choice(np.array(sorted(set(values)), dtype=dtype), size=(Q, N))


SCORES = {
    "int8, the whole range": RNG.integers(-128, 128, size=(Q, N), dtype=np.int8),
    "int8, its ends": _around(np.int8, -128, 127),
    "uint8, the whole range": RNG.integers(256, size=(Q, N), dtype=np.uint8),
    "uint8, its ends": _around(np.uint8, 0, 255),
    "int16": _around(np.int16, -(2**15), 0, 2**15),
    "int32, its ends": _around(np.int32, -(2**31), 2**31),
    "int64, few": _around(np.int64, 0),
    "int64, below zero": _around(np.int64, -1000),
    "int64, far from zero": _around(np.int64, 2**53, 2**53 + 40),
    "int64, far apart": _around(np.int64, -(2**40), 5, 2**40),
    "int64, its ends": _around(np.int64, -(2**63), 2**63, 0),
    "uint64, its ends": _around(np.uint64, 0, 2**63, 2**64),
    "int64, all equal": np.full((Q, N), -7),
    "bool": RNG.integers(2, size=(Q, N)).astype(bool),
    "a different range in each row": np.array([_around(np.int64, 10**i)[0] for i in range(Q)]),
}


@pytest.mark.parametrize("ties", TIE_RULES)
@pytest.mark.parametrize("name", SCORES)
def test_integers_give_what_floats_of_the_same_order_give(name, ties):
    found, peer = (of_scores(scores, ties) for scores in (SCORES[name], as_places(SCORES[name])))
    np.testing.assert_allclose(found, peer, rtol=0, atol=1e-12)


@pytest.mark.parametrize("ties", TIE_RULES)
@pytest.mark.parametrize("block", [1, 7])
def test_block_size_changes_nothing_at_all(ties, block):
    for scores in (SCORES["int8, its ends"], SCORES["a different range in each row"]):
        np.testing.assert_array_equal(of_scores(scores, ties), of_scores(scores, ties, block=block))


# The least score that a type holds belongs to an item, not to a removed one.
@pytest.mark.parametrize("ties", TIE_RULES)
@pytest.mark.parametrize(
    "name", ["int8, its ends", "uint8, its ends", "int64, its ends", "int64, few", "bool"]
)
def test_exclusions_leave_what_a_smaller_gallery_leaves(name, ties):
    groups = RNG.integers(12, size=Q), RNG.integers(12, size=N)
    found = of_scores(SCORES[name], ties, exclude_self=True, query_groups=groups[0], gallery_groups=groups[1])
    # Seeded orders of a smaller gallery are others: those numbers are held against floats below.
    drawn = {"stable": slice(None), "expected": [1, 6]}.get(ties, [])
    for query in range(0, Q, 4):
        rest = groups[1] != groups[0][query]
        alone = of_scores(
            SCORES[name][[query]][:, rest], ties, query_labels=LABELS["query_labels"][[query]],
            gallery_labels=LABELS["gallery_labels"][rest],
            query_instances=INSTANCES["query_instances"][[query]],
            gallery_instances=INSTANCES["gallery_instances"][rest],
        )[0]  # fmt: skip
        mine = found[query].copy()
        mine[drawn], alone[drawn] = 0, 0
        np.testing.assert_allclose(mine, alone, rtol=0, atol=1e-12)
    as_floats = of_scores(
        as_places(SCORES[name]), ties, exclude_self=True, query_groups=groups[0], gallery_groups=groups[1]
    )
    np.testing.assert_allclose(found, as_floats, rtol=0, atol=1e-12)


@pytest.mark.parametrize("ties", TIE_RULES)
@pytest.mark.parametrize("n_bits", [8, 64, 100])
@pytest.mark.parametrize(("low", "dtype"), [(-1, np.float32), (0, np.int8)])
def test_hamming_codes_give_what_their_distances_give(n_bits, low, dtype, ties):
    rng = np.random.default_rng(n_bits)
    bits = [rng.integers(2, size=(n, n_bits)) for n in (Q, N)]
    bits[1][::3] = bits[1][0]  # heavy ties among codes of any length
    n_differing = (bits[0][:, None, :] != bits[1][None, :, :]).sum(axis=2)
    codes = [np.where(of_side == 1, 1, low).astype(dtype) for of_side in bits]
    ids = ["map@all"] if ties == "grouped" else IDS
    options = {**LABELS, **INSTANCES, "metrics": ids, "ties": ties, "distance": "hamming"}
    found = evaluate(codes[0], gallery_emb=codes[1], **options)
    peer = of_scores(-n_differing.astype(float), ties)
    np.testing.assert_allclose(
        np.column_stack([*found.per_query.values(), found.pr_per_query]), peer, rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("name", SCORES)
def test_first_ranks_of_integers_are_those_of_floats_of_the_same_order(name):
    gallery, queries = np.zeros((N, 1)), np.arange(Q)[:, None]
    found, peer = (
        top_ranking(queries, gallery, k=9, distance=lambda block, _, scores=scores: scores[block[:, 0]])
        for scores in (SCORES[name], as_places(SCORES[name]))
    )
    np.testing.assert_array_equal(found.items, peer.items)
    np.testing.assert_array_equal(found.tied, peer.tied)
