"""The terms of a test: what goes together, what is taken where nothing is said, and what is refused."""

from __future__ import annotations

import pytest

from benchmark.errors import BenchmarkError
from datasets.settings import QUERIES, SETTINGS, ZERO_SHOT, Terms

ACROSS = ("sketch2photo", "photo2sketch")
WITHIN = ("sketch2sketch", "photo2photo")


@pytest.mark.parametrize(
    ("field", "value", "known"),
    [
        ("setting", "gzs", "zs, gzs/heldout, gzs/all_seen, gzs/sem_pcyc, gzs/open_search"),
        ("direction", "sketch", "sketch2photo, photo2sketch, sketch2sketch, photo2photo"),
        ("queries", "some", "all, loo, sake10"),
        ("relevance", "class", "category, instance"),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(field: str, value: str, known: str) -> None:
    with pytest.raises(BenchmarkError, match=rf"no {field} '{value}'\. Known: {known}\.$"):
        Terms(**{field: value})


@pytest.mark.parametrize("direction", ACROSS)
def test_leave_one_out_does_not_fit_two_modalities(direction: str) -> None:
    with pytest.raises(
        BenchmarkError, match=f"'loo' do not fit direction {direction}.* Choose all or sake10"
    ):
        Terms(direction=direction, queries="loo")


@pytest.mark.parametrize("direction", WITHIN)
def test_all_queries_do_not_fit_one_modality(direction: str) -> None:
    with pytest.raises(
        BenchmarkError, match=f"'all' do not fit direction {direction}.* Choose loo or sake10"
    ):
        Terms(direction=direction, queries="all")


@pytest.mark.parametrize(
    ("direction", "queries"),
    [*((direction, "all") for direction in ACROSS), *((direction, "loo") for direction in WITHIN)],
)
def test_queries_left_out_are_those_that_fit_the_direction(direction: str, queries: str) -> None:
    assert Terms(direction=direction).queries_name == queries
    assert Terms(direction=direction, queries=queries).queries_name == queries


@pytest.mark.parametrize("direction", [*ACROSS, *WITHIN])
def test_sake10_fits_every_direction(direction: str) -> None:
    assert Terms(direction=direction, queries="sake10").queries_name == "sake10"


def test_nothing_said_is_zero_shot_from_sketches_to_photos_by_category() -> None:
    assert Terms() == ZERO_SHOT
    assert (ZERO_SHOT.setting, ZERO_SHOT.direction) == ("zs", "sketch2photo")
    assert (ZERO_SHOT.queries_name, ZERO_SHOT.relevance) == ("all", "category")


@pytest.mark.parametrize(
    ("direction", "modalities"),
    [
        ("sketch2photo", ("sketch", "photo")),
        ("photo2sketch", ("photo", "sketch")),
        ("sketch2sketch", ("sketch", "sketch")),
        ("photo2photo", ("photo", "photo")),
    ],
)
def test_a_direction_names_queries_first(direction: str, modalities: tuple[str, str]) -> None:
    assert Terms(direction=direction).modalities == modalities


@pytest.mark.parametrize("queries", [None, "sake10"])
def test_within_one_modality_the_query_and_its_copies_are_excluded(queries: str | None) -> None:
    for direction in WITHIN:
        terms = Terms(direction=direction, queries=queries)
        assert terms.exclusions == "the query itself and equal content"
    for direction in ACROSS:
        assert Terms(direction=direction, queries=queries).exclusions == "none"


def test_all_seen_and_sem_pcyc_alone_test_training_items() -> None:
    found = {name for name, facts in SETTINGS.items() if facts.tests_training_items}
    assert found == {"gzs/all_seen", "gzs/sem_pcyc"}


def test_every_setting_and_choice_of_queries_is_explained() -> None:
    assert all(facts.meaning for facts in SETTINGS.values())
    assert all(QUERIES.values())
