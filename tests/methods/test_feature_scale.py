"""The usual size of features, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from methods.parts.feature_scale import UsualSizes, usual_size


def test_it_is_the_root_of_the_mean_square_of_all_numbers():
    features = torch.tensor([[1.0, -5.0], [5.0, 7.0]])
    assert usual_size(features).item() == pytest.approx(math.sqrt((1 + 25 + 25 + 49) / 4))


def test_it_is_one_over_the_root_of_the_width_of_features_of_length_1():
    features = torch.tensor([[0.6, 0.8, 0.0], [0.0, 0.0, -1.0]])
    assert usual_size(features).item() == pytest.approx(1 / math.sqrt(3))


def test_features_that_are_nothing_can_be_divided_by_it():
    features = torch.zeros(2, 3)
    assert torch.equal(features / usual_size(features), features)


def test_each_modality_has_a_size_of_its_own(uneven):
    sizes = UsualSizes(uneven)
    both = zip((uneven.sketches, uneven.photos), sizes(uneven.sketches, uneven.photos), strict=True)
    for seen, scaled in both:
        assert torch.allclose(scaled.square().mean(), torch.tensor(1.0))
        assert not torch.allclose(seen.square().mean(), torch.tensor(1.0), atol=0.1)
        ratios = seen / scaled
        assert torch.allclose(ratios, ratios.mean().expand_as(ratios))
    assert sizes.sketch != sizes.photo
