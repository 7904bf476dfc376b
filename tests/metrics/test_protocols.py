"""Published evaluations: each bundle gives what its code computes, written out here from its description."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics import average_precision_score

from metrics import evaluate
from metrics.definitions import TIE_RULES, parse
from metrics.protocols import PROTOCOLS, UNKNOWN

PER_CLASS = {"ant": (2, 40), "bee": (7, 90), "cow": (11, 230)}  # queries, gallery items; 90 < 100, 200 < 230


def _world(n_dimensions: int, *, levels: int | None = None):
    """Embeddings and labels of both sides; `levels` whole numbers instead of normal ones make ties."""
    rng = np.random.default_rng(7)
    sides = []
    for side in range(2):
        labels = np.repeat(list(PER_CLASS), [counts[side] for counts in PER_CLASS.values()])
        order = rng.permutation(labels.size)
        emb = rng.normal(size=(labels.size, n_dimensions)) + (labels == "bee")[:, None]
        if levels is not None:
            emb = rng.integers(levels, size=emb.shape).astype(float)
        sides += [emb[order], labels[order]]
    return sides


def _unit(emb):
    return emb / np.linalg.norm(emb, axis=1, keepdims=True)


# How each code turns embeddings into scores, larger is better.
SCORES = {
    "sake": lambda q, g: -cdist(_unit(q), _unit(g)),
    "sem_pcyc": lambda q, g: np.exp(-cdist(q, g)),
    "zse": lambda q, g: -cdist(_unit(q), _unit(g)),
    "doodle2search": lambda q, g: 1 / (1 + cdist(q, g)),
    "iiae": lambda q, g: -cdist(q, g, "cosine"),
}


# How each code turns one query's scores and 0/1 relevance into numbers.


def _ranked(scores, relevant):
    return relevant[np.argsort(-scores)]


def _slice_ap(scores, relevant, k):
    """scikit-learn's AP on the first k items, 0 where none of them is a positive."""
    first = np.argsort(-scores)[:k]
    return average_precision_score(relevant[first], scores[first]) if relevant[first].any() else 0.0


def _voc_ap(scores, relevant, k=None):
    """Mean over the recalls 1/D ... D/D of the best precision among ranks that reach it, 0 if none does."""
    ranked = _ranked(scores, relevant)[:k]
    n_levels = min(k or relevant.sum(), relevant.sum())
    hits = ranked.cumsum()
    precisions = hits / np.arange(1, ranked.size + 1)
    return np.mean([precisions[hits >= level].max(initial=0) for level in range(1, n_levels + 1)])


def _ap_over_k(scores, relevant, k):
    ranked = _ranked(scores, relevant)[:k]
    return np.mean(ranked * ranked.cumsum() / np.arange(1, k + 1))


def _ap(scores, relevant):
    ranked = _ranked(scores, relevant)
    return np.mean([ranked[:rank].mean() for rank in np.flatnonzero(ranked) + 1])


def _p(scores, relevant, k):
    return _ranked(scores, relevant)[:k].mean()


def _capped_p(scores, relevant, k):
    return _p(scores, relevant, min(k, relevant.sum()))


BOTH, QUERY = ("class", "query"), ("query",)
SLOW = {
    "sake": {
        "map@all/voc": (BOTH, _voc_ap),
        "map@200/voc": (BOTH, lambda s, y: _voc_ap(s, y, 200)),
        "p@100": (BOTH, lambda s, y: _p(s, y, 100)),
    },
    "sem_pcyc": {
        "map@all": (QUERY, lambda s, y: average_precision_score(y, s)),
        "map@200/hits": (QUERY, lambda s, y: _slice_ap(s, y, 200)),
        "p@100": (QUERY, lambda s, y: _p(s, y, 100)),
        "p@200": (QUERY, lambda s, y: _p(s, y, 200)),
    },
    "zse": {
        "map@all/voc": (QUERY, _voc_ap),
        "map@200/voc": (QUERY, lambda s, y: _voc_ap(s, y, 200)),
        "p@100/capped": (QUERY, lambda s, y: _capped_p(s, y, 100)),
        "p@200/capped": (QUERY, lambda s, y: _capped_p(s, y, 200)),
    },
    "doodle2search": {
        "map@all": (QUERY, lambda s, y: average_precision_score(y, s)),
        "map@200/hits": (QUERY, lambda s, y: _slice_ap(s, y, 200)),
        "p@200/item": (QUERY, lambda s, y: _ranked(s, y)[200]),
        "p@5/min_k_r": (QUERY, lambda s, y: _ranked(s, y)[:5].sum() / min(5, y.sum())),
    },
    "iiae": {
        "map@all": (QUERY, _ap),
        "map@100/k": (QUERY, lambda s, y: _ap_over_k(s, y, 100)),
        "map@200/k": (QUERY, lambda s, y: _ap_over_k(s, y, 200)),
        "p@100": (QUERY, lambda s, y: _p(s, y, 100)),
        "p@200": (QUERY, lambda s, y: _p(s, y, 200)),
    },
}


