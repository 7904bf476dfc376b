from __future__ import annotations

import pytest
import torch
from scipy import ndimage

from methods.parts.edges import edge_map, grey


@pytest.fixture
def square() -> torch.Tensor:
    """A white square on black."""
    tones = torch.zeros(1, 1, 64, 64)
    tones[..., 20:44, 20:44] = 1
    return tones


@pytest.fixture
def noise() -> torch.Tensor:
    return torch.rand(3, 1, 40, 56, generator=torch.Generator().manual_seed(0))


def test_grey_weighs_green_most_and_white_is_1():
    colours = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]).float()[:, :, None, None]
    assert grey(colours).flatten().tolist() == pytest.approx([0.299, 0.587, 0.114, 1.0])


def test_a_square_has_edges_at_its_border_and_none_inside_or_outside(square):
    edges = edge_map(square)[0, 0]
    for across in (edges[32], edges[:, 32]):
        assert across[[19, 20, 43, 44]].min() > 0.98
        assert across[27:37].max() < 1e-4
        assert torch.cat([across[:12], across[52:]]).max() < 1e-4


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_it_is_sobel_of_the_gaussian_with_the_border_repeated(noise, sigma):
    for tones, edges in zip(noise[:, 0].double().numpy(), edge_map(noise, sigma=sigma)[:, 0], strict=True):
        smooth = ndimage.gaussian_filter(tones, sigma, mode="nearest", truncate=3)
        along = [ndimage.sobel(smooth, axis, mode="nearest") for axis in (0, 1)]
        expected = (along[0] ** 2 + along[1] ** 2) ** 0.5
        torch.testing.assert_close(
            edges.double(), torch.from_numpy(expected / expected.max()), atol=1e-5, rtol=0
        )


def test_brightness_and_contrast_do_not_matter(noise):
    expected = edge_map(noise)
    torch.testing.assert_close(edge_map(noise + 0.3), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(edge_map(0.5 * noise), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(edge_map(1 - noise), expected, atol=1e-5, rtol=0)


def test_the_strongest_edge_of_each_picture_is_1_whatever_else_is_in_the_batch(noise):
    noise[1] *= 0.2
    edges = edge_map(noise)
    assert edges.amax(dim=(1, 2, 3)).tolist() == [1.0] * 3
    alone = torch.cat([edge_map(tones[None]) for tones in noise])
    torch.testing.assert_close(edges, alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize("tone", [0.0, 0.7, 1.0])
def test_one_tone_has_no_edge_not_even_at_its_border(tone):
    assert edge_map(torch.full((1, 1, 30, 30), tone)).max() < 1e-3


def test_what_is_fainter_than_a_grey_level_is_not_blown_up(square):
    assert edge_map(square / 2550).max() < 0.05
