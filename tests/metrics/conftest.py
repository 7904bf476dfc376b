"""Shared by the tests of `metrics`: an evaluation of scores written down by the test itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from metrics import Evaluation, evaluate


def evaluate_scores(scores: Any, query_labels: Any, gallery_labels: Any, **options: Any) -> Evaluation:
    """`evaluate` on a (Q, N) score matrix, larger is better."""
    scores = np.asarray(scores)
    items = np.zeros((scores.shape[1], 1))
    options = {"metrics": ["map@all"], "distance": lambda block, _: block, **options}
    return evaluate(scores, query_labels, items, gallery_labels, **options)


def evaluate_relevance(relevant: Sequence[int], **options: Any) -> Evaluation:
    """`evaluate` on one ranking without ties, written as 0/1 from the best rank on."""
    scores = -np.arange(len(relevant), dtype=float)[None, :]
    return evaluate_scores(scores, [1], relevant, **options)


@pytest.fixture(name="evaluate_scores")
def _evaluate_scores() -> Callable[..., Evaluation]:
    return evaluate_scores


@pytest.fixture(name="evaluate_relevance")
def _evaluate_relevance() -> Callable[..., Evaluation]:
    return evaluate_relevance
