from __future__ import annotations

import math

import pytest
import torch

from methods.parts.stochastic_bits import drawn_bits, log_likelihood


def test_bits_are_0_and_1_exactly_in_the_shape_of_their_probabilities():
    torch.manual_seed(0)
    probabilities = torch.rand(300, 70)
    bits = drawn_bits(probabilities)
    assert bits.shape == (300, 70)
    assert bits.unique().tolist() == [0.0, 1.0]


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.93])
def test_bits_are_1_as_often_as_their_probability_says(probability):
    n_bits = 40_000
    torch.manual_seed(0)
    mean = drawn_bits(torch.full((n_bits,), probability)).mean().item()
    assert mean == pytest.approx(probability, abs=5 * math.sqrt(probability * (1 - probability) / n_bits))


def test_each_bit_has_its_own_draw():
    torch.manual_seed(0)
    bits = drawn_bits(torch.full((40_000, 2), 0.5))
    assert abs(torch.corrcoef(bits.T)[0, 1].item()) < 5 / math.sqrt(40_000)


def test_probabilities_of_0_and_1_leave_nothing_to_chance():
    torch.manual_seed(0)
    assert drawn_bits(torch.zeros(10_000)).max() == 0
    assert drawn_bits(torch.ones(10_000)).min() == 1


def test_the_gradient_of_a_bit_is_that_of_its_probability():
    probabilities = torch.tensor([0.2, 0.5, 0.9], requires_grad=True)
    torch.manual_seed(0)
    (drawn_bits(probabilities) * torch.tensor([3.0, -1.0, 7.0])).sum().backward()
    assert probabilities.grad.tolist() == [3.0, -1.0, 7.0]


def test_the_log_likelihood_is_a_mean_over_all_bits_of_the_formula():
    bits = [[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    probabilities = [[0.2, 0.3, 0.9], [0.6, 0.05, 0.5]]
    expected = 0.0
    for row, of_row in zip(bits, probabilities, strict=True):
        for bit, p in zip(row, of_row, strict=True):
            expected += math.log(p if bit == 1 else 1 - p)
    found = log_likelihood(torch.tensor(bits), torch.tensor(probabilities))
    assert found.item() == pytest.approx(expected / 6, rel=1e-5)


def test_the_log_likelihood_of_what_cannot_be_is_that_of_one_in_a_million():
    found = log_likelihood(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])).item()
    assert found == pytest.approx(math.log(1e-6), rel=0.01)  # 1 - 1e-6 is rounded to float32


def test_the_mean_log_likelihood_of_drawn_bits_is_minus_their_entropy():
    n_bits, p = 100_000, 0.8
    probabilities = torch.full((n_bits,), p)
    torch.manual_seed(0)
    found = log_likelihood(drawn_bits(probabilities), probabilities).item()
    spread = math.sqrt(p * (1 - p)) * abs(math.log(p / (1 - p)))
    expected = p * math.log(p) + (1 - p) * math.log(1 - p)
    assert found == pytest.approx(expected, abs=5 * spread / math.sqrt(n_bits))
