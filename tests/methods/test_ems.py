from __future__ import annotations

import math

import pytest
import torch

from benchmark.errors import BenchmarkError
from methods.ems import EMS, EMSConfig
from methods.parts.pairs import PairSampler

N_PAIRS = 16


@pytest.mark.parametrize("margin", [1.0, 4.0])
def test_the_distance_to_the_own_centre_counts_margin_times_in_the_cross_entropy(world, margin):
    torch.manual_seed(0)
    config = EMSConfig(hidden=8, width=5, dropout=0.0, margin=margin)
    objective = EMS.Objective(config, world.seen)
    batch = next(PairSampler(world.seen, seed=5).epoch(N_PAIRS))
    centres, losses = objective.centres.tolist(), []
    for codes in objective.codes(batch):
        for code, label in zip(codes.tolist(), batch.labels.tolist(), strict=True):
            logits = [-math.dist(code, centre) for centre in centres]
            logits[label] *= margin
            losses.append(math.log(sum(map(math.exp, logits))) - logits[label])
    assert objective(batch).item() == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_a_code_on_its_centre_leaves_the_gradient_finite(world):
    objective = EMS.Objective(EMSConfig(hidden=8, width=5, dropout=0.0), world.seen)
    batch = next(PairSampler(world.seen, seed=5).epoch(N_PAIRS))
    with torch.no_grad():
        objective.centres[batch.labels[0]] = objective.codes(batch)[0][0]
    objective(batch).backward()
    assert all(parameter.grad.isfinite().all() for parameter in objective.parameters())


def test_a_margin_below_1_is_refused():
    with pytest.raises(BenchmarkError, match=r"margin = 0.5, allowed: numbers from 1 on"):
        EMSConfig(margin=0.5)
