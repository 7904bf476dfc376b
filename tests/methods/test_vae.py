"""Gaussian codes: their cost, against torch.distributions and sums over a grid, and how they are drawn."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from methods.parts.vae import LARGEST_LOG_VARIANCE, Gaussian, GaussianEncoder, MeanEncoder

WIDTH = 3


def drawn_gaussian(seed: int, *, n: int = 4) -> Gaussian:
    generator = torch.Generator().manual_seed(seed)
    return Gaussian(torch.randn(n, WIDTH, generator=generator), torch.randn(n, WIDTH, generator=generator))


def distribution(gaussian: Gaussian) -> Independent:
    return Independent(Normal(gaussian.mean, gaussian.log_variance.exp().sqrt()), 1)


def encoder(n_in: int = 5) -> GaussianEncoder:
    torch.manual_seed(0)
    return GaussianEncoder(n_in, WIDTH, hidden=7, depth=2, dropout=0.0)


def density(x: float, mean: float, log_variance: float) -> float:
    variance = math.exp(log_variance)
    return math.exp(-((x - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


def divergence_on_a_grid(q: tuple[float, float], p: tuple[float, float]) -> float:
    """The integral of q log(q / p), as a sum over steps of 0.01 where q is more than nothing."""
    sigma, total = math.exp(q[1] / 2), 0.0
    n = round(8 * sigma / 0.01)
    for i in range(-n, n + 1):
        x = q[0] + i * 0.01
        total += 0.01 * density(x, *q) * math.log(density(x, *q) / density(x, *p))
    return total


def test_the_divergence_from_noise_is_summed_over_a_code_and_a_mean_over_items():
    code = drawn_gaussian(1)
    noise = Independent(Normal(torch.zeros(4, WIDTH), torch.ones(4, WIDTH)), 1)
    torch.testing.assert_close(code.divergence(), kl_divergence(distribution(code), noise).mean())


def test_the_divergence_from_others_is_summed_over_a_code_and_a_mean_over_items():
    code, other = drawn_gaussian(1), drawn_gaussian(2)
    expected = kl_divergence(distribution(code), distribution(other)).mean()
    torch.testing.assert_close(code.divergence_from(other), expected)


@pytest.mark.parametrize(("mean", "log_variance"), [(0.7, -1.0), (-1.5, 0.5)])
def test_the_divergence_from_noise_is_the_integral_of_its_definition(mean, log_variance):
    code = Gaussian(torch.tensor([[mean]]), torch.tensor([[log_variance]]))
    expected = divergence_on_a_grid((mean, log_variance), (0.0, 0.0))
    assert code.divergence().item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("q", "p"), [((0.7, -1.0), (0.2, 0.4)), ((0.2, 0.4), (0.7, -1.0))])
def test_the_divergence_from_another_is_the_integral_of_its_definition_in_that_direction(q, p):
    first, second = (Gaussian(torch.tensor([[m]]), torch.tensor([[v]])) for m, v in (q, p))
    expected = divergence_on_a_grid(q, p)
    assert first.divergence_from(second).item() == pytest.approx(expected, rel=1e-4)


def test_noise_diverges_from_noise_by_0_and_a_gaussian_from_itself():
    noise = Gaussian(torch.zeros(2, WIDTH), torch.zeros(2, WIDTH))
    assert noise.divergence().item() == 0
    assert drawn_gaussian(1).divergence_from(drawn_gaussian(1)).item() == pytest.approx(0, abs=1e-6)


def test_draws_have_the_mean_and_the_variance_of_their_gaussian():
    n_draws = 40_000
    code = Gaussian(
        torch.tensor([[0.5, -2.0]]).repeat(n_draws, 1), torch.tensor([[-2.0, 1.0]]).repeat(n_draws, 1)
    )
    torch.manual_seed(0)
    draws = code.drawn().double()
    # Five standard errors: sigma / sqrt(n) of a mean, variance * sqrt(2 / n) of a variance.
    for column, mean, variance in zip(draws.T, (0.5, -2.0), (math.exp(-2), math.exp(1)), strict=True):
        assert column.mean().item() == pytest.approx(mean, abs=5 * math.sqrt(variance / n_draws))
        assert column.var().item() == pytest.approx(variance, abs=5 * variance * math.sqrt(2 / n_draws))
    assert abs(torch.corrcoef(draws.T)[0, 1].item()) < 5 / math.sqrt(n_draws)


def test_a_draw_passes_its_gradient_to_mean_and_log_variance():
    mean = torch.tensor([[0.5, -2.0]], requires_grad=True)
    log_variance = torch.tensor([[-1.0, 0.3]], requires_grad=True)
    draw = Gaussian(mean, log_variance).drawn()
    draw.sum().backward()
    # z = mean + exp(l / 2) e, so dz/dl = exp(l / 2) e / 2 = (z - mean) / 2.
    assert mean.grad.tolist() == [[1.0, 1.0]]
    torch.testing.assert_close(log_variance.grad, (draw - mean).detach() / 2)


def test_the_mean_is_the_first_half_of_the_outputs_and_the_log_variance_the_second():
    network, items = encoder(), torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    outputs, code = network.network(items).tolist(), network(items)
    assert code.mean.tolist() == [row[:WIDTH] for row in outputs]
    assert code.log_variance.tolist() == [row[WIDTH:] for row in outputs]


def test_a_log_variance_ends_where_its_exponential_would_soon_not_be_finite():
    network = encoder()
    torch.nn.init.constant_(network.network.layers[-1].bias, 1000.0)
    code = network(torch.randn(4, 5))
    assert code.log_variance.tolist() == [[LARGEST_LOG_VARIANCE] * WIDTH] * 4
    assert code.divergence().isfinite()


def test_the_embedding_is_the_mean_and_nothing_is_drawn_for_it():
    network, items = encoder(), torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    before = torch.get_rng_state()
    assert torch.equal(MeanEncoder(network)(items), network(items).mean)
    assert torch.equal(before, torch.get_rng_state())
