from __future__ import annotations

import dataclasses

import pytest
import torch

from benchmark.errors import BenchmarkError
from methods.base import FitProgress
from methods.jlse import JLSE, JLSEConfig, JointDictionaries
from methods.parts.linear import class_means
from methods.parts.pairs import drawn_pairs


def build(world, **changes) -> JointDictionaries:
    seen = world.seen
    config = JLSEConfig(**{"n_pairs": 300, **changes})
    labels = seen.sketch_labels, seen.photo_labels
    return JointDictionaries(config, (seen.sketches, seen.photos), labels, n_classes=12, seed=0)


def objective(model: JointDictionaries) -> float:
    """The docstring's formula, item by item and pair by pair."""
    config, total = model.config, 0.0
    for items, codes, dictionary in zip(model.items, model.codes, model.dictionaries, strict=True):
        for x, z in zip(items.double(), codes, strict=True):
            error = (x - z @ dictionary).square().sum() + config.lambda_codes * z.square().sum()
            total += float(error) / len(items)
        total += config.lambda_dictionary * float(dictionary.square().sum())
    for i, j, y in zip(*model.rows, model.signs, strict=True):
        score = float(y * (model.codes[0][i] @ model.similarity @ model.codes[1][j]))
        total += config.lambda_pairs * max(0.0, 1 - score) / len(model.signs)
    return total + config.lambda_similarity * float(model.similarity.square().sum())


@pytest.mark.parametrize("lambda_pairs", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("lambda_codes", [0.01, 0.3])
def test_no_step_raises_the_objective_and_each_kind_lowers_it(world, lambda_pairs, lambda_codes):
    model = build(world, lambda_pairs=lambda_pairs, lambda_codes=lambda_codes)
    falls = {"codes": 0.0, "dictionary": 0.0, "similarity": 0.0}
    before = objective(model)
    for _ in range(4):
        for kind, step in (
            ("codes", lambda: model.update_codes(0)),
            ("dictionary", lambda: model.update_dictionary(0)),
            ("codes", lambda: model.update_codes(1)),
            ("dictionary", lambda: model.update_dictionary(1)),
            ("similarity", model.update_similarity),
        ):
            step()
            after = objective(model)
            assert after <= before + 1e-6
            falls[kind] += before - after
            before = after
    assert all(fall > 1e-4 for fall in falls.values())


def test_codes_start_where_reconstruction_has_its_minimum(world):
    model = build(world, lambda_codes=0.2)
    dictionary, codes = model.dictionaries[0], model.codes[0]
    slope = (codes @ dictionary - model.items[0]) @ dictionary.T + 0.2 * codes
    torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-5, rtol=0)


def test_dictionaries_start_at_the_class_means(world):
    expected = world.seen.photos[world.seen.photo_labels == 3].mean(dim=0).double()
    torch.testing.assert_close(build(world).dictionaries[1][3], expected)


def test_the_mean_of_a_class_without_items_is_zero():
    means = class_means(torch.ones(2, 3), torch.tensor([0, 2]), 3)
    assert means.tolist() == [[1.0] * 3, [0.0] * 3, [1.0] * 3]


def test_dictionaries_solve_their_normal_equations(world):
    model = build(world, lambda_dictionary=0.05)
    model.update_codes(1)
    model.update_dictionary(1)
    items, codes, dictionary = model.items[1].double(), model.codes[1], model.dictionaries[1]
    slope = codes.T @ (codes @ dictionary - items) / len(items) + 0.05 * dictionary
    torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-6, rtol=0)


def test_a_sketch_is_embedded_as_its_code_times_w_and_a_photo_as_its_code(world):
    config = JLSEConfig(n_pairs=300, n_iterations=2)
    method = JLSE(config).fit(world.seen, seed=4, progress=FitProgress())
    means = world.seen.sketches.mean(dim=0), world.seen.photos.mean(dim=0)
    items = world.seen.sketches - means[0], world.seen.photos - means[1]
    labels = world.seen.sketch_labels, world.seen.photo_labels
    model = JointDictionaries(config, items, labels, n_classes=12, seed=4)
    for _ in range(2):
        for modality in (0, 1):
            model.update_codes(modality)
            model.update_dictionary(modality)
        model.update_similarity()

    def codes(modality, features):
        """Ridge regression of each item on the atoms, as one stacked least squares."""
        atoms = model.dictionaries[modality]
        stacked = torch.cat([atoms.T, config.lambda_codes**0.5 * torch.eye(12).double()])
        targets = torch.cat(
            [(features - means[modality]).double().T, torch.zeros(12, len(features)).double()]
        )
        return torch.linalg.lstsq(stacked, targets).solution.T

    expected = (codes(0, world.sketches) @ model.similarity).float(), codes(1, world.photos).float()
    torch.testing.assert_close(method.embed_sketches(world.sketches), expected[0], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(method.embed_photos(world.photos), expected[1], atol=1e-4, rtol=1e-3)


def test_pairs_match_by_halves_with_every_class_as_often():
    sketch_labels = torch.tensor([0] * 30 + [1] * 2 + [2] * 5 + [3] * 4)  # no photo of class 3
    photo_labels = torch.tensor([2] * 3 + [0] * 4 + [1] * 40 + [4] * 9)
    sketches, photos, signs = drawn_pairs(sketch_labels, photo_labels, n_pairs=6000, seed=0)
    is_match = sketch_labels[sketches] == photo_labels[photos]
    assert torch.equal(signs, torch.where(is_match, 1.0, -1.0).double())
    assert int(is_match.sum()) == 3000
    for labels in (sketch_labels[sketches], photo_labels[photos]):
        for half in (labels[is_match], labels[~is_match]):
            shares = torch.bincount(half, minlength=5) / 3000
            torch.testing.assert_close(shares, torch.tensor([1, 1, 1, 0, 0]) / 3, atol=0.04, rtol=0)
    again = drawn_pairs(sketch_labels, photo_labels, n_pairs=6000, seed=0)
    other = drawn_pairs(sketch_labels, photo_labels, n_pairs=6000, seed=1)
    assert torch.equal(sketches, again[0])
    assert not torch.equal(sketches, other[0])


def test_pairs_of_one_class_alone_are_refused():
    with pytest.raises(BenchmarkError, match="pairs of two classes at least, 1 found"):
        drawn_pairs(torch.tensor([0, 1]), torch.tensor([1, 1]), n_pairs=4, seed=0)


def test_classes_without_an_item_leave_the_embedding_finite(world):
    seen = world.seen
    kept = seen.photo_labels != 5
    photos = {"photos": seen.photos[kept], "photo_labels": seen.photo_labels[kept]}
    few = dataclasses.replace(seen, **photos, photo_instances=None, teacher_logits=None)
    method = JLSE(JLSEConfig(n_pairs=100, n_iterations=2)).fit(few, seed=0, progress=FitProgress())
    assert method.embed_photos(world.photos).isfinite().all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"distance": "euclidean"}, "distance = 'euclidean', allowed: dot, cosine"),
        ({"lambda_codes": 0.0}, "lambda_codes = 0.0, allowed: numbers above 0"),
        ({"lambda_pairs": -0.1}, "lambda_pairs = -0.1, allowed: numbers from 0 on"),
    ],
)
def test_wrong_values_are_refused(changes, message):
    with pytest.raises(BenchmarkError, match=message):
        JLSEConfig(**changes)
