from __future__ import annotations

import pytest
import torch

from benchmark.errors import BenchmarkError
from methods.base import FitProgress
from methods.parts.pairs import balanced_rows
from methods.parts.simplex import mixtures, simplex_projection
from methods.sse import (
    SSE,
    multiclass_hinge,
    similarities,
    split_class_means,
    split_signs,
)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_projection_shifts_all_numbers_alike_and_cuts_at_zero():
    points = 3 * draw(20, 7)
    for point, projected in zip(points, simplex_projection(points), strict=True):
        low, high = point.min() - 1, point.max()
        for _ in range(100):  # bisection for the shift at which the rest sums to 1
            shift = (low + high) / 2
            low, high = (shift, high) if (point - shift).clamp(min=0).sum() > 1 else (low, shift)
        torch.testing.assert_close(projected, (point - low).clamp(min=0))


def test_points_of_the_simplex_are_their_own_projection():
    inside = torch.tensor([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(simplex_projection(inside), inside)


@pytest.mark.parametrize("gamma", [0.01, 0.3, 5.0])
def test_mixtures_meet_the_conditions_of_their_minimum(gamma):
    t = draw(12, 5)
    z = mixtures(t, gamma=gamma)
    torch.testing.assert_close(z.sum(dim=1), torch.ones(12, dtype=torch.float64))
    assert (z >= 0).all()
    assert (z == 0).any()
    for c in range(12):
        gradient = t @ (z[c] @ t - t[c]) + gamma * z[c]
        used = z[c] > 1e-6
        assert gradient[used].max() - gradient[used].min() < 1e-4
        assert gradient[~used].min() > gradient[used].max() - 1e-4


def test_mixtures_cannot_be_bettered_by_a_small_move_within_the_simplex():
    t, gamma = draw(8, 4), 0.2

    def loss(z: torch.Tensor, c: int) -> float:
        return float((t[c] - z @ t).square().sum() / 2 + gamma / 2 * z.square().sum())

    for c, z in enumerate(mixtures(t, gamma=gamma)):
        others = simplex_projection(z + 0.05 * draw(20, 8, seed=c))
        assert all(loss(z, c) <= loss(other, c) for other in others)


def test_a_class_is_itself_at_a_small_gamma_and_all_classes_at_a_large_one():
    t = draw(6, 10)
    torch.testing.assert_close(mixtures(t, gamma=1e-4), torch.eye(6).double(), atol=1e-3, rtol=0)
    torch.testing.assert_close(mixtures(t, gamma=1e5), torch.full((6, 6), 1 / 6).double(), atol=1e-3, rtol=0)


def test_split_features_are_positive_and_negative_parts_side_by_side():
    split = split_signs(torch.tensor([[1.0, -2.0, 0.0, 3.0]]))
    assert split.tolist() == [[2.0, 0.0, 0.0, 6.0, 0.0, 4.0, 0.0, 0.0]]


def slow_similarities(parts, weights, references, phi=torch.minimum):
    rows = []
    for x in parts:
        row = []
        for v in references:
            row.append((weights * phi(x, v)).sum() / len(x))
        rows.append(torch.stack(row))
    return torch.stack(rows)


@pytest.mark.parametrize("shift", [-9.0, 0.0, 9.0])
def test_similarities_and_their_gradients_are_those_of_the_formula_at_weights_of_any_sign(shift):
    parts, references = draw(5, 8).relu(), draw(3, 8, seed=1).requires_grad_()
    weights = (draw(8, seed=2) + shift).requires_grad_()
    direction = draw(5, 3, seed=3)
    expected = slow_similarities(parts, weights, references)
    found = similarities(parts, weights, references)
    torch.testing.assert_close(found, expected)
    of_formula = torch.autograd.grad((expected * direction).sum(), (weights, references))
    of_method = torch.autograd.grad((found * direction).sum(), (weights, references))
    for gradient, wanted in zip(of_method, of_formula, strict=True):
        torch.testing.assert_close(gradient, wanted)


def test_the_other_function_of_the_paper_at_minus_w_differs_by_a_number_of_the_item_alone():
    parts, references, weights = draw(5, 8).relu(), draw(3, 8, seed=1), draw(8, seed=2)
    other = slow_similarities(parts, -weights, references, phi=lambda x, v: (x - v).clamp(min=0))
    difference = other - similarities(parts, weights, references)
    torch.testing.assert_close(difference, difference[:, :1].expand(-1, 3))


def test_the_hinge_is_the_mean_over_items_and_wrong_classes():
    scores = torch.tensor([[1.0, 0.5, 2.0], [0.0, 3.0, 0.0]])
    # First item, class 0: lacks 0.2 - 0.5 -> 0 to class 1 and 0.2 + 1.0 to class 2; the second leads by 3.
    hinge = multiclass_hinge(scores, torch.tensor([0, 1]), margin=0.2)
    assert hinge.item() == pytest.approx(1.2 / 4)


def test_class_means_are_those_of_the_split_items_and_zero_without_any():
    items, labels = draw(9, 4).float(), torch.tensor([0, 2, 2, 0, 3, 3, 3, 0, 2])
    means = split_class_means(items, labels, n_classes=4)
    for c in (0, 2, 3):
        torch.testing.assert_close(means[c], split_signs(items)[labels == c].mean(dim=0))
    assert means[1].abs().sum() == 0


def test_an_epoch_has_the_asked_for_items_of_a_class_once_each_or_all():
    labels = torch.tensor([2] * 3 + [0] * 10 + [1] * 5)
    rows = balanced_rows(labels, 4)
    assert len(rows.unique()) == len(rows)
    assert torch.bincount(labels[rows]).tolist() == [4, 4, 3]
    assert not torch.equal(rows, balanced_rows(labels, 4))


def test_an_item_scores_highest_with_its_class(world):
    seen = world.seen
    method = SSE(SSE.Config(gamma=0.1, epochs=60)).fit(seen, seed=0, progress=FitProgress())
    z = mixtures(seen.class_vectors.double(), gamma=0.1).float()
    for emb, labels in (
        (method.embed_sketches(seen.sketches), seen.sketch_labels),
        (method.embed_photos(seen.photos), seen.photo_labels),
    ):
        assert ((emb @ z.T).argmax(dim=1) == labels).float().mean() >= 0.95


def test_training_lowers_the_loss(world):
    progress = FitProgress()
    SSE(SSE.Config(epochs=10)).fit(world.seen, seed=0, progress=progress)
    assert {name: len(losses) for name, losses in progress.curves.items()} == {
        "sketch loss": 10,
        "photo loss": 10,
    }
    assert all(losses[-1] < losses[0] for losses in progress.curves.values())


def test_a_fit_is_adam_on_the_formula(world):
    """Both modalities in turn, with parameters that are not the defaults."""
    config = SSE.Config(
        gamma=0.03, margin=0.7, lambda_weights=0.5, lr=0.01, epochs=3, batch=40, n_per_class=6
    )
    seen = world.seen
    method = SSE(config).fit(seen, seed=5, progress=FitProgress())
    z = mixtures(seen.class_vectors.double(), gamma=0.03).float()
    torch.manual_seed(5)
    for items, labels, unseen, emb in (
        (seen.sketches, seen.sketch_labels, world.sketches, method.embed_sketches(world.sketches)),
        (seen.photos, seen.photo_labels, world.photos, method.embed_photos(world.photos)),
    ):
        parts = split_signs(items)
        v = torch.stack([parts[labels == c].mean(dim=0) for c in range(12)]).requires_grad_()
        w = torch.ones(parts.shape[1], requires_grad=True)
        optimiser = torch.optim.Adam([w, v], lr=0.01)
        for _ in range(3):
            for rows in balanced_rows(labels, 6).tensor_split(2):  # 72 items in batches of at most 40
                scores = (torch.minimum(parts[rows, None], v) @ w / len(w)) @ z.T
                own = scores.gather(1, labels[rows, None])
                hinges = (0.7 - own + scores).relu().scatter(1, labels[rows, None], 0.0)
                loss = hinges.sum() / (len(rows) * 11) + 0.5 * w.square().mean() / 2
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        psi = torch.minimum(split_signs(unseen)[:, None], v) @ w / len(w)
        torch.testing.assert_close(emb, (psi - psi.mean(dim=1, keepdim=True)).detach(), atol=1e-4, rtol=1e-3)


def test_a_loss_that_is_no_longer_finite_ends_the_fit(world):
    with pytest.raises(FloatingPointError, match="a smaller learning rate may help"):
        SSE(SSE.Config(lr=1e38, epochs=3)).fit(world.seen, seed=0, progress=FitProgress())


def test_an_embedding_is_as_wide_as_there_are_seen_classes_and_sums_to_zero(world):
    emb = SSE(SSE.Config(epochs=1)).fit(world.seen, seed=0, progress=FitProgress()).embed_photos(world.photos)
    assert emb.shape == (len(world.photos), 12)
    torch.testing.assert_close(emb.sum(dim=1), torch.zeros(len(emb)), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"distance": "dot"}, "distance = 'dot', allowed: euclidean, cosine"),
        ({"gamma": 0.0}, "gamma = 0.0, allowed: numbers above 0"),
        ({"n_per_class": 0}, "n_per_class = 0, allowed: numbers above 0"),
        ({"lambda_weights": -1.0}, "lambda_weights = -1.0, allowed: numbers from 0 on"),
    ],
)
def test_wrong_values_are_refused(changes, message):
    with pytest.raises(BenchmarkError, match=message):
        SSE.Config(**changes)
