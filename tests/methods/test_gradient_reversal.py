from __future__ import annotations

import pytest
import torch

from methods.parts.gradient_reversal import reverse_gradient

STRENGTHS = [0.0, 0.5, 1.0, 3.0]


@pytest.mark.parametrize("strength", STRENGTHS)
def test_forwards_nothing_changes(strength):
    x = torch.tensor([[1.0, -2.0]])
    assert torch.equal(reverse_gradient(x, strength=strength), x)


@pytest.mark.parametrize("strength", STRENGTHS)
def test_backwards_the_gradient_is_multiplied_by_minus_the_strength(strength):
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    (reverse_gradient(x, strength=strength) * torch.tensor([5.0, 7.0])).sum().backward()
    assert x.grad.tolist() == pytest.approx([-5 * strength, -7 * strength])


def test_what_comes_after_learns_and_what_comes_before_unlearns():
    """Of y = b r(a x) with x = 2, a = 3, b = 5: dy/db is a x, and a gets -0.5 b x in place of b x."""
    a, b = (torch.tensor(value, requires_grad=True) for value in (3.0, 5.0))
    (b * reverse_gradient(a * 2.0, strength=0.5)).backward()
    assert b.grad.item() == pytest.approx(6.0)
    assert a.grad.item() == pytest.approx(-5.0)


def test_two_reversals_multiply():
    x = torch.tensor(1.0, requires_grad=True)
    reverse_gradient(reverse_gradient(x, strength=0.5), strength=3.0).backward()
    assert x.grad.item() == pytest.approx(1.5)


def test_a_step_downhill_climbs_before_the_reversal():
    x = torch.tensor(3.0, requires_grad=True)
    reverse_gradient(x, strength=1.0).square().backward()
    assert (x - 0.1 * x.grad).item() == pytest.approx(3.0 + 0.1 * 2 * 3.0)