def _mean(values, labels, averaging):
    if averaging == "query":
        return np.mean(values)
    return np.mean([np.mean(values[labels == label]) for label in PER_CLASS])


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_bundle_gives_the_numbers_of_its_code(name):
    query_emb, query_labels, gallery_emb, gallery_labels = _world(4)
    protocol, scores = PROTOCOLS[name], SCORES[name](query_emb, gallery_emb)
    for reading in protocol.readings:
        _, slow = SLOW[name][reading.metric]
        values = np.array(
            [slow(row, gallery_labels == label) for row, label in zip(scores, query_labels, strict=True)]
        )
        found = evaluate(
            query_emb, query_labels, gallery_emb, gallery_labels,
            metrics=[reading.metric], ties=reading.ties, distance=protocol.distance,
        )  # fmt: skip
        means = found.summary if reading.averaging == "query" else found.class_balanced
        expected = _mean(values, query_labels, reading.averaging)
        assert means[reading.metric] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_bundle_holds_every_number_of_its_code_once(name):
    found = [(reading.metric, reading.averaging) for reading in PROTOCOLS[name].readings]
    assert sorted(found) == sorted((id_, mean) for id_, (means, _) in SLOW[name].items() for mean in means)


@pytest.mark.parametrize("name", ["sem_pcyc", "doodle2search"])
def test_bundles_with_scikit_learn_group_ties_over_the_whole_ranking(name):
    query_emb, query_labels, gallery_emb, gallery_labels = _world(2, levels=4)
    scores = SCORES[name](query_emb, gallery_emb)
    slow = [
        average_precision_score(gallery_labels == label, row)
        for row, label in zip(scores, query_labels, strict=True)
    ]
    reading = next(reading for reading in PROTOCOLS[name].readings if reading.metric == "map@all")
    for ties, is_that in ((reading.ties, True), ("expected", False)):
        found = evaluate(
            query_emb, query_labels, gallery_emb, gallery_labels, metrics=["map@all"], ties=ties
        ).per_query["map@all"]
        assert np.allclose(found, slow, rtol=0, atol=1e-12) is is_that


def test_the_example_tells_the_definitions_of_map_at_200_apart():
    query_emb, query_labels, gallery_emb, gallery_labels = _world(4)
    ids = [f"map@200/{divisor}" for divisor in ("r", "k", "min_k_r", "hits", "voc")]
    values = evaluate(query_emb, query_labels, gallery_emb, gallery_labels, metrics=ids).summary.values()
    assert np.diff(sorted(values)).min() > 1e-3


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
def test_every_reading_is_a_complete_id_with_a_known_tie_rule_and_the_lines_that_compute_it(protocol):
    for reading in protocol.readings:
        assert parse(reading.metric).id == reading.metric
        assert reading.ties in TIE_RULES
        assert reading.ties != "grouped" or reading.metric == "map@all"  # the only id with such a reading
        assert re.fullmatch(r"[\w/]+\.py:\d+(-\d+)?", reading.source)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
def test_an_unknown_average_means_that_both_are_there(protocol):
    averages = {reading.averaging for reading in protocol.readings}
    assert averages == ({"query", "class"} if protocol.averaging == UNKNOWN else {protocol.averaging})


def test_protocols_load_without_numpy_and_torch():
    code = "import sys, metrics.protocols; print({'numpy', 'torch'} & set(sys.modules))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "set()"
