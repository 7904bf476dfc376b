"""The encoder that is told the modality: one network with a bit as further input, kept as two plain ones."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import linear, normalize

from methods.base import FitProgress
from methods.ems import EMS, EMSConfig
from methods.parts.objectives import ConditionalObjective
from methods.parts.pairs import PairSampler
from methods.parts.trained_config import TrainedConfig

SMALL = {"hidden": 8, "width": 5, "dropout": 0.0}
FIRST_BIAS = "layers.0.bias"


@pytest.fixture
def batch(world):
    return next(PairSampler(world.seen, seed=5).epoch(16))


def conditional(world, depth=2):
    torch.manual_seed(0)
    return ConditionalObjective(TrainedConfig(**SMALL, depth=depth), world.seen)


@pytest.mark.parametrize("depth", [1, 2])
def test_codes_are_those_of_one_network_that_is_given_a_bit_beside_the_features(world, batch, depth):
    objective = conditional(world, depth)
    with torch.no_grad():
        objective.photo_encoder.layers[0].bias.normal_()
    layers = objective.sketch_encoder.layers
    bias = layers[0].bias
    of_bit = objective.photo_encoder.layers[0].bias - bias
    weight = torch.cat([layers[0].weight, of_bit[:, None]], dim=1)
    for is_photo, items, codes in zip(
        (0.0, 1.0), (batch.sketches, batch.photos), objective.codes(batch), strict=True
    ):
        with_bit = torch.cat([items, torch.full((len(items), 1), is_photo)], dim=1)
        expected = linear(with_bit, weight, bias)
        if depth == 2:
            expected = linear(expected.relu(), layers[3].weight, layers[3].bias)
        torch.testing.assert_close(codes, normalize(expected, dim=1))


def test_at_first_both_modalities_are_encoded_alike(world, batch):
    objective = conditional(world)
    assert torch.equal(objective.sketch_encoder(batch.photos), objective.photo_encoder(batch.photos))


def test_each_parameter_but_the_first_bias_is_one_for_both_and_trained_once(world):
    objective = conditional(world)
    sketch, photo = (dict(e.named_parameters()) for e in (objective.sketch_encoder, objective.photo_encoder))
    assert {name for name in sketch if sketch[name] is not photo[name]} == {FIRST_BIAS}
    parameters = objective.players()[0].parameters
    assert len(parameters) == len(sketch) + 1


def test_training_leaves_one_network_with_two_biases(world):
    method = EMS(EMSConfig(**SMALL, epochs=2)).fit(world.seen, seed=0, progress=FitProgress())
    sketch, photo = (e.state_dict() for e in (method.sketch_encoder, method.photo_encoder))
    assert {name for name in sketch if not torch.equal(sketch[name], photo[name])} == {FIRST_BIAS}


def test_weights_stay_shared_in_another_type_as_on_another_device(world):
    objective = conditional(world).to(torch.float64)
    assert objective.sketch_encoder.layers[0].weight is objective.photo_encoder.layers[0].weight
