from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from benchmark.errors import NotRunnable
from methods.base import FitProgress
from methods.parts.objectives import total
from methods.parts.pairs import PairSampler
from methods.sake import SAKE, SAKEConfig

SMALL = {"hidden": 8, "width": 5, "dropout": 0.0}
N_PAIRS = 12


def linear(layer, code):
    return [
        sum(w * c for w, c in zip(row, code, strict=True)) + b
        for row, b in zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
    ]


def log_softmax(logits):
    largest = max(logits)
    total = math.log(sum(math.exp(logit - largest) for logit in logits)) + largest
    return [logit - total for logit in logits]


@pytest.mark.parametrize(
    "weights",
    [
        {"lambda_distillation": 1.0, "lambda_teacher": 1.0, "lambda_semantic": 0.3},
        {"lambda_distillation": 2.5, "lambda_teacher": 0.4, "lambda_semantic": 7.0},
    ],
)
def test_photos_imitate_the_teacher_shifted_by_the_similarity_of_their_class(world, weights):
    torch.manual_seed(0)
    seen = world.seen
    objective = SAKE.Objective(SAKEConfig(**SMALL, **weights), seen)
    batch = next(PairSampler(seen, seed=5).epoch(N_PAIRS))
    sketch_codes, photo_codes = (codes.tolist() for codes in objective.codes(batch))
    labels, n = batch.labels.tolist(), len(sketch_codes)
    classification = distillation = 0.0
    for code, label in zip(sketch_codes + photo_codes, labels * 2, strict=True):
        classification -= log_softmax(linear(objective.classifier, code))[label]
    for code, label, row in zip(photo_codes, labels, batch.photo_rows.tolist(), strict=True):
        cosines = [
            torch.cosine_similarity(seen.class_vectors[label], vector, dim=0).item()
            for vector in seen.teacher_vectors
        ]
        wanted = [
            weights["lambda_teacher"] * logit + weights["lambda_semantic"] * cosine
            for logit, cosine in zip(seen.teacher_logits[row].tolist(), cosines, strict=True)
        ]
        said = log_softmax(linear(objective.teacher_head, code))
        distillation -= sum(math.exp(w) * s for w, s in zip(log_softmax(wanted), said, strict=True))
    expected = classification / (2 * n) + weights["lambda_distillation"] * distillation / n
    assert total(objective(batch)).item() == pytest.approx(expected, rel=1e-5)


def test_the_teacher_changes_what_is_learnt(world):
    def embedded(seen):
        method = SAKE(SAKEConfig(**SMALL, epochs=3)).fit(seen, seed=0, progress=FitProgress())
        return method.embed_photos(world.photos)

    others = dataclasses.replace(world.seen, teacher_logits=world.seen.teacher_logits.flip(0))
    assert not torch.equal(embedded(world.seen), embedded(others))


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("teacher_logits", "needs the logits of a published ILSVRC-1k classifier for the seen photos"),
        ("teacher_vectors", "needs a vector for every ILSVRC-1k label, and at least one has none"),
    ],
)
def test_without_a_teacher_it_is_not_runnable(world, missing, reason):
    seen = dataclasses.replace(world.seen, **{missing: None})
    with pytest.raises(NotRunnable, match=reason):
        SAKE().fit(seen, seed=0, progress=FitProgress())
