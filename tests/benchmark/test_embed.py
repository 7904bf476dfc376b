"""Fitting and embedding: what a method is given, in which order, and what is made of what it returns."""

import hashlib
import random

import numpy as np
import pytest
import torch

from benchmark.contract.tiny_world import TRAINING, UNSEEN, VALIDATION
from benchmark.embed import fit_and_embed
from benchmark.errors import NotRunnable
from datasets.class_vectors import ClassVectors
from datasets.seen import Pictures
from methods.base import FitProgress, MethodCard, RetrievalMethod


def card(**facts):
    needed = {"id": "example", "title": "Example", "pretraining": (), "side_information": ()}
    kind = {"input": "features", "distance": "cosine", "fidelity": "baseline", "deviations": ()}
    return MethodCard(**{**needed, **kind, "feature_norm": "raw", **facts})


class Identity(RetrievalMethod):
    """Embeds everything as it comes."""

    card = card()

    def fit(self, seen, *, seed, progress):
        return self

    def embed_sketches(self, batch):
        return batch.flatten(1)

    def embed_photos(self, batch):
        return batch.flatten(1)


def embedded(method, task, *, seed=0, config=None):
    return fit_and_embed(method, config, task, seed=seed, device="cpu", progress=FitProgress())


def variant(**members):
    return type("Variant", (Identity,), members)


def test_embeddings_come_back_in_file_order(tiny_world):
    result = embedded(Identity, tiny_world.task(Identity.card))
    unseen = [tiny_world.index.class_names.index(name) for name in UNSEEN]
    for emb, items, features in (
        (result.query_emb, tiny_world.index.sketches, tiny_world.sketch_features),
        (result.gallery_emb, tiny_world.index.photos, tiny_world.photo_features),
    ):
        np.testing.assert_array_equal(emb, features[np.isin(items.labels, unseen)])


def test_embeddings_of_pictures_come_back_in_file_order(tiny_world):
    method = variant(card=card(input="images"))
    result = embedded(method, tiny_world.task(method.card))
    rows = result.answers.gallery
    expected = tiny_world.photo_pictures[rows].reshape(len(rows), -1) / np.float32(255)
    np.testing.assert_allclose(result.gallery_emb, expected, rtol=1e-6)


def test_labels_stay_with_their_items(tiny_world):
    answers = embedded(Identity, tiny_world.task(Identity.card)).answers
    np.testing.assert_array_equal(answers.query_labels, tiny_world.index.sketches.labels[answers.queries])
    names = {tiny_world.index.class_names[label] for label in answers.gallery_labels}
    assert names == set(UNSEEN)


@pytest.mark.parametrize(("input", "expected"), [("features", torch.Tensor), ("images", Pictures)])
def test_a_method_gets_what_its_card_asks_for(tiny_world, input, expected):
    given = []

    def fit(self, seen, *, seed, progress):
        given.append(seen.photos)
        return self

    method = variant(card=card(input=input), fit=fit)
    embedded(method, tiny_world.task(method.card))
    assert [type(photos) for photos in given] == [expected]


def test_embedding_sees_batches_of_items_and_nothing_else(tiny_world):
    arguments = []

    def embed(self, *args, **kwargs):
        arguments.append((args, kwargs))
        return args[0]

    embedded(variant(embed_sketches=embed, embed_photos=embed), tiny_world.task(Identity.card))
    assert [(len(args), kwargs) for args, kwargs in arguments] == [(1, {})] * 4
    for (batch,), _ in arguments:
        assert type(batch) is torch.Tensor


def test_a_batch_does_not_lead_to_the_other_test_items(tiny_world, monkeypatch):
    monkeypatch.setattr("benchmark.embed.FEATURE_BATCH", 10)
    batches = []

    def embed(self, batch):
        batches.append(batch)
        return batch

    embedded(variant(embed_sketches=embed, embed_photos=embed), tiny_world.task(Identity.card))
    assert [len(batch) for batch in batches] == [10, 10, 4, 3, 10, 10, 10, 2, 3]
    assert all(batch.untyped_storage().nbytes() == batch.numel() * 4 for batch in batches)


def test_a_method_that_uses_the_other_test_items_is_refused(tiny_world):
    method = variant(embed_photos=lambda self, batch: batch - batch.mean(dim=0))
    with pytest.raises(ValueError, match="other embeddings when they come alone"):
        embedded(method, tiny_world.task(Identity.card))


