"""Re-ranking by the gallery's neighbours, against slow loops over photos."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from methods.base import FitProgress
from methods.icfrr import ICFRR, GalleryNeighbours

N_QUERIES, N_PHOTOS = 5, 12


@pytest.fixture
def emb() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    parts = (torch.randn(n, 4, generator=generator) for n in (N_QUERIES, N_PHOTOS))
    sketches, photos = (normalize(part, dim=1) for part in parts)
    return sketches, photos


def slow_scores(
    queries: list[list[float]], gallery: list[list[float]], config: ICFRR.Config
) -> list[list[float]]:
    """Follow the equation photo by photo."""
    n = len(gallery)
    alpha = []
    for j in range(n):
        others = sorted((i for i in range(n) if i != j), key=lambda i: math.dist(gallery[j], gallery[i]))
        alpha.append({i: 1 - r / (n - 1) for r, i in enumerate(others[: config.n_neighbours])})
    found = []
    for query in queries:
        scores = [-math.dist(query, photo) for photo in gallery]
        for _ in range(config.n_iterations):
            first = sorted(range(n), key=lambda i: -scores[i])[: config.n_trusted]
            support = [sum(alpha[j].get(i, 0.0) for j in first) / len(first) for i in range(n)]
            scores = [s + config.beta * own for s, own in zip(scores, support, strict=True)]
        found.append(scores)
    return found


@pytest.mark.parametrize("n_iterations", [0, 1, 3])
@pytest.mark.parametrize(("n_trusted", "n_neighbours"), [(2, 3), (5, 11), (12, 1)])
def test_scores_are_those_of_the_equation(emb, n_iterations, n_trusted, n_neighbours):
    config = ICFRR.Config(n_trusted=n_trusted, n_neighbours=n_neighbours, beta=0.3, n_iterations=n_iterations)
    scores = ICFRR(config).similarity(*emb)
    expected = slow_scores(emb[0].tolist(), emb[1].tolist(), config)
    torch.testing.assert_close(scores, torch.tensor(expected), atol=1e-5, rtol=0)


def test_more_neighbours_than_photos_are_all_photos(emb):
    few, many = (ICFRR(ICFRR.Config(n_trusted=n, n_neighbours=n)).similarity(*emb) for n in (12, 500))
    assert torch.equal(few, many)


def test_a_query_scores_the_same_in_every_block(emb):
    sketches, photos = emb
    method = ICFRR(ICFRR.Config(n_trusted=3, n_neighbours=4))
    whole = method.similarity(sketches, photos)
    alone = torch.cat([method.similarity(sketch[None], photos) for sketch in sketches])
    torch.testing.assert_close(alone, whole)


def test_neighbours_are_found_once_for_a_gallery_and_anew_for_another(emb, monkeypatch):
    found, original = [], GalleryNeighbours.of.__func__

    def counting(cls, gallery, n_neighbours):
        found.append(len(gallery))
        return original(cls, gallery, n_neighbours)

    monkeypatch.setattr(GalleryNeighbours, "of", classmethod(counting))
    sketches, photos = emb
    method = ICFRR()
    for gallery in (photos, photos.clone(), photos[:9]):
        method.similarity(sketches, gallery)
    assert found == [12, 9]


def test_neighbours_found_in_blocks_are_the_same(emb, monkeypatch):
    whole = GalleryNeighbours.of(emb[1], 5).idx
    monkeypatch.setattr("methods.icfrr.ROWS_AT_ONCE", 5)
    assert torch.equal(GalleryNeighbours.of(emb[1], 5).idx, whole)


def test_classes_of_a_separable_set_are_retrieved(raw_world):
    method = ICFRR().fit(raw_world.seen, seed=0, progress=FitProgress())
    gallery = method.embed_photos(raw_world.photos)
    scores = method.similarity(method.embed_sketches(raw_world.sketches), gallery)
    precisions = []
    for row, label in zip(scores, raw_world.labels, strict=True):
        ranks = (raw_world.labels[row.argsort(descending=True)] == label).nonzero()[:, 0] + 1
        precisions.append((torch.arange(1, len(ranks) + 1) / ranks).mean().item())
    assert sum(precisions) / len(precisions) >= 0.99


def test_embeddings_are_centred_features_of_length_1(raw_world):
    method = ICFRR().fit(raw_world.seen, seed=0, progress=FitProgress())
    for emb, items, seen in (
        (method.embed_sketches(raw_world.sketches), raw_world.sketches, raw_world.seen.sketches),
        (method.embed_photos(raw_world.photos), raw_world.photos, raw_world.seen.photos),
    ):
        torch.testing.assert_close(emb, normalize(items - seen.mean(dim=0), dim=1))


def test_what_is_known_of_a_gallery_is_not_saved(raw_world, tmp_path):
    method = ICFRR().fit(raw_world.seen, seed=0, progress=FitProgress())
    method.similarity(method.embed_sketches(raw_world.sketches), method.embed_photos(raw_world.photos))
    assert set(method.state()) == {"sketch_mean", "photo_mean"}
