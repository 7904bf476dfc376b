"""Trainings that diverge: they end as FloatingPointError, which the runner records as a failed run."""

from __future__ import annotations

import math

import pytest

from benchmark.registry import METHODS
from methods.base import FitProgress
from methods.caae import CAAE
from methods.parts import gan

DIVERGING = ("cvae", "caae", "iiae", "zsih", "sem_pcyc", "doodle2search_features")


@pytest.mark.parametrize("method_id", DIVERGING)
def test_an_absurd_learning_rate_ends_in_an_error_and_in_no_number(world, method_id):
    """After one step all weights are near 1e20, whose products are more than a float32 can hold."""
    method = METHODS.get(method_id)
    config = method.Config(hidden=8, width=5, lr=1e20, epochs=3, batch=32)
    with pytest.raises(FloatingPointError, match=r"the loss( '[a-z-]+')? became (nan|inf)"):
        method(config).fit(world.seen, seed=0, progress=FitProgress())


def test_a_discriminator_that_overflows_is_named_and_its_curve_is_kept(world, monkeypatch):
    """Also where all that the generators minimise stays finite."""
    plain = gan.discriminator_loss
    monkeypatch.setattr(
        "methods.caae.discriminator_loss", lambda *own, **how: plain(*own, **how) * 1e38 * 1e38
    )
    monkeypatch.setattr("methods.caae.deception_loss", lambda judge, made, **_: made.sum() * 0)
    progress = FitProgress()
    with pytest.raises(FloatingPointError, match="the loss 'discriminators' became inf"):
        CAAE(CAAE.Config(hidden=8, width=5, batch=256)).fit(world.seen, seed=0, progress=progress)
    assert progress.curves["discriminators"] == [math.inf]
    assert math.isfinite(progress.curves["loss"][0])