def test_convolutions_on_a_gpu_are_in_float32_while_a_method_works_and_as_before_afterwards(tiny_world):
    allowed = []

    def fit(self, seen, *, seed, progress):
        allowed.append(torch.backends.cudnn.allow_tf32)
        return self

    def embed(self, batch):
        allowed.append(torch.backends.cudnn.allow_tf32)
        return batch

    before = torch.backends.cudnn.allow_tf32
    embedded(variant(fit=fit, embed_sketches=embed, embed_photos=embed), tiny_world.task(Identity.card))
    assert before
    assert allowed == [False] * 5
    assert torch.backends.cudnn.allow_tf32


def test_test_items_are_opened_after_fit_returned(tiny_world, monkeypatch):
    order = []
    task = tiny_world.task(Identity.card)
    original = task.test_items

    def fit(self, seen, *, seed, progress):
        order.append("fit")
        return self

    def test_items():
        order.append("test items")
        return original()

    monkeypatch.setattr(task, "test_items", test_items)
    embedded(variant(fit=fit), task)
    assert order == ["fit", "test items"]


def hashing_method(method_id, digest):
    """A method that hashes every tensor it is given, and then makes something of its own of them."""

    def add(tensor):
        digest.update(str((tensor.dtype, tuple(tensor.shape))).encode() + tensor.numpy().tobytes())

    def fit(self, seen, *, seed, progress):
        digest.update(repr((seen.class_names, seen.validation_classes, seen.pairs)).encode())
        for name in ("sketches", "photos", "sketch_labels", "photo_labels", "sketch_instances"):
            add(getattr(seen, name))
        for name in ("photo_instances", "class_vectors"):
            add(getattr(seen, name))
        seen.sketches[:] = 0  # what one method does to its copy is nothing to the next
        torch.rand(len(method_id))
        return self

    def embed(self, batch):
        add(batch)
        return batch * len(method_id)

    facts = card(id=method_id, side_information=("class vectors",))
    return variant(card=facts, fit=fit, embed_sketches=embed, embed_photos=embed)


def test_two_methods_are_given_the_same_bytes_in_the_same_order(tiny_world):
    digests = []
    for method_id in ("one", "another"):
        digest = hashlib.sha256()
        method = hashing_method(method_id, digest)
        embedded(method, tiny_world.task(method.card))
        digests.append(digest.hexdigest())
    assert digests[0] == digests[1]


def test_training_data_is_counted(tiny_world):
    result = embedded(Identity, tiny_world.task(Identity.card))
    n_classes = len(TRAINING) + len(VALIDATION)
    counts = (result.n_train_classes, result.n_train_sketches, result.n_train_photos)
    assert counts == (n_classes, 6 * n_classes, 8 * n_classes)


def test_a_method_that_holds_validation_classes_out_is_counted_with_fewer(tiny_world):
    def fit(self, seen, *, seed, progress):
        training, validation = seen.hold_out_validation()
        assert set(validation.class_names) == set(VALIDATION)
        assert set(training.class_names) == set(TRAINING)
        return self

    result = embedded(variant(fit=fit), tiny_world.task(Identity.card))
    assert result.n_train_classes == len(TRAINING)


@pytest.mark.parametrize(("side_information", "is_given"), [((), False), (("class vectors",), True)])
def test_class_vectors_are_given_to_methods_whose_card_lists_them(tiny_world, side_information, is_given):
    given = []

    def fit(self, seen, *, seed, progress):
        given.append(seen.class_vectors is not None)
        return self

    method = variant(card=card(side_information=side_information), fit=fit)
    embedded(method, tiny_world.task(method.card))
    assert given == [is_given]


class FewVectors(ClassVectors):
    """A vector for every class but two, and for the labels of ILSVRC-1k none."""

    id, kind, advice = "few", "few.txt (made up)", "Add them."

    def __init__(self, lacking=("aircraft", "mail")):
        self.lacking = lacking

    def vector(self, class_name):
        is_here = class_name in (*TRAINING, *VALIDATION) and class_name not in self.lacking
        return np.ones(3, np.float32) if is_here else None


def test_a_method_that_needs_class_vectors_is_not_runnable_without(tiny_world):
    facts = card(side_information=("class vectors",))
    reason = r"^needs class vectors, and few\.txt \(made up\) has none for: aircraft, mail\. Add them$"
    with pytest.raises(NotRunnable, match=reason):
        embedded(variant(card=facts), tiny_world.task(facts, class_vectors=FewVectors()))


