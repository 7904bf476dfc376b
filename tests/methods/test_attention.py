"""Spatial attention, place by place."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name it has everywhere

from methods.parts.attention import AttentionEncoder


def encoder_of(n_channels: int, mean: torch.Tensor | None = None) -> AttentionEncoder:
    """An encoder that gives what it sees, at length 1."""
    return AttentionEncoder(torch.zeros(n_channels) if mean is None else mean, nn.Identity())


def attended(encoder: AttentionEncoder, picture: torch.Tensor) -> tuple[list[float], list[float]]:
    """Of a (p, c) map: the mask over its places, and x + x · m averaged and brought to length 1."""
    places = (picture - encoder.mean).tolist()
    first, (last,) = encoder.hidden.weight.tolist(), encoder.score.weight.tolist()
    logits = []
    for place in places:
        hidden = [sum(map(math.prod, zip(w, place, strict=True))) for w in first]
        logits.append(sum(map(math.prod, zip(last, hidden, strict=True))))
    sizes = [math.exp(logit - max(logits)) for logit in logits]
    mask = [size / sum(sizes) for size in sizes]
    numbers = []
    for channel in range(picture.shape[1]):
        mean = sum(place[channel] for place in places) / len(places)
        numbers.append(mean + sum(m * place[channel] for m, place in zip(mask, places, strict=True)))
    return mask, [number / math.hypot(*numbers) for number in numbers]


@torch.no_grad()
@pytest.mark.parametrize("mean", [[0.0, 0.0, 0.0], [2.0, -1.0, 0.5]])
def test_what_is_attended_is_added_to_the_mean_of_the_map_after_it_is_centred(mean):
    torch.manual_seed(0)
    encoder, maps = encoder_of(3, torch.tensor(mean)), 3 * torch.randn(4, 6, 3)
    expected = []
    for picture in maps:
        mask, numbers = attended(encoder, picture)
        assert max(mask) > 0.2  # no place alone, nor all of them alike, makes the sum
        expected.append(numbers)
    torch.testing.assert_close(encoder(maps), torch.tensor(expected), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_mask_adds_up_to_1():
    """Of a map of one channel that is 1 everywhere the mean is 1, and so is what is attended."""
    torch.manual_seed(0)
    seen, encoder = [], encoder_of(2)
    maps = torch.randn(3, 16, 2)
    maps[..., 1] = 1.0
    maps[..., 0] -= maps[..., 0].mean(dim=1, keepdim=True)
    for picture, (attended_only, doubled) in zip(maps, encoder(maps).tolist(), strict=True):
        mask, _ = attended(encoder, picture)
        by_mask = sum(m * x for m, x in zip(mask, picture[:, 0].tolist(), strict=True))
        seen.append(by_mask / (attended_only / doubled))
    assert seen == pytest.approx([2.0] * 3, rel=1e-3)


@torch.no_grad()
def test_a_mask_that_is_alike_everywhere_changes_nothing():
    encoder, maps = encoder_of(3), torch.randn(4, 6, 3)
    nn.init.zeros_(encoder.score.weight)
    torch.testing.assert_close(encoder(maps), F.normalize(maps.mean(dim=1), dim=1))


@torch.no_grad()
def test_each_picture_has_a_mask_of_its_own():
    torch.manual_seed(0)
    encoder, maps = encoder_of(3), 3 * torch.randn(4, 6, 3)
    torch.testing.assert_close(torch.cat([encoder(own[None]) for own in maps]), encoder(maps))


def test_the_place_to_look_at_is_learnt(moved_by):
    torch.manual_seed(0)
    encoder = AttentionEncoder(torch.zeros(3), nn.Linear(3, 2))
    assert moved_by(encoder, encoder(torch.randn(4, 6, 3)).square().sum()) == {
        "hidden",
        "score",
        "encoder",
    }
