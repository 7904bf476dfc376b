"""Binary codes: ITQ does what its paper says, and learns from seen items unless its name says otherwise."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes
from sklearn.decomposition import PCA

from benchmark.codes.encoder import make_encoder
from benchmark.codes.itq import as_bits, fit_itq, fit_rotation, principal_components
from benchmark.codes.term import REAL, CodeKind, Codes
from benchmark.contract.tiny_world import make_tiny_world
from benchmark.embed import fit_and_embed
from benchmark.errors import NotRunnable
from methods.base import FitProgress, MethodCard, RetrievalMethod
from metrics import evaluate

TRANSDUCTIVE = (CodeKind.ITQ_QUERIES, CodeKind.ITQ_GALLERY)
WIDTH, BITS = 10, 6


def draw(n, seed, *, width=WIDTH):
    """Items whose dimensions differ in variance, around a mean that is not zero."""
    return (np.random.default_rng(seed).normal(size=(n, width)) * np.arange(1, width + 1) + 3).astype(
        "float32"
    )


SEEN = draw(80, 0), draw(120, 1) + 5
TEST = draw(30, 2), draw(40, 3) + 5
CENTRED = SEEN[1] - SEEN[1].mean(axis=0, dtype=float)


def encoded(kind, *, seen=SEEN, test=TEST, bits=BITS, seed=0):
    return make_encoder(Codes(kind, bits), lambda: seen, seed=seed)(*test)


def share_equal(one, other):
    return np.mean([np.mean(x == y) for x, y in zip(one, other, strict=True)])


def rotation_after(n_iterations, seed=0):
    return fit_rotation(CENTRED[:, :BITS], rng=np.random.default_rng(seed), n_iterations=n_iterations)


@pytest.mark.parametrize("n_iterations", [0, 1, 50])
def test_the_rotation_is_orthogonal(n_iterations):
    rotation = rotation_after(n_iterations)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(BITS), atol=1e-12)


def test_the_quantisation_loss_never_rises_and_ends_lower():
    losses = []
    for n_iterations in range(51):
        rotated = CENTRED[:, :BITS] @ rotation_after(n_iterations)
        losses.append(((np.where(rotated > 0, 1, -1) - rotated) ** 2).sum())
    assert all(after <= before * (1 + 1e-12) for before, after in pairwise(losses))
    assert losses[50] < losses[0]


def test_an_iteration_is_the_orthogonal_procrustes_solution():
    corners = np.where(CENTRED[:, :BITS] @ rotation_after(4) > 0, 1.0, -1.0)
    np.testing.assert_allclose(rotation_after(5), orthogonal_procrustes(CENTRED[:, :BITS], corners)[0])


def test_principal_components_are_those_of_scikit_learn():
    expected = PCA(BITS).fit(CENTRED).components_
    cosines = np.einsum("db,bd->b", principal_components(CENTRED, BITS), expected)
    np.testing.assert_allclose(np.abs(cosines), 1)


def test_the_directions_span_the_principal_components():
    directions = fit_itq(CENTRED, bits=BITS, rng=np.random.default_rng(0))
    components = PCA(BITS).fit(CENTRED).components_
    np.testing.assert_allclose(directions @ directions.T, components.T @ components, atol=1e-10)


@pytest.mark.parametrize("kind", [CodeKind.ITQ, *TRANSDUCTIVE])
def test_more_bits_than_dimensions_are_refused(kind):
    assert encoded(kind, bits=WIDTH)[0].shape == (30, WIDTH)
    with pytest.raises(ValueError, match="11 bits needs embeddings of width 11 or more, these have 10"):
        encoded(kind, bits=WIDTH + 1)


def test_a_bit_is_set_above_zero_and_not_at_zero():
    values = np.array([[-2, -0.0, 0.0, 1e-30, 3]], dtype=np.float32)
    assert as_bits(values).tolist() == [[0, 0, 0, 1, 1]]


def test_sign_codes_are_the_signs_of_the_embeddings():
    for bits, emb in zip(encoded(CodeKind.SIGN), TEST, strict=True):
        np.testing.assert_array_equal(bits, np.sign(emb) == 1)


@pytest.mark.parametrize("kind", [kind for kind in CodeKind if kind is not CodeKind.REAL])
def test_codes_are_as_hamming_distance_takes_them(kind):
    queries, gallery = encoded(kind)
    assert {queries.dtype, gallery.dtype} == {np.dtype(np.uint8)}
    assert set(np.unique(queries)) == set(np.unique(gallery)) == {0, 1}
    found = evaluate(queries, [0] * 30, gallery, [0, 1] * 20, metrics=["map@all"], distance="hamming")
    assert 0 < found.summary["map@all"] < 1


def test_itq_codes_of_an_item_do_not_change_with_the_other_test_items():
    whole = encoded(CodeKind.ITQ)
    other = draw(30, 7) * 100, draw(40, 8) * 100
    np.testing.assert_array_equal(encoded(CodeKind.ITQ, test=(TEST[0], other[1]))[0], whole[0])
    np.testing.assert_array_equal(encoded(CodeKind.ITQ, test=(other[0], TEST[1]))[1], whole[1])
    np.testing.assert_array_equal(encoded(CodeKind.ITQ, test=(TEST[0][:3], TEST[1][5:]))[0], whole[0][:3])


@pytest.mark.parametrize(("kind", "looks_at"), [(TRANSDUCTIVE[0], 0), (TRANSDUCTIVE[1], 1)])
def test_transductive_codes_change_with_the_items_that_they_are_fitted_on(kind, looks_at):
    changed = list(TEST)
    changed[looks_at] = draw(len(TEST[looks_at]), 9) @ np.diag(np.arange(WIDTH, 0, -1) ** 2)
    not_looked_at = 1 - looks_at
    after, before = encoded(kind, test=changed)[not_looked_at], encoded(kind)[not_looked_at]
    assert (after != before).any()


@pytest.mark.parametrize("kind", TRANSDUCTIVE)
def test_transductive_codes_never_ask_for_seen_embeddings(kind):
    make_encoder(Codes(kind, BITS), lambda: pytest.fail("asked"), seed=0)(*TEST)


@pytest.mark.parametrize("modality", [0, 1])
def test_itq_subtracts_from_each_modality_its_own_seen_mean(modality):
    def moved(pair):
        return [emb + 50 * (i == modality) for i, emb in enumerate(pair)]

    before = encoded(CodeKind.ITQ)
    assert share_equal(encoded(CodeKind.ITQ, seen=moved(SEEN), test=moved(TEST)), before) == 1
    assert share_equal(encoded(CodeKind.ITQ, test=moved(TEST)), before) < 0.9


@pytest.mark.parametrize("kind", TRANSDUCTIVE)
def test_transductive_codes_subtract_each_test_mean(kind):
    moved = TEST[0] + 50, TEST[1] - 20
    assert share_equal(encoded(kind, test=moved), encoded(kind)) == 1


@pytest.mark.parametrize("n_photos", [40, 80, 500])
def test_itq_is_fitted_on_equally_many_centred_sketches_and_photos(n_photos, monkeypatch):
    samples = []

    def fit(sample, *, bits, rng):
        samples.append(sample)
        return np.eye(WIDTH)[:, :bits]

    monkeypatch.setattr("benchmark.codes.encoder.fit_itq", fit)
    seen = SEEN[0], draw(n_photos, 5)
    make_encoder(Codes(CodeKind.ITQ, BITS), lambda: seen, seed=0)
    n = min(80, n_photos)
    for emb, rows in zip(seen, np.split(samples[0], [n]), strict=True):
        centred = {tuple(row) for row in emb - emb.mean(axis=0, dtype=float)}
        assert len({tuple(row) for row in rows}) == n
        assert {tuple(row) for row in rows} <= centred


@pytest.mark.parametrize("kind", [CodeKind.ITQ, *TRANSDUCTIVE])
def test_equal_seeds_give_equal_codes_and_other_seeds_others(kind):
    assert share_equal(encoded(kind, seed=3), encoded(kind, seed=3)) == 1
    assert share_equal(encoded(kind, seed=3), encoded(kind, seed=4)) < 1


def test_a_large_gallery_is_encoded_in_parts_alike(monkeypatch):
    whole = encoded(CodeKind.ITQ)
    monkeypatch.setattr("benchmark.codes.encoder._ROWS", 7)
    assert share_equal(encoded(CodeKind.ITQ), whole) == 1


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (CodeKind.REAL, "real"),
        (CodeKind.SIGN, "sign"),
        (CodeKind.ITQ, "itq, 32 bits"),
        (CodeKind.ITQ_QUERIES, "itq/queries, 32 bits, transductive: fitted on test queries"),
        (CodeKind.ITQ_GALLERY, "itq/gallery, 32 bits, transductive: fitted on test photos"),
    ],
)
def test_the_protocol_says_the_codes_completely(kind, text):
    assert str(Codes(kind, 32)) == text


class Identity(RetrievalMethod):
    """Embeds everything as it comes."""

    card = MethodCard(
        id="example",
        title="Example",
        pretraining=(),
        side_information=(),
        input="features",
        distance="cosine",
        fidelity="baseline",
        deviations=(),
        feature_norm="raw",
    )

    def fit(self, seen, *, seed, progress):
        return self

    def embed_sketches(self, batch):
        return batch

    def embed_photos(self, batch):
        return batch


def variant(distance="cosine", **members):
    facts = {**vars(Identity.card), "distance": distance}
    return type("Variant", (Identity,), {"card": MethodCard(**facts), **members})


def embedded(method, kind, *, world=None, task=None):
    task = task or (world or make_tiny_world()).task(method.card)
    codes = Codes(kind, BITS)
    return fit_and_embed(method, None, task, seed=0, device="cpu", progress=FitProgress(), codes=codes)


def test_embeddings_that_are_not_coded_stay_as_they_are(tiny_world):
    result = embedded(Identity, CodeKind.REAL, world=tiny_world)
    assert (result.codes, result.distance, result.gallery_emb.dtype) == (REAL, "cosine", np.float32)
    assert "fit_codes" not in result.phases_s


def test_codes_stand_in_file_order_and_are_compared_by_hamming_distance(tiny_world):
    real, coded = (embedded(Identity, kind, world=tiny_world) for kind in (CodeKind.REAL, CodeKind.SIGN))
    np.testing.assert_array_equal(coded.query_emb, real.query_emb > 0)
    np.testing.assert_array_equal(coded.gallery_emb, real.gallery_emb > 0)
    assert coded.distance == "hamming"


def test_a_method_that_learns_codes_keeps_them(tiny_world):
    method = variant("hamming", embed_photos=lambda self, batch: (batch > 1).float())
    coded, real = (embedded(method, kind, world=tiny_world) for kind in (CodeKind.ITQ, CodeKind.REAL))
    np.testing.assert_array_equal(coded.gallery_emb, real.gallery_emb)
    assert (coded.codes, coded.distance, coded.gallery_emb.shape[1]) == (REAL, "hamming", 32)


def test_codes_that_a_method_learns_are_its_signs_and_never_pass_through_itq(tiny_world):
    method = type("Hashing", (Identity,), {"card": dataclasses.replace(Identity.card, codes="own")})
    coded, real = (embedded(method, kind, world=tiny_world) for kind in (CodeKind.ITQ, CodeKind.REAL))
    assert (coded.codes, coded.distance) == (Codes(CodeKind.SIGN), "hamming")
    np.testing.assert_array_equal(coded.gallery_emb, real.gallery_emb > 0)
    assert (real.codes, real.distance) == (REAL, "cosine")


@pytest.mark.parametrize("kind", [kind for kind in CodeKind if kind is not CodeKind.REAL])
def test_a_similarity_of_the_methods_own_cannot_be_coded(tiny_world, kind):
    method = variant("own", similarity=lambda self, q, g: q @ g.T, fit=lambda *_, **__: pytest.fail("fitted"))
    with pytest.raises(NotRunnable, match=rf"no codes '{kind}.* ranks by a `similarity` of its own"):
        embedded(method, kind, world=tiny_world)


def test_itq_has_learnt_before_the_test_items_are_opened(tiny_world, monkeypatch):
    order = []
    task = tiny_world.task(Identity.card)
    for name in ("seen", "test_items"):
        original = getattr(task, name)
        monkeypatch.setattr(
            task, name, lambda name=name, original=original: (order.append(name), original())[1]
        )
    monkeypatch.setattr(
        "benchmark.codes.encoder.fit_itq", lambda *_, **__: (order.append("fit"), np.eye(32)[:, :BITS])[1]
    )
    embedded(Identity, CodeKind.ITQ, task=task)
    assert order == ["seen", "seen", "fit", "test_items"]


def test_itq_codes_are_learnt_from_both_modalities_with_the_seed_of_the_run(tiny_world):
    coded, real = (embedded(Identity, kind, world=tiny_world) for kind in (CodeKind.ITQ, CodeKind.REAL))
    seen = tiny_world.task(Identity.card).seen()
    pair = seen.sketches.numpy(), seen.photos.numpy()
    expected = make_encoder(Codes(CodeKind.ITQ, BITS), lambda: pair, seed=0)(real.query_emb, real.gallery_emb)
    assert share_equal((coded.query_emb, coded.gallery_emb), expected) == 1


def encoder_of(world, monkeypatch, kind=CodeKind.ITQ, method=Identity):
    """What `fit_and_embed` encodes with."""
    made = []

    def spy(*args, **kwargs):
        made.append(make_encoder(*args, **kwargs))
        return made[0]

    monkeypatch.setattr("benchmark.embed.make_encoder", spy)
    embedded(method, kind, world=world)
    return made[0]


def test_what_itq_learns_does_not_change_with_the_unseen_classes(monkeypatch):
    probes = draw(50, 5, width=32), draw(50, 6, width=32)
    codes = [encoder_of(make_tiny_world(unseen_seed=s), monkeypatch)(*probes) for s in (0, 1)]
    assert share_equal(*codes) == 1


def test_itq_learns_from_the_seen_items_as_they_were_before_fit(tiny_world, monkeypatch):
    def fit(self, seen, *, seed, progress):
        seen.sketches[:] = torch.rand(seen.sketches.shape)
        return self

    probes = draw(50, 5, width=32), draw(50, 6, width=32)
    methods = Identity, variant(fit=fit)
    codes = [encoder_of(tiny_world, monkeypatch, method=method)(*probes) for method in methods]
    assert share_equal(*codes) == 1
