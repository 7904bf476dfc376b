"""A small two-modality world: classes share a latent space, each modality has its own offset."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from datasets.seen import N_TEACHER_CLASSES, SeenData
from methods.parts.pairs import PairBatch

N_FEATURES, N_LATENT, N_SEEN, N_UNSEEN, N_PER_CLASS = 24, 6, 12, 4, 12


@dataclass(frozen=True)
class World:
    """Seen data and items of unseen classes, raw or as a suite normalises them."""

    seen: SeenData
    sketches: Tensor
    photos: Tensor
    labels: Tensor


def make_world(*, is_raw: bool) -> World:
    generator = torch.Generator().manual_seed(7)
    latents = torch.randn(N_SEEN + N_UNSEEN, N_LATENT, generator=generator)
    class_vectors = normalize(latents @ torch.randn(N_LATENT, 8, generator=generator), dim=1)
    n_items = (N_SEEN + N_UNSEEN) * N_PER_CLASS
    labels = torch.arange(n_items) // N_PER_CLASS
    is_seen = labels < N_SEEN

    def items(offset_at: int) -> Tensor:
        features = 0.04 * torch.randn(n_items, N_FEATURES, generator=generator)
        features[:, :N_LATENT] += latents[labels]
        features[:, offset_at] += 1.0
        if not is_raw:
            features = normalize(features - features[is_seen].mean(dim=0), dim=1)
        return features

    sketches, photos = items(N_LATENT), items(N_LATENT + 1)
    teacher = torch.randn(N_FEATURES, N_TEACHER_CLASSES, generator=generator)
    label_vectors = torch.randn(N_TEACHER_CLASSES, class_vectors.shape[1], generator=generator)
    instances = torch.arange(N_SEEN * N_PER_CLASS)
    seen = SeenData(
        class_names=tuple(f"class{c}" for c in range(N_SEEN)),
        sketches=sketches[is_seen],
        photos=photos[is_seen],
        sketch_labels=labels[is_seen],
        photo_labels=labels[is_seen].clone(),
        sketch_instances=instances,
        photo_instances=instances.clone(),
        class_vectors=class_vectors[:N_SEEN],
        pairs="class",
        teacher_logits=photos[is_seen] @ teacher,
        teacher_vectors=normalize(label_vectors, dim=1),
    )
    return World(seen, sketches[~is_seen], photos[~is_seen], labels[~is_seen])


@pytest.fixture
def world() -> World:
    return make_world(is_raw=False)


@pytest.fixture
def raw_world() -> World:
    return make_world(is_raw=True)


@pytest.fixture
def uneven(world) -> SeenData:
    """Photos with more numbers than sketches, so that no network can be taken for another."""
    seen = world.seen
    more = torch.randn(len(seen.photos), 5, generator=torch.Generator().manual_seed(3))
    return dataclasses.replace(seen, photos=torch.hstack([seen.photos, more]))


def root_mean_square(features: Tensor) -> float:
    numbers = [x for row in features.tolist() for x in row]
    return math.sqrt(sum(x * x for x in numbers) / len(numbers))


@pytest.fixture
def scaled(uneven, batch) -> PairBatch:
    """The test's batch with features in units of the root mean square of all seen ones, by hand."""
    return dataclasses.replace(
        batch,
        sketches=batch.sketches / root_mean_square(uneven.sketches),
        photos=batch.photos / root_mean_square(uneven.photos),
    )


@pytest.fixture
def moved_by() -> Callable[[nn.Module, Tensor], set[str]]:
    """Which parts of an objective a loss has a gradient for that is not 0: their names, to the first dot."""

    def moved_by(objective: nn.Module, loss: Tensor) -> set[str]:
        objective.zero_grad()
        loss.backward()
        return {
            name.partition(".")[0]
            for name, parameter in objective.named_parameters()
            if parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
        }

    return moved_by
