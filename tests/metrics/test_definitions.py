"""Ids: complete ones are understood, ambiguous and unknown ones refused with what to write instead."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

import metrics
from metrics.definitions import DEFAULT, FAMILIES, parse
from metrics.functions import FUNCTIONS


@pytest.mark.parametrize(
    ("text", "pattern", "k"),
    [
        ("map@all", "map@all", None),
        ("map@200/min_k_r", "map@k/min_k_r", 200),
        ("map@5/k", "map@k/k", 5),
        ("p@10", "p@k", 10),
        ("p@10/capped", "p@k/capped", 10),
        ("recall@100/r", "recall@k/r", 100),
        ("mrr", "mrr", None),
        ("acc@1", "acc@k", 1),
    ],
)
def test_complete_id_gives_its_family_and_cut(text, pattern, k):
    metric = parse(text)
    assert (metric.id, metric.family.pattern, metric.k) == (text, pattern, k)


def test_default_set_is_complete_ids_in_the_agreed_order():
    assert [parse(text).id for text in DEFAULT] == [
        "map@all", "p@10", "p@100", "p@200", "recall@100/r", "hit@1", "mrr", "acc@1", "acc@5",
    ]  # fmt: skip


@pytest.mark.parametrize("variant", ["map@200/r", "map@200/k", "map@200/min_k_r"])
def test_map_at_200_is_refused_with_its_variants(variant):
    with pytest.raises(ValueError, match=f"'map@200' is ambiguous.*{variant} = "):
        parse("map@200")


@pytest.mark.parametrize("variant", ["recall@10/r", "hit@10"])
def test_recall_at_10_is_refused_with_both_its_readings(variant):
    with pytest.raises(ValueError, match=f"'recall@10' is ambiguous.*{variant} = "):
        parse("recall@10")


def test_bare_map_is_refused_with_map_at_all_among_its_variants():
    with pytest.raises(ValueError, match=r"'map' is ambiguous.*map@all = "):
        parse("map")


def test_unknown_id_is_refused_with_close_names_at_the_same_cut():
    with pytest.raises(ValueError, match=r"No metric named 'P@10'. Close names: p@10.* Known: map@all, "):
        parse("P@10")


def test_id_like_no_other_is_refused_without_close_names():
    with pytest.raises(ValueError, match=r"No metric named 'xyzzy'. Known: map@all, "):
        parse("xyzzy")


@pytest.mark.parametrize("text", ["p@0", "p@-3", "p@010", "p@k"])
def test_cut_must_be_a_whole_number_from_one(text):
    with pytest.raises(ValueError, match=r"k must be a whole number from 1, for example 'p@10'"):
        parse(text)


def test_every_number_has_one_function_and_every_function_a_definition():
    assert set(FUNCTIONS) == {name for name, family in FAMILIES.items() if not family.is_curve}


def test_every_definition_is_filled_in_and_frozen():
    for family in FAMILIES.values():
        assert all(getattr(family, field) for field in ("title", "formula", "source", "used_by"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        FAMILIES["p@k"].title = "other"


def test_definitions_load_without_numpy_and_torch():
    code = "import sys, metrics.definitions; print({'numpy', 'torch'} & set(sys.modules))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "set()"


def test_every_public_name_can_be_reached():
    assert all(hasattr(metrics, name) for name in metrics.__all__)


def test_unknown_attribute_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'evaluat'"):
        _ = metrics.evaluat