def test_a_method_with_a_teacher_is_not_runnable_without_vectors_of_its_labels(tiny_world):
    facts = card(side_information=("class vectors", "teacher logits"))
    reason = r"needs vectors of the ILSVRC-1k labels, and few\.txt .* for: tench, .* and 960 more\. Add them$"
    with pytest.raises(NotRunnable, match=reason):
        embedded(variant(card=facts), tiny_world.task(facts, class_vectors=FewVectors(lacking=())))


def test_a_method_with_a_teacher_is_given_the_vectors_of_its_labels(tiny_world):
    given = []

    def fit(self, seen, *, seed, progress):
        given.append(tuple(seen.teacher_vectors.shape))
        return self

    facts = card(side_information=("class vectors", "teacher logits"))
    embedded(variant(card=facts, fit=fit), tiny_world.task(facts))
    assert given == [(1000, 384)]


@pytest.mark.parametrize(
    ("embed", "message"),
    [
        (lambda self, batch: batch[0], r"must give \(24, width\) float32, got \(32,\) torch\.float32"),
        (lambda self, batch: batch[:-1], r"must give \(24, width\) float32, got \(23, 32\)"),
        (lambda self, batch: batch.double(), r"got \(24, 32\) torch\.float64"),
        (lambda self, batch: batch[:, :5], "embed_sketches gives width 5, embed_photos 32"),
    ],
)
def test_an_embedding_of_a_wrong_shape_or_type_is_refused(tiny_world, embed, message):
    with pytest.raises(ValueError, match=message):
        embedded(variant(embed_sketches=embed), tiny_world.task(Identity.card))


def test_a_similarity_of_the_methods_own_compares_different_widths(tiny_world):
    method = variant(
        card=card(distance="own"),
        embed_sketches=lambda self, batch: batch[:, :5],
        similarity=lambda self, queries, gallery: queries @ gallery[:, :5].T,
    )
    result = embedded(method, tiny_world.task(method.card))
    scores = result.distance(result.query_emb[:2], result.gallery_emb[:3])
    np.testing.assert_allclose(scores, result.query_emb[:2] @ result.gallery_emb[:3, :5].T, rtol=1e-5)


def test_a_card_that_promises_a_similarity_without_one_is_refused(tiny_world):
    method = variant(card=card(distance="own"))
    with pytest.raises(ValueError, match=r'says distance="own", but it has no `similarity`'):
        _ = embedded(method, tiny_world.task(method.card)).distance


def draw(self, seen, *, seed, progress):
    """Draw from every global generator, as a careless method does."""
    self.noise = torch.tensor([random.random(), np.random.random(), float(torch.rand(1))])
    return self


def test_global_generators_follow_the_seed(tiny_world):
    drawn = []
    for seed in (0, 0, 1):
        torch.rand(3), np.random.random(3), random.random()
        result = embedded(variant(fit=draw), tiny_world.task(Identity.card), seed=seed)
        drawn.append(result.method.noise.tolist())
    assert drawn[0] == drawn[1]
    assert all(one != other for one, other in zip(drawn[0], drawn[2], strict=True))


def test_global_generators_are_put_back(tiny_world):
    states = (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate())
    embedded(variant(fit=draw), tiny_world.task(Identity.card))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()
    assert random.getstate() == states[2]


def test_a_failing_fit_puts_torchs_settings_back(tiny_world):
    def fit(self, seen, *, seed, progress):
        assert torch.are_deterministic_algorithms_enabled()
        raise RuntimeError("out of ideas")

    with pytest.raises(RuntimeError, match="out of ideas"):
        embedded(variant(fit=fit), tiny_world.task(Identity.card))
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.backends.cudnn.allow_tf32


def test_a_training_that_diverged_ends_in_an_error_instead_of_embeddings(tiny_world):
    def fit(self, seen, *, seed, progress):
        progress.start(2)
        progress.advance(losses={"loss": 3.0})
        progress.advance(losses={"loss": 4e14})
        return self

    with pytest.raises(FloatingPointError, match="the loss ended at 4e\\+14"):
        embedded(variant(fit=fit), tiny_world.task(Identity.card))


def test_phases_are_timed(tiny_world):
    phases_s = embedded(Identity, tiny_world.task(Identity.card)).phases_s
    assert list(phases_s) == ["read_seen", "fit", "embed"]
    assert all(seconds >= 0 for seconds in phases_s.values())
