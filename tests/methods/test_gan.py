"""What judgements cost, against the formulas number by number, and whom a loss moves."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from methods.parts.gan import (
    cross_entropy,
    cycle_loss,
    deception_loss,
    discriminator,
    discriminator_loss,
    least_squares,
)

JUDGEMENTS = [-2.0, 0.25, 0.5, 3.0]


def draw(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def square(judgement: float, target: float) -> float:
    return (judgement - target) ** 2


def entropy(judgement: float, target: float) -> float:
    probability = 1 / (1 + math.exp(-judgement))
    return -target * math.log(probability) - (1 - target) * math.log(1 - probability)


BY_HAND = [(least_squares, square), (cross_entropy, entropy)]


@pytest.mark.parametrize("target", [0.0, 1.0])
@pytest.mark.parametrize(("penalty", "by_hand"), BY_HAND)
def test_a_penalty_is_the_mean_of_its_formula(penalty, by_hand, target):
    expected = sum(by_hand(judgement, target) for judgement in JUDGEMENTS) / 4
    assert penalty(torch.tensor(JUDGEMENTS)[:, None], target).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("judgement", "target"), [(500.0, 0.0), (-500.0, 1.0)])
def test_the_cross_entropy_of_a_sure_and_wrong_judgement_is_finite(judgement, target):
    assert cross_entropy(torch.tensor([[judgement]]), target).item() == pytest.approx(500.0)


def test_a_discriminator_is_a_leaky_hidden_layer_and_one_judgement():
    torch.manual_seed(0)
    judge, items = discriminator(3, 4), draw(5, 3, seed=1)
    (first, bias), (last, last_bias) = (
        (layer.weight.tolist(), layer.bias.tolist()) for layer in (judge[0], judge[2])
    )
    found = judge(items)
    assert found.shape == (5, 1)
    for item, judgement in zip(items.tolist(), found.squeeze(1).tolist(), strict=True):
        expected = last_bias[0]
        for row, b, weight in zip(first, bias, last[0], strict=True):
            x = sum(w * i for w, i in zip(row, item, strict=True)) + b
            expected += weight * (x if x > 0 else 0.2 * x)
        assert judgement == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("penalty", "by_hand"), BY_HAND)
def test_a_discriminator_wants_1_for_real_items_and_0_for_made_ones_a_mean_over_each(penalty, by_hand):
    torch.manual_seed(0)
    judge, real, made = discriminator(3, 4), draw(6, 3, seed=1), draw(4, 3, seed=2)
    of_real, of_made = judge(real).squeeze(1).tolist(), judge(made).squeeze(1).tolist()
    expected = sum(by_hand(j, 1.0) for j in of_real) / 6 + sum(by_hand(j, 0.0) for j in of_made) / 4
    found = discriminator_loss(judge, real, made, penalty=penalty).item()
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("penalty", "by_hand"), BY_HAND)
def test_who_makes_items_wants_them_judged_1(penalty, by_hand):
    torch.manual_seed(0)
    judge, made = discriminator(3, 4), draw(4, 3, seed=2)
    expected = sum(by_hand(j, 1.0) for j in judge(made).squeeze(1).tolist()) / 4
    assert deception_loss(judge, made, penalty=penalty).item() == pytest.approx(expected, rel=1e-5)


def test_squares_are_the_penalty_where_none_is_named():
    judge, real, made = nn.Identity(), torch.tensor([[3.0]]), torch.tensor([[0.5]])
    assert discriminator_loss(judge, real, made).item() == pytest.approx((3 - 1) ** 2 + 0.5**2)
    assert deception_loss(judge, made).item() == pytest.approx((0.5 - 1) ** 2)


def test_the_loss_of_a_discriminator_moves_it_and_not_who_made_the_items():
    torch.manual_seed(0)
    judge, maker = discriminator(3, 4), nn.Linear(2, 3)
    discriminator_loss(judge, draw(4, 3, seed=1), maker(draw(4, 2, seed=2))).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in judge[2].parameters())
    assert all(parameter.grad is None for parameter in maker.parameters())


@pytest.mark.parametrize("penalty", [least_squares, cross_entropy])
def test_a_step_down_the_loss_of_the_maker_raises_the_judgement_of_what_it_makes(penalty):
    torch.manual_seed(0)
    judge = discriminator(3, 4)
    made = draw(4, 3, seed=2).requires_grad_()
    (gradient,) = torch.autograd.grad(deception_loss(judge, made, penalty=penalty), made)
    before, after = judge(made), judge(made - 1e-2 * gradient / gradient.abs().max())
    assert before.max() < 1
    assert after.mean() > before.mean()


def test_the_best_single_judgement_of_items_that_cannot_be_told_apart_is_a_half():
    items = torch.zeros(5, 1)
    losses = {
        judgement: discriminator_loss(lambda x, j=judgement: x + j, items, items).item()
        for judgement in (0.0, 0.4, 0.5, 0.6, 1.0)
    }
    assert min(losses, key=losses.get) == 0.5


ORIGINAL, RETURNED = [[3.0, -4.0], [0.0, 1.0]], [[2.5, -4.0], [1.0, 3.0]]


def test_a_cycle_costs_absolute_errors_in_units_of_the_root_mean_square_of_the_original():
    expected = (0.5 + 0.0 + 1.0 + 2.0) / 4 / math.sqrt((9 + 16 + 0 + 1) / 4)
    found = cycle_loss(torch.tensor(RETURNED), torch.tensor(ORIGINAL))
    assert found.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("factor", [1e-3, 255.0])
def test_a_cycle_costs_the_same_in_other_units(factor):
    original, returned = torch.tensor(ORIGINAL), torch.tensor(RETURNED)
    found = cycle_loss(factor * returned, factor * original)
    torch.testing.assert_close(found, cycle_loss(returned, original))


def test_nothing_is_gained_in_a_cycle_by_larger_originals():
    """The gradient of the original is that of the error alone, as if the unit were fixed."""
    original = torch.tensor(ORIGINAL, requires_grad=True)
    cycle_loss(torch.tensor(RETURNED), original).backward()
    step = 1 / 4 / math.sqrt(26 / 4)
    assert original.grad.flatten().tolist() == pytest.approx([step, 0.0, -step, -step])


def test_a_cycle_from_nothing_is_finite():
    assert cycle_loss(torch.ones(2, 2), torch.zeros(2, 2)).isfinite()
