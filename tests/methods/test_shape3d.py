"""The loss of shape3d against loops over the pairs of a small batch, written from its formula."""

from __future__ import annotations

import math

import pytest
import torch

from benchmark.errors import BenchmarkError
from methods.parts.objectives import total
from methods.parts.pairs import PairSampler
from methods.shape3d import Shape3D, Shape3DConfig

SMALL = {"hidden": 8, "width": 5, "dropout": 0.0}
N_PAIRS = 40


def l1(a, b):
    return sum(abs(x - y) for x, y in zip(a, b, strict=True))


def mean_over_pairs(a, b, pairs, groups_a, groups_b, labels, negatives, c_p, c_n):
    """Mean over positive and negative pairs, a negative one counting as the drawn ones do on average."""
    drawn = [c_n * math.exp(-2.77 * l1(a[i], b[j]) / c_n) for i, j in enumerate(negatives)]
    pull, n_positive, n_negative = 0.0, 0, 0
    for i, j in pairs:
        if groups_a[i] == groups_b[j]:
            pull += l1(a[i], b[j]) ** 2 / c_p
            n_positive += 1
        elif labels[i] != labels[j]:
            n_negative += 1
    total = pull + n_negative * sum(drawn) / len(drawn)
    return total / (n_positive + n_negative), n_positive


@pytest.mark.parametrize("pairs", ["class", "instance"])
@pytest.mark.parametrize(("c_p", "c_n"), [(0.2, 10.0), (3.0, 2.0)])
def test_the_loss_sums_the_means_over_pairs_of_sketches_of_photos_and_of_both(world, pairs, c_p, c_n):
    world.seen.pairs = pairs
    torch.manual_seed(0)
    objective = Shape3D.Objective(Shape3DConfig(c_p=c_p, c_n=c_n, **SMALL), world.seen)
    batch = next(PairSampler(world.seen, seed=5).epoch(N_PAIRS))
    sketches, photos = (codes.tolist() for codes in objective.codes(batch))
    n, labels = len(sketches), batch.labels.tolist()
    if pairs == "class":
        sketch_groups, photo_groups = labels, labels
    else:
        sketch_groups = world.seen.sketch_instances[batch.sketch_rows].tolist()
        photo_groups = world.seen.photo_instances[batch.photo_rows].tolist()
    within = [(i, j) for i in range(n) for j in range(i + 1, n)]
    across = [(i, j) for i in range(n) for j in range(n)]
    expected, n_positive = 0.0, []
    for a, b, both, groups_a, groups_b in (
        (sketches, sketches, within, sketch_groups, sketch_groups),
        (photos, photos, within, photo_groups, photo_groups),
        (sketches, photos, across, sketch_groups, photo_groups),
    ):
        terms = (a, b, both, groups_a, groups_b, labels, batch.negatives.tolist(), c_p, c_n)
        mean, count = mean_over_pairs(*terms)
        expected += mean
        n_positive.append(count)
    assert total(objective(batch)).item() == pytest.approx(expected, rel=1e-5)
    # No object is drawn twice in this world: under instance pairs a modality has no positive pair of its own.
    assert (n_positive == [0, 0, n]) == (pairs == "instance")


def test_unrelated_codes_of_length_1_and_width_64_lie_9_apart(world):
    codes = torch.nn.functional.normalize(
        torch.randn(500, 64, generator=torch.Generator().manual_seed(0)), dim=1
    )
    distances = torch.pdist(codes, p=1.0)
    assert distances.mean().item() == pytest.approx(math.sqrt(4 * 64 / math.pi), rel=0.01)


def test_each_modality_has_its_own_encoder(world):
    objective = Shape3D.Objective(Shape3DConfig(**SMALL), world.seen)
    assert objective.sketch_encoder is not objective.photo_encoder


@pytest.mark.parametrize("name", ["c_p", "c_n"])
def test_a_constant_of_0_is_refused(name):
    with pytest.raises(BenchmarkError, match=f"{name} = 0.0, allowed: numbers above 0"):
        Shape3DConfig(**{name: 0.0})
