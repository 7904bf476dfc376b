from __future__ import annotations

import math

import pytest
import torch

from methods.parts.losses import contrastive, distance, hardest_negative, topology, triplet_hinge


def test_distance_of_a_3_4_5_triangle_is_5_and_squared_25():
    a, b = torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([[3.0, 4.0], [1.0, 1.0]])
    assert distance(a, b).tolist() == [5.0, 0.0]
    assert distance(a, b, squared=True).tolist() == [25.0, 0.0]


def test_distance_of_equal_codes_has_a_finite_gradient():
    codes = torch.ones(2, 3, requires_grad=True)
    distance(codes, torch.ones(2, 3)).sum().backward()
    assert codes.grad is not None
    assert codes.grad.abs().sum() == 0


def test_contrastive_is_mean_square_of_positives_and_of_missing_margins():
    loss = contrastive(torch.tensor([1.0, 2.0]), torch.tensor([0.25, 3.0]), margin=1.0)
    assert float(loss) == pytest.approx((1 + 4) / 2 + 0.75**2 / 2)


def test_triplet_hinge_counts_only_violations():
    loss = triplet_hinge(torch.tensor([0.5, 0.1]), torch.tensor([0.6, 1.0]), margin=0.2)
    assert float(loss) == pytest.approx((0.1 + 0.0) / 2)


@pytest.mark.parametrize("squared", [False, True])
def test_hardest_negative_is_the_nearest_row_of_another_class(squared):
    generator = torch.Generator().manual_seed(0)
    anchors, others = torch.randn(2, 6, 3, generator=generator)
    labels = torch.tensor([0, 1, 1, 2, 0, 2])
    slow = [
        min(math.dist(anchors[i], others[j]) for j in range(6) if labels[j] != labels[i]) for i in range(6)
    ]
    expected = [d * d for d in slow] if squared else slow
    assert hardest_negative(anchors, others, labels, squared=squared).tolist() == pytest.approx(expected)


def test_hinge_over_a_batch_of_one_class_vanishes_with_its_gradient():
    codes = torch.randn(4, 3, requires_grad=True)
    nearest = hardest_negative(codes, torch.randn(4, 3), torch.zeros(4, dtype=torch.int64))
    loss = triplet_hinge(torch.ones(4), nearest, margin=0.2)
    loss.backward()
    assert loss.item() == 0
    assert codes.grad is not None
    assert codes.grad.tolist() == torch.zeros(4, 3).tolist()


def test_topology_is_zero_when_class_means_are_the_scaled_class_vectors():
    vectors = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 3, 4, 3, 0, 4])
    assert float(topology(2.5 * vectors[labels], labels, vectors)) == pytest.approx(0, abs=1e-10)


def test_topology_of_three_classes_by_hand():
    # Class means at 0, 3 and 4 on a line: distances 3, 4, 1, mean 8/3. Vectors at 0, 1, 2: 1, 2, 1, mean 4/3.
    codes = torch.tensor([[-1.0], [1.0], [3.0], [4.0]])
    vectors = torch.tensor([[0.0], [9.0], [1.0], [2.0]])
    expected = ((9 / 8 - 3 / 4) ** 2 + (12 / 8 - 6 / 4) ** 2 + (3 / 8 - 3 / 4) ** 2) / 3
    assert float(topology(codes, torch.tensor([0, 0, 2, 3]), vectors)) == pytest.approx(expected)


def test_topology_of_one_class_is_zero():
    assert float(topology(torch.randn(3, 2), torch.tensor([1, 1, 1]), torch.randn(4, 2))) == 0
