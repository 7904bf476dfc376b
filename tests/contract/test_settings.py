"""Every registered method runs under every setting, direction, choice of queries and relevance.

`make test` runs a pairwise cover: each method with each setting, each direction, each choice of queries and
each relevance, and every two of these with one another. `make test-all` runs the whole product.
"""

from itertools import combinations, product

import numpy as np
import pytest

from benchmark.configs import resolve_config
from benchmark.contract.tiny_world import WIDTH
from benchmark.embed import fit_and_embed
from benchmark.errors import NotRunnable
from benchmark.grade import grade
from benchmark.registry import METHODS
from datasets.settings import DIRECTIONS, SETTINGS, Terms
from methods.base import FitProgress

# In the generated world, no two sketches are of one instance.
WITH_INSTANCES = [direction for direction in DIRECTIONS if direction != "sketch2sketch"]
WITHIN = [Terms(direction=f"{side}2{side}", queries="sake10") for side in ("sketch", "photo")]
TERMS = (
    *(Terms(setting, direction) for setting, direction in product(SETTINGS, DIRECTIONS)),
    *WITHIN,
    Terms(queries="sake10"),
    *(Terms(direction=direction, relevance="instance") for direction in WITH_INSTANCES),
)

SHARP = ("frozen", "centred")
"""Methods that nothing is trained for, so that a scrambled ranking shows in their scores: at all terms."""


def pairs(method_id, terms):
    values = (method_id, terms.setting, terms.direction, terms.queries_name, terms.relevance)
    return set(combinations(enumerate(values), 2))


def pairwise_cover(combined):
    """All of the sharp methods, then in turn whichever holds most pairs that none before it holds."""
    chosen = [one for one in combined if one[0] in SHARP]
    pairs_of = {one: pairs(*one) for one in combined}
    missing = set().union(*pairs_of.values()) - set().union(*(pairs_of[one] for one in chosen))
    while missing:
        best = max(combined, key=lambda one: len(pairs_of[one] & missing))
        chosen.append(best)
        missing -= pairs_of[best]
    return frozenset(chosen)


PRODUCT = list(product(METHODS.ids(), TERMS))
COVER = pairwise_cover(PRODUCT)


def named(method_id, terms):
    marks = [] if (method_id, terms) in COVER else [pytest.mark.product]
    name = f"{method_id}-{terms.setting}-{terms.direction}-{terms.queries_name}-{terms.relevance}"
    return pytest.param(method_id, terms, id=name, marks=marks)


@pytest.fixture(scope="module")
def fitted(tiny_world):
    """Fit a method once for all terms that train on the same items."""
    known = {}

    def embed(method_id, terms):
        method = METHODS.get(method_id)
        config = resolve_config(method, "smoke", tiny_world.split, width=WIDTH).config
        task = tiny_world.task(method.card, terms=terms)
        key = (method_id, task.arrangement.train_sketches.tobytes(), task.arrangement.train_photos.tobytes())
        embedded = None
        if key in known:
            own, known_fit = known[key], method.fit
            try:
                method.fit = lambda self, seen, *, seed, progress: (self.__dict__.update(vars(own)), self)[1]
                embedded = fit_and_embed(method, config, task, seed=0, device="cpu", progress=FitProgress())
            finally:
                method.fit = known_fit
        if embedded is None:
            embedded = fit_and_embed(method, config, task, seed=0, device="cpu", progress=FitProgress())
            known[key] = embedded.method
        return embedded

    return embed


@pytest.mark.parametrize(("method_id", "terms"), [named(*one) for one in PRODUCT])
def test_every_method_runs_and_is_graded(method_id, terms, fitted, tiny_world):
    try:
        embedded = fitted(method_id, terms)
    except NotRunnable as reason:
        pytest.skip(str(reason))
    graded = grade(embedded, tiny_world.index, terms, interval_seed=0, device="cpu")
    score = graded.fields["scores"]["map@all"]
    assert 0 < score.value <= 1
    assert (embedded.query_emb != embedded.query_emb[0]).any()
    if method_id in SHARP and terms.relevance == "category":
        assert score.value > score.chance + 0.1
    assert score.n_queries_used > 0
    n_seen = int(embedded.answers.query_is_seen.sum())
    assert graded.fields["counts"].n_seen_queries == n_seen
    assert bool(n_seen) == (terms.setting not in ("zs", "gzs/all_seen"))
    assert len(graded.per_query.labels) == graded.fields["counts"].n_queries
    assert graded.rankings.top.shape[0] == graded.fields["counts"].n_queries
    classes = {tiny_world.index.class_names[label] for label in np.unique(graded.per_query.labels)}
    assert classes == set(tiny_world.split.unseen)


def test_the_cover_holds_every_pair_of_the_product():
    held, wanted = (set().union(*(pairs(*one) for one in some)) for some in (COVER, PRODUCT))
    assert held == wanted
    assert {terms for _, terms in COVER} == set(TERMS)
    assert len(COVER) < len(PRODUCT) / 2
