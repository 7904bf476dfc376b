from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.linalg
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge as SklearnRidge

from methods.base import FitProgress
from methods.cca import CCA
from methods.parts.cca import canonical_directions, principal_directions
from methods.parts.pair_moments import pair_moments
from methods.procrustes import Procrustes, nearest_rotation
from methods.ridge import Ridge, ridge_weights
from methods.sae import SAE, sae_weights

X_GROUPS = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 3, 4])
Y_GROUPS = torch.tensor([4, 1, 1, 0, 0, 2, 5, 0, 4, 1, 2])


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def explicit_pairs() -> tuple[np.ndarray, np.ndarray]:
    x, y = draw(10, 3, seed=1).numpy(), draw(11, 4, seed=2).numpy()
    pairs = [(i, j) for i in range(10) for j in range(11) if X_GROUPS[i] == Y_GROUPS[j]]
    return x[[i for i, _ in pairs]], y[[j for _, j in pairs]]


def moments():
    return pair_moments(draw(10, 3, seed=1), draw(11, 4, seed=2), X_GROUPS, Y_GROUPS)


def test_pair_moments_are_those_of_all_pairs_written_out():
    x, y = explicit_pairs()
    found = moments()
    joint = np.cov(np.hstack([x, y]).T, bias=True)
    np.testing.assert_allclose(found.x_mean, x.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found.y_mean, y.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found.xx, joint[:3, :3], atol=1e-12)
    np.testing.assert_allclose(found.yy, joint[3:, 3:], atol=1e-12)
    np.testing.assert_allclose(found.xy, joint[:3, 3:], atol=1e-12)


def test_pair_moments_without_a_pair_are_refused():
    with pytest.raises(ValueError, match="no item of one modality has a partner"):
        pair_moments(draw(2, 2), draw(2, 2), torch.tensor([0, 0]), torch.tensor([1, 1]))


def test_correlations_are_the_generalised_eigenvalues_over_explicit_pairs():
    x, y = explicit_pairs()
    joint, ridge = np.cov(np.hstack([x, y]).T, bias=True), 0.1
    blocks = scipy.linalg.block_diag(joint[:3, :3], joint[3:, 3:])
    blocks[:3, :3] += ridge * np.trace(joint[:3, :3]) * np.eye(3)
    blocks[3:, 3:] += ridge * np.trace(joint[3:, 3:]) * np.eye(4)
    cross = np.zeros((7, 7))
    cross[:3, 3:], cross[3:, :3] = joint[:3, 3:], joint[3:, :3]
    expected = scipy.linalg.eigh(cross, blocks, eigvals_only=True)[::-1][:3]
    _, _, correlations = canonical_directions(moments(), width=3, ridge=ridge)
    np.testing.assert_allclose(correlations, expected, atol=1e-10)


