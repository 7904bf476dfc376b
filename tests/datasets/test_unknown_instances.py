"""A picture whose object is unknown is a partner of none, not of every other unknown one."""

from dataclasses import replace

import pytest
import torch

from benchmark.contract.tiny_world import ArraySource, TinyWorld
from benchmark.errors import BenchmarkError
from datasets.seen import SeenData
from datasets.task import ZeroShotTask
from methods.parts.pairs import PairSampler, pair_groups


def seen_with(tiny_world: TinyWorld, n_known: int) -> SeenData:
    """Return seen data in which only the first instances of each modality are known."""
    index = tiny_world.index
    blanked = {
        name: replace(items, instances=tuple(v if i < n_known else "" for i, v in enumerate(items.instances)))
        for name, items in (("sketches", index.sketches), ("photos", index.photos))
    }
    sources = {
        "sketches": ArraySource(tiny_world.sketch_features),
        "photos": ArraySource(tiny_world.photo_features),
    }
    task = ZeroShotTask(
        replace(index, **blanked), tiny_world.roles, tiny_world.split, pairs="instance", **sources
    )
    return task.seen()


def test_an_unknown_instance_is_minus_one(tiny_world: TinyWorld) -> None:
    seen = seen_with(tiny_world, n_known=0)
    assert seen.sketch_instances is not None
    assert torch.equal(seen.sketch_instances, torch.full_like(seen.sketch_instances, -1))


def test_unknown_instances_share_no_group(tiny_world: TinyWorld) -> None:
    sketch_groups, photo_groups = pair_groups(seen_with(tiny_world, n_known=0))
    groups = torch.cat([sketch_groups, photo_groups])
    assert len(groups.unique()) == len(groups)


def test_without_a_known_instance_there_is_no_pair(tiny_world: TinyWorld) -> None:
    with pytest.raises(BenchmarkError, match="pairs of two classes"):
        PairSampler(seen_with(tiny_world, n_known=0), seed=0)
