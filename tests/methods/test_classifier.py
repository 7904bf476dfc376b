from __future__ import annotations

import math

import pytest
import torch

from methods.classifier import Classifier, ClassifierConfig
from methods.parts.pairs import PairSampler

N_PAIRS = 16


def test_the_loss_is_the_cross_entropy_of_one_classifier_on_sketches_and_on_photos(world):
    torch.manual_seed(0)
    config = ClassifierConfig(hidden=8, width=5, dropout=0.0)
    objective = Classifier.Objective(config, world.seen)
    batch = next(PairSampler(world.seen, seed=5).epoch(N_PAIRS))
    weight, bias = objective.classifier.weight.tolist(), objective.classifier.bias.tolist()
    expected = 0.0
    for codes in objective.codes(batch):
        for code, label in zip(codes.tolist(), batch.labels.tolist(), strict=True):
            logits = [
                sum(w * c for w, c in zip(row, code, strict=True)) + b
                for row, b in zip(weight, bias, strict=True)
            ]
            expected += math.log(sum(map(math.exp, logits))) - logits[label]
    assert objective(batch).item() == pytest.approx(expected / N_PAIRS, rel=1e-5)
    assert objective.sketch_encoder is not objective.photo_encoder