def test_canonical_variates_have_unit_variance_and_the_correlations_between_them():
    found = moments()
    a, b, correlations = canonical_directions(found, width=3, ridge=0.0)
    np.testing.assert_allclose(a.T @ found.xx @ a, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(b.T @ found.yy @ b, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(a.T @ found.xy @ b, np.diag(correlations), atol=1e-9)


def test_directions_without_correlation_are_dropped():
    groups = torch.arange(3).repeat_interleave(20)
    found = pair_moments(draw(60, 8, seed=3), draw(60, 8, seed=4), groups, groups)
    a, b, correlations = canonical_directions(found, width=8, ridge=0.05)
    assert a.shape == b.shape == (8, 2)
    assert len(correlations) == 2


def test_principal_directions_span_what_scikit_learn_finds():
    x = draw(30, 6) * torch.tensor([5.0, 4, 3, 2, 1, 0.5])
    ours, theirs = principal_directions(x, 3), PCA(3).fit(x.numpy()).components_.T
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=1e-10)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_equal_items_have_no_principal_direction(value):
    with pytest.raises(ValueError, match="all 7 items of one modality have equal features"):
        principal_directions(torch.full((7, 5), value, dtype=torch.float64), 3)


def test_principal_directions_stop_at_the_rank():
    assert principal_directions(draw(4, 10), 8).shape == (10, 3)


def test_cca_embeddings_of_instance_pairs_differ_from_those_of_class_pairs(world):
    of_classes = CCA().fit(world.seen, seed=0, progress=FitProgress()).embed_sketches(world.sketches)
    world.seen.pairs = "instance"
    of_instances = CCA().fit(world.seen, seed=0, progress=FitProgress()).embed_sketches(world.sketches)
    assert of_classes.shape == (len(world.sketches), 11)  # 12 classes leave 11 directions
    assert of_instances.shape == (len(world.sketches), 24)


@pytest.fixture
def uneven(raw_world):
    """Modalities of other means, and classes of other sizes in each; so pairs have means of their own."""
    seen = raw_world.seen
    numbers, labels = torch.arange(len(seen.sketches)) % 12, seen.sketch_labels
    few_sketches, few_photos = numbers <= labels, numbers < 12 - labels
    return dataclasses.replace(
        raw_world,
        seen=dataclasses.replace(
            seen,
            sketches=seen.sketches[few_sketches] + 0.3,
            sketch_labels=labels[few_sketches],
            sketch_instances=None,
            photos=seen.photos[few_photos] - 0.2,
            photo_labels=labels[few_photos],
            photo_instances=None,
            teacher_logits=None,
        ),
    )


@pytest.mark.parametrize("ridge", [0.01, 0.7])
def test_cca_embeds_as_a_generalised_eigenproblem_over_explicit_pairs(uneven, ridge):
    seen, n, width = uneven.seen, 5, 3
    same_class = seen.sketch_labels[:, None] == seen.photo_labels[None, :]
    rows = same_class.nonzero().T.numpy()
    projected = []
    for items, unseen, idx in zip(
        (seen.sketches, seen.photos), (uneven.sketches, uneven.photos), rows, strict=True
    ):
        axes = PCA(n).fit(items.double().numpy()).components_.T
        of_pairs = items.double().numpy()[idx] @ axes
        projected.append((of_pairs, unseen.double().numpy() @ axes - of_pairs.mean(axis=0)))
    (x, x_unseen), (y, y_unseen) = projected
    joint = np.cov(np.hstack([x, y]).T, bias=True)
    own = scipy.linalg.block_diag(joint[:n, :n], joint[n:, n:])
    own += ridge * np.diag(np.repeat([np.trace(joint[:n, :n]), np.trace(joint[n:, n:])], n))
    cross = joint - scipy.linalg.block_diag(joint[:n, :n], joint[n:, n:])
    directions = np.sqrt(2) * scipy.linalg.eigh(cross, own)[1][:, ::-1][:, :width]
    sketches, photos = x_unseen @ directions[:n], y_unseen @ directions[n:]

    method = CCA(CCA.Config(width=width, n_components=n, ridge=ridge))
    method.fit(seen, seed=0, progress=FitProgress())
    sketch_emb, photo_emb = method.embed_sketches(uneven.sketches), method.embed_photos(uneven.photos)
    # The sign of a direction is free, but one for both modalities: products do not see it.
    np.testing.assert_allclose(sketch_emb @ photo_emb.T, sketches @ photos.T, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(sketch_emb @ sketch_emb.T, sketches @ sketches.T, rtol=1e-3, atol=1e-4)


def test_ridge_weights_are_those_of_scikit_learn():
    x, t = draw(20, 6, seed=1), draw(20, 4, seed=2)
    theirs = SklearnRidge(alpha=0.7, fit_intercept=False, solver="svd").fit(x.numpy(), t.numpy()).coef_.T
    np.testing.assert_allclose(ridge_weights(x, t, penalty=0.7), theirs, atol=1e-10)


def test_ridge_weights_solve_the_normal_equations_with_fewer_items_than_features():
    x, t = draw(5, 9, seed=1), draw(5, 4, seed=2)
    w = ridge_weights(x, t, penalty=0.3)
    np.testing.assert_allclose(x.T @ (x @ w - t) + 0.3 * w, np.zeros((9, 4)), atol=1e-10)


def test_ridge_embeds_as_a_regression_with_intercept_less_the_mean_class_vector(world):
    seen = world.seen
    targets = seen.class_vectors[seen.photo_labels].double().numpy()
    theirs = SklearnRidge(alpha=0.01 * len(targets)).fit(seen.photos.double().numpy(), targets)
    expected = theirs.predict(world.photos.double().numpy()) - targets.mean(axis=0)
    method = Ridge().fit(seen, seed=0, progress=FitProgress())
    np.testing.assert_allclose(method.embed_photos(world.photos), expected, atol=1e-5)


@pytest.mark.parametrize("weight", [0.2, 1.0, 50.0])
def test_sae_weights_are_those_of_a_general_sylvester_solver(weight):
    x, t = draw(6, 40, seed=1), draw(4, 40, seed=2)
    general = scipy.linalg.solve_sylvester(
        (t @ t.T).numpy(), weight * (x @ x.T).numpy(), (1 + weight) * (t @ x.T).numpy()
    )
    np.testing.assert_allclose(sae_weights(x, t, weight=weight), general, atol=1e-9)


def test_sae_weights_solve_their_equation_with_few_items_and_fewer_classes():
    x = draw(12, 7, seed=1)
    t = draw(5, 2, seed=2)[:, [0, 0, 1, 1, 1, 0, 1]]
    w = sae_weights(x, t, weight=0.5)
    residual = t @ t.T @ w + 0.5 * w @ x @ x.T - 1.5 * t @ x.T
    np.testing.assert_allclose(residual, np.zeros((5, 12)), atol=1e-10)


def test_sae_weights_cannot_be_bettered_by_a_small_step():
    x, t = draw(4, 15, seed=1), draw(3, 15, seed=2)

    def loss(w: torch.Tensor) -> float:
        return float((x - w.T @ t).square().sum() + 0.8 * (w @ x - t).square().sum())

    w = sae_weights(x, t, weight=0.8)
    assert all(loss(w) < loss(w + 0.01 * draw(3, 4, seed=s)) for s in range(20))


@pytest.mark.parametrize("weight", [0.05, 30.0])
def test_sae_embeds_centred_features_by_the_solution_of_its_own_modality(uneven, weight):
    seen = uneven.seen
    method = SAE(SAE.Config(encoder_weight=weight)).fit(seen, seed=0, progress=FitProgress())
    for items, labels, unseen, found in (
        (seen.sketches, seen.sketch_labels, uneven.sketches, method.embed_sketches(uneven.sketches)),
        (seen.photos, seen.photo_labels, uneven.photos, method.embed_photos(uneven.photos)),
    ):
        features = items.double().numpy()
        x, t = (features - features.mean(axis=0)).T, seen.class_vectors[labels].double().numpy().T
        general = scipy.linalg.solve_sylvester(t @ t.T, weight * x @ x.T, (1 + weight) * t @ x.T)
        expected = (unseen.double().numpy() - features.mean(axis=0)) @ general.T
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def procrustes_objective(rotation: np.ndarray, x: np.ndarray, y: np.ndarray, weight: float) -> float:
    """Mean squared error of all pairs over the largest singular value of E[x yᵀ], and the pull to I."""
    scale = np.linalg.svd(x.T @ y / len(x), compute_uv=False)[0]
    errors = ((x @ rotation - y) ** 2).sum(axis=1).mean()
    return errors / scale + weight * ((rotation - np.eye(len(rotation))) ** 2).sum()


def test_no_rotation_near_it_turns_sketches_closer_to_their_photos():
    x, y = draw(40, 4, seed=1).numpy(), draw(40, 4, seed=2).numpy()
    found = nearest_rotation(torch.from_numpy(x.T @ y / 40), identity_weight=0.3).numpy()
    np.testing.assert_allclose(found.T @ found, np.eye(4), atol=1e-12)
    least = procrustes_objective(found, x, y, 0.3)
    for seed in range(20):
        skew = draw(4, 4, seed=seed).numpy()
        for size in (0.01, 0.3):
            other = found @ scipy.linalg.expm(size * (skew - skew.T))
            assert procrustes_objective(other, x, y, 0.3) > least


def test_a_turn_of_all_features_is_found_and_undone():
    x = draw(60, 5, seed=3)
    turn = torch.linalg.qr(draw(5, 5, seed=4)).Q
    covariance = x.T @ (x @ turn) / 60
    torch.testing.assert_close(nearest_rotation(covariance, identity_weight=1e-9), turn, atol=1e-6, rtol=0)


def test_procrustes_undoes_the_turn_of_sketches_that_are_turned_photos(world):
    seen = world.seen
    turn = torch.linalg.qr(draw(24, 24, seed=4)).Q.float()
    seen.sketches, seen.sketch_labels, seen.pairs = seen.photos @ turn, seen.photo_labels, "instance"
    method = Procrustes(Procrustes.Config(identity_weight=1e-9)).fit(seen, seed=0, progress=FitProgress())
    found, wanted = method.embed_sketches(world.photos @ turn), method.embed_photos(world.photos)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)


def test_a_heavy_weight_on_the_identity_makes_procrustes_centred(world):
    method = Procrustes(Procrustes.Config(identity_weight=1e9)).fit(
        world.seen, seed=0, progress=FitProgress()
    )
    mean = world.seen.sketches.mean(dim=0)
    torch.testing.assert_close(method.embed_sketches(world.sketches), world.sketches - mean)
