"""Grading under every setting, direction and relevance, against average precision by brute force."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from benchmark.contract.tiny_world import N_PHOTOS, N_SKETCHES, UNSEEN, TinyWorld
from benchmark.display import SuiteDisplay
from benchmark.embed import fit_and_embed
from benchmark.grade import Graded, grade, relevance_labels
from benchmark.prepare import Where
from benchmark.registry import load_plugin
from benchmark.reporting.comparison import compare
from benchmark.reporting.tables import render
from benchmark.runner import prepare_suite, run_suite
from benchmark.suite import Suite
from datasets.settings import Terms
from datasets.task import ZeroShotTask
from methods.base import FitProgress
from methods.frozen import Frozen

WITH_SEEN_QUERIES = ("gzs/heldout", "gzs/sem_pcyc", "gzs/open_search")
WITHIN = ("sketch2sketch", "photo2photo")
N_SKETCHES_TESTED, N_PHOTOS_TESTED = N_SKETCHES * len(UNSEEN), N_PHOTOS * len(UNSEEN)


@pytest.fixture(scope="module")
def world(tiny_world: TinyWorld) -> TinyWorld:
    """The tiny world under so much noise that rankings are far from perfect."""
    noise = np.random.default_rng(0)
    features = (
        (rows + noise.normal(0, 2, rows.shape)).astype(np.float32)
        for rows in (tiny_world.sketch_features, tiny_world.photo_features)
    )
    return replace(tiny_world, **dict(zip(("sketch_features", "photo_features"), features, strict=True)))


def graded(world: TinyWorld, **terms: Any) -> tuple[Graded, ZeroShotTask]:
    """Grade frozen features, compared by cosine, under the terms."""
    chosen = Terms(**terms)
    task = ZeroShotTask(
        world.index,
        world.roles,
        world.split,
        sketches=world.task(Frozen.card)._sources["sketch"],
        photos=world.task(Frozen.card)._sources["photo"],
        feature_norm="raw",
        order_key="tiny",
        terms=chosen,
    )
    embedded = fit_and_embed(Frozen, Frozen.Config(), task, seed=0, device="cpu", progress=FitProgress())
    return grade(embedded, world.index, chosen, interval_seed=0, device="cpu"), task


def ranked(
    world: TinyWorld, task: ZeroShotTask, query: int, is_excluded: Callable[[int], bool] = lambda row: False
) -> list[int]:
    """Gallery rows from the most similar to the least."""
    features = {"sketch": world.sketch_features, "photo": world.photo_features}
    query_modality, gallery_modality = task.terms.modalities
    own = features[query_modality][query].astype(float)
    similarity = {}
    for row in task.answers().gallery.tolist():
        other = features[gallery_modality][row].astype(float)
        if not is_excluded(row):
            similarity[row] = own @ other / np.linalg.norm(own) / np.linalg.norm(other)
    return sorted(similarity, key=lambda row: -similarity[row])


def average_precision(is_relevant: list[bool]) -> float:
    """Mean of the precision at every positive, nan without one."""
    precisions = [sum(is_relevant[: i + 1]) / (i + 1) for i, found in enumerate(is_relevant) if found]
    return sum(precisions) / len(precisions) if precisions else float("nan")


def class_of(world: TinyWorld, task: ZeroShotTask, side: int, row: int) -> str:
    return world.index.class_names[world.index.items(task.terms.modalities[side]).labels[row]]


def expected_ap(world: TinyWorld, task: ZeroShotTask, *, is_unseen: bool) -> dict[str, float]:
    """Query name -> average precision by class in the whole gallery, of unseen or of seen queries."""
    values = {}
    for query in task.answers().queries.tolist():
        name = class_of(world, task, 0, query)
        if (name in UNSEEN) == is_unseen:
            found = [class_of(world, task, 1, row) == name for row in ranked(world, task, query)]
            values[world.index.items(task.terms.modalities[0]).names[query]] = average_precision(found)
    return values


def ap_of(found: Graded) -> dict[str, float]:
    """Query name -> stored average precision."""
    position = found.per_query.metric_ids.tolist().index("map@all")
    return dict(zip(found.per_query.names.tolist(), found.per_query.values[position].tolist(), strict=True))


@pytest.mark.parametrize("direction", ["sketch2photo", "photo2sketch"])
@pytest.mark.parametrize("setting", WITH_SEEN_QUERIES)
def test_seen_queries_are_graded_apart_in_the_same_gallery(
    world: TinyWorld, setting: str, direction: str
) -> None:
    found, task = graded(world, setting=setting, direction=direction)
    unseen = expected_ap(world, task, is_unseen=True)
    seen = expected_ap(world, task, is_unseen=False)
    assert 0.2 < np.mean(list(unseen.values())) < 0.8
    assert found.fields["scores"]["map@all"].value == pytest.approx(np.mean(list(unseen.values())))
    assert found.fields["seen_scores"]["map@all"].value == pytest.approx(np.nanmean(list(seen.values())))
    counts = found.fields["counts"]
    assert (counts.n_queries, counts.n_seen_queries) == (len(unseen), len(seen))
    assert counts.n_gallery == len(task.answers().gallery)


@pytest.mark.parametrize("setting", WITH_SEEN_QUERIES)
def test_stored_values_are_of_unseen_queries_alone(world: TinyWorld, setting: str) -> None:
    found, task = graded(world, setting=setting)
    assert ap_of(found) == pytest.approx(expected_ap(world, task, is_unseen=True), abs=1e-6)
    assert len(found.per_query.names) == N_SKETCHES_TESTED
    assert len(found.rankings.top) == N_SKETCHES_TESTED
    assert set(found.fields["per_class"]["map@all"]) == set(UNSEEN)


def test_seen_photos_stand_in_the_rankings_of_unseen_queries(world: TinyWorld) -> None:
    found, task = graded(world, setting="gzs/all_seen")
    query = task.answers().queries.tolist()[5]
    names = world.index.photos.names
    expected = [names[row] for row in ranked(world, task, query)]
    assert found.rankings.names[found.rankings.top[5]].tolist() == expected
    assert len(expected) == len(world.index.photos)


@pytest.mark.parametrize("setting", ["zs", "gzs/all_seen"])
def test_settings_without_seen_queries_have_no_scores_of_them(world: TinyWorld, setting: str) -> None:
    found, _ = graded(world, setting=setting)
    assert "seen_scores" not in found.fields
    assert found.fields["counts"].n_seen_queries == 0


def test_more_in_the_gallery_makes_unseen_queries_no_easier(world: TinyWorld) -> None:
    alone, _ = graded(world, setting="zs")
    among, _ = graded(world, setting="gzs/all_seen")
    for name, value in ap_of(among).items():
        assert value <= ap_of(alone)[name] + 1e-6


def test_the_other_direction_swaps_queries_and_gallery(world: TinyWorld) -> None:
    there, back = (
        graded(world, direction=way)[0].fields["counts"] for way in ("sketch2photo", "photo2sketch")
    )
    assert (there.n_queries, there.n_gallery) == (N_SKETCHES_TESTED, N_PHOTOS_TESTED) == (24, 32)
    assert (back.n_queries, back.n_gallery) == (32, 24)
    assert (there.n_train_sketches, there.n_train_photos) == (back.n_train_sketches, back.n_train_photos)


def with_copies(world: TinyWorld, modality: str) -> tuple[TinyWorld, dict[int, str]]:
    """The second and fourth item of every class are made copies of the first: equal features, one group."""
    items = world.index.items(modality)  # type: ignore[arg-type]
    n = N_SKETCHES if modality == "sketch" else N_PHOTOS
    features = {"sketch": world.sketch_features.copy(), "photo": world.photo_features.copy()}
    groups = {row: f"copies of {row - row % n}" for row in range(len(items)) if row % n in (0, 1, 3)}
    for row in groups:
        features[modality][row] = features[modality][row - row % n]
    column = replace(items, groups=tuple(groups.get(row, "") for row in range(len(items))))
    index = replace(world.index, **{"sketches" if modality == "sketch" else "photos": column})
    changed = replace(
        world, index=index, sketch_features=features["sketch"], photo_features=features["photo"]
    )
    return changed, groups


@pytest.mark.parametrize("direction", WITHIN)
def test_a_query_finds_neither_itself_nor_a_copy_of_itself(world: TinyWorld, direction: str) -> None:
    modality = direction.partition("2")[0]
    copied, groups = with_copies(world, modality)
    found, task = graded(copied, direction=direction)
    names = world.index.items(modality).names  # type: ignore[arg-type]
    for position, query in enumerate(task.answers().queries.tolist()):
        equal = {query} | {row for row, group in groups.items() if group == groups.get(query)}
        expected = {names[row] for row in task.answers().gallery.tolist()} - {names[row] for row in equal}
        top = found.rankings.top[position]
        assert set(found.rankings.names[top[top >= 0]].tolist()) == expected
        assert (top >= 0).sum() == len(expected)


@pytest.mark.parametrize("direction", WITHIN)
def test_within_one_modality_precision_counts_the_other_pictures(world: TinyWorld, direction: str) -> None:
    # Without copies nothing is tied, so that one order is right.
    found, task = graded(world, direction=direction)
    names = world.index.items(task.terms.modalities[0]).names
    expected = {}
    for query in task.answers().queries.tolist():
        order = ranked(world, task, query, lambda row, own=query: row == own)
        own_class = class_of(world, task, 0, query)
        expected[names[query]] = average_precision(
            [class_of(world, task, 1, row) == own_class for row in order]
        )
    assert ap_of(found) == pytest.approx(expected, abs=1e-6)


def test_copies_are_no_positives_of_each_other(world: TinyWorld) -> None:
    # Two sketches of each class beside three copies: a copy's positives are 3 of 6, another's are 5 of 6.
    copied, groups = with_copies(world, "sketch")
    found, task = graded(copied, direction="sketch2sketch")
    labels = world.index.sketches.labels
    for position, query in enumerate(task.answers().queries.tolist()):
        top = found.rankings.top[position]
        n_right = (found.rankings.labels[top[top >= 0]] == labels[query]).sum()
        assert n_right == found.per_query.n_relevant[position] == (3 if query in groups else 5)
        assert found.per_query.n_ranked[position] == (top >= 0).sum()


def test_instance_labels_are_equal_exactly_for_one_instance() -> None:
    queries, gallery = relevance_labels(
        "instance", np.array([0, 0, 1]), np.array([0, 0, 1, 1]), ["a", "", "b"], ["a", "c", "b", ""]
    )
    assert (queries[:, None] == gallery[None]).tolist() == [
        [True, False, False, False],
        [False, False, False, False],
        [False, False, True, False],
    ]


def test_category_labels_are_the_classes() -> None:
    queries, gallery = relevance_labels(
        "category", np.array([0, 1]), np.array([1, 0]), ["a", "b"], ["a", "b"]
    )
    assert (queries.tolist(), gallery.tolist()) == ([0, 1], [1, 0])


@pytest.mark.parametrize("direction", ["sketch2photo", "photo2sketch"])
def test_by_instance_the_positives_show_the_same_object(world: TinyWorld, direction: str) -> None:
    found, task = graded(world, direction=direction, relevance="instance")
    sides = [world.index.items(modality) for modality in task.terms.modalities]
    expected = {
        sides[0].names[query]: average_precision(
            [sides[1].instances[row] == sides[0].instances[query] for row in ranked(world, task, query)]  # type: ignore[index]
        )
        for query in task.answers().queries.tolist()
    }
    assert ap_of(found) == pytest.approx(expected, abs=1e-6)
    assert found.fields["scores"]["map@all"].value == pytest.approx(np.nanmean(list(expected.values())))


def test_a_photo_of_which_no_other_shows_the_object_is_counted_as_without_a_positive(
    world: TinyWorld,
) -> None:
    # Eight photos of six objects a class: four objects are photographed once.
    found, _ = graded(world, direction="photo2photo", relevance="instance")
    assert found.fields["counts"].n_without_positives == 4 * len(UNSEEN)
    assert found.fields["scores"]["map@all"].n_queries_used == 4 * len(UNSEEN)


@pytest.mark.usefixtures("open_registries")
def test_a_generalised_run_is_stored_and_tabled_with_both_kinds_of_queries(
    picture_root: Path, tmp_path: Path, write_plugin: Callable[..., Path]
) -> None:
    load_plugin(write_plugin("mean_colour"))
    suite = Suite(name="t", title="t", dataset="folder", methods=("mean_colour",), setting="gzs/heldout")
    where = Where(tmp_path / "cache", tmp_path / "results", picture_root)
    display = SuiteDisplay(Console(file=open(os.devnull, "w")))  # noqa: SIM115, PTH123
    (run,) = run_suite(prepare_suite(suite, where, display), display).runs
    counts = run.record.counts
    # Two unseen classes of three; of three seen classes one item each, which does not train.
    assert counts is not None
    assert (counts.n_queries, counts.n_seen_queries, counts.n_gallery) == (6, 3, 9)
    assert (counts.n_train_sketches, counts.n_train_photos) == (6, 6)
    unseen, seen = (scores["map@all"].value for scores in (run.record.scores, run.record.seen_scores))
    text = render(compare([run]), "markdown", per_fold=False)
    harmonic = 2 * unseen * seen / (unseen + seen)
    assert f"| mean_colour | {unseen:.3f} | {seen:.3f} | {harmonic:.3f} |" in text
    assert "3 queries of seen classes beside them in split" in text
