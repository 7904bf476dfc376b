"""Every method on features made elsewhere, whose sketches and photos need not have one width."""

from dataclasses import replace

import numpy as np
import pytest

from benchmark.configs import resolve_config
from benchmark.contract.tiny_world import WIDTH
from benchmark.embed import fit_and_embed
from benchmark.errors import NotRunnable
from benchmark.registry import METHODS
from methods.base import FitProgress

SHARED = {"frozen", "centred", "icfrr", "procrustes", "siamese", "ems", "sake"}
"""Methods that compare or encode the features of both modalities in one way."""


def embed(method_id, world):
    method = METHODS.get(method_id)
    config = resolve_config(method, "smoke", world.split, width=WIDTH).config
    task = world.task(method.card)
    return fit_and_embed(method, config, task, seed=0, device="cpu", progress=FitProgress())


@pytest.fixture(scope="module")
def uneven_world(tiny_world):
    noise = np.random.default_rng(0).standard_normal((len(tiny_world.photo_features), 5))
    photos = np.hstack([tiny_world.photo_features, noise.astype(np.float32)])
    return replace(tiny_world, photo_features=photos)


@pytest.mark.parametrize("method_id", sorted(SHARED))
def test_one_width_is_asked_for_where_it_is_needed(method_id, uneven_world):
    with pytest.raises(NotRunnable, match="features of one width, and these have 32 and 37"):
        embed(method_id, uneven_world)


@pytest.mark.parametrize("method_id", [name for name in METHODS.ids() if name not in SHARED])
def test_every_other_method_takes_two_widths(method_id, uneven_world):
    if METHODS.get(method_id).card.input != "features":
        pytest.skip("it takes pictures")
    embedded = embed(method_id, uneven_world)
    assert embedded.query_emb.shape[1] == embedded.gallery_emb.shape[1]
    assert (embedded.query_emb != embedded.query_emb[0]).any()
