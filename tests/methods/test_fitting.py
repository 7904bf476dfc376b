from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmark.errors import NotRunnable
from benchmark.grade import n_parameters
from benchmark.registry import METHODS
from methods.base import FitProgress, RetrievalMethod
from methods.parts.sketch_to_photo import SketchToPhotoMethod
from methods.parts.trained import TrainedMethod

EMBEDDING = {
    name: METHODS.get(name)
    for name in METHODS.ids()
    if METHODS.get(name).card.input == "features" and METHODS.get(name).card.distance != "own"
}
"""Methods whose embeddings of features are compared: all but those with tests of their own, icfrr and san."""
METHOD_IDS = tuple(EMBEDDING)
RANDOM_IDS = tuple(name for name, method in EMBEDDING.items() if method.card.is_random)
TRAINED_IDS = tuple(name for name, method in EMBEDDING.items() if issubclass(method, TrainedMethod))
VECTOR_IDS = tuple(
    name for name, method in EMBEDDING.items() if "class vectors" in method.card.side_information
)
TRAINED = {"hidden": 64, "epochs": 30, "batch": 32, "lr": 5e-3, "width": 16}
CONFIGS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(TRAINED_IDS, TRAINED),
    # Its constants suit codes of width 64; and with the published pull two of these few classes can fall into
    # one before they are pushed apart.
    "shape3d": {**TRAINED, "c_p": 1.0, "c_n": 5.0},
    # With the modality unlearnt in full, classes of so few items lose some of what tells them apart.
    "doodle2search_features": {**TRAINED, "lambda_domain": 0.01, "lr": 1e-3, "epochs": 60, "dropout": 0.0},
    "cca": {"width": 16},
    "jlse": {"n_pairs": 1000},
    "sse": {"epochs": 60, "n_per_class": 5},
    "zsh": {"width": 16},
}


@pytest.fixture
def fitted(request, world, raw_world):
    """(method, world) of one id, fitted on the world that its card asks for."""
    its_world = raw_world if METHODS.get(request.param).card.feature_norm == "raw" else world
    return fit(request.param, its_world), its_world


def fit(method_id: str, world: Any, *, seed: int = 0, **changes: Any) -> RetrievalMethod:
    method = METHODS.get(method_id)
    config = method.Config(**{**CONFIGS.get(method_id, {}), **changes})
    return method(config).fit(world.seen, seed=seed, progress=FitProgress())


def briefly(method_id: str) -> dict[str, int]:
    """Return the changes of the configuration that leave a method as little to do as it can have."""
    names = METHODS.get(method_id).Config.__dataclass_fields__
    return {name: 1 for name in ("epochs", "n_iterations") if name in names}


def mean_average_precision(queries: Tensor, gallery: Tensor, q_labels: Tensor, g_labels: Tensor) -> float:
    """Slow and independent: cosine, one query at a time."""
    total = 0.0
    for query, label in zip(queries, q_labels, strict=True):
        order = torch.cosine_similarity(query[None], gallery).argsort(descending=True)
        hits, precisions = 0, []
        for rank, is_hit in enumerate((g_labels[order] == label).tolist(), start=1):
            if is_hit:
                hits += 1
                precisions.append(hits / rank)
        total += sum(precisions) / len(precisions)
    return total / len(queries)


@pytest.mark.parametrize("fitted", METHOD_IDS, indirect=True)
def test_training_classes_are_retrieved(fitted):
    method, world = fitted
    with torch.inference_mode():
        queries, gallery = method.embed_sketches(world.seen.sketches), method.embed_photos(world.seen.photos)
    labels = world.seen.sketch_labels, world.seen.photo_labels
    assert mean_average_precision(queries, gallery, *labels) >= 0.99


@pytest.mark.parametrize("fitted", METHOD_IDS, indirect=True)
def test_unseen_classes_of_the_same_latent_space_are_retrieved(fitted):
    method, world = fitted
    with torch.inference_mode():
        queries, gallery = method.embed_sketches(world.sketches), method.embed_photos(world.photos)
    assert mean_average_precision(queries, gallery, world.labels, world.labels) >= 0.8


@pytest.mark.parametrize("method_id", RANDOM_IDS)
def test_another_seed_gives_another_embedding(method_id, world):
    first, other = (fit(method_id, world, seed=seed, **briefly(method_id)) for seed in (0, 1))
    assert not torch.equal(first.embed_sketches(world.sketches), other.embed_sketches(world.sketches))


@pytest.mark.parametrize("method_id", RANDOM_IDS)
def test_fit_leaves_the_global_generator_and_the_data_alone(method_id, world):
    before, sketches = torch.get_rng_state(), world.seen.sketches.clone()
    fit(method_id, world, **briefly(method_id))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(sketches, world.seen.sketches)


@pytest.mark.parametrize("method_id", ["cca", "procrustes", *TRAINED_IDS])
def test_instance_pairs_train_too(method_id, world):
    world.seen.pairs = "instance"
    embedded = fit(method_id, world, **briefly(method_id)).embed_photos(world.photos)
    assert embedded.isfinite().all()


@pytest.mark.parametrize("method_id", VECTOR_IDS)
def test_missing_class_vectors_make_a_method_not_runnable(method_id, world):
    world = dataclasses.replace(world, seen=dataclasses.replace(world.seen, class_vectors=None))
    with pytest.raises(NotRunnable, match="needs a vector for the name of every seen class"):
        fit(method_id, world)


@pytest.mark.parametrize("method_id", ["siamese", "triplet", "ems", "sake", "gdh"])
def test_weights_that_modalities_share_count_once(method_id, world):
    method = fit(method_id, world, **briefly(method_id))
    encoders = (method.sketch_encoder, method.photo_encoder)
    distinct = {id(part): part.numel() for encoder in encoders for part in encoder.parameters()}
    assert n_parameters(method) == sum(distinct.values())


@pytest.mark.parametrize("topology", ["mst_gcn", "distances"])
def test_zscmr_with_a_topology_retrieves_the_training_classes(topology, world):
    method = fit("zscmr", world, topology=topology)
    with torch.inference_mode():
        queries, gallery = method.embed_sketches(world.seen.sketches), method.embed_photos(world.seen.photos)
    labels = world.seen.sketch_labels, world.seen.photo_labels
    assert mean_average_precision(queries, gallery, *labels) >= 0.99


@pytest.mark.parametrize("method_id", METHOD_IDS)
def test_cards_of_methods_with_a_free_width_have_it_in_their_configuration(method_id):
    method = METHODS.get(method_id)
    has_width = "width" in {field.name for field in dataclasses.fields(method.Config)}
    # There the width is that of a code inside, and embeddings are as wide as the features of photos.
    is_of_code = issubclass(method, SketchToPhotoMethod)
    assert has_width == (method.card.width == "free" or is_of_code)
