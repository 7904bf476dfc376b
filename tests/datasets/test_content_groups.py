"""Which pictures count as one: by the data set's word, byte for byte, and by chains of both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from datasets.base import DatasetIndex, Items
from datasets.content_groups import content_groups, with_content_groups


def items(names: Sequence[str], groups: Sequence[str] | None = None) -> Items:
    return Items(
        files=tuple(map(Path, names)),
        names=tuple(names),
        labels=np.arange(len(names), dtype=np.int64),
        groups=None if groups is None else tuple(groups),
    )


def grouped(found: Items, digests: Sequence[str]) -> Items:
    """The items with their groups, beside one sketch that is like none of them."""
    other = items(["other"])
    index = DatasetIndex((), other, found)
    whole = with_content_groups(index, {"sketch": ["unlike"], "photo": digests})
    assert whole.sketches.groups is None
    return whole.photos


def partition(found: Items) -> set[frozenset[str]]:
    """The names that share a group, those that stand alone left out."""
    groups = found.groups or [""] * len(found)
    return {
        frozenset(name for name, own in zip(found.names, groups, strict=True) if own == group)
        for group in set(groups) - {""}
    }


def closed_by_hand(
    names: Sequence[str], groups: Sequence[str], digests: Sequence[str]
) -> set[frozenset[str]]:
    """Join sets that share a name or a digest until none do."""
    sets = [{i} for i in range(len(names))]
    is_joined = True
    while is_joined:
        is_joined = False
        for one in sets:
            for other in sets:
                shares = any(
                    digests[i] == digests[j] or (groups[i] and groups[i] == groups[j])
                    for i in one
                    for j in other
                )
                if one is not other and shares:
                    one |= other
                    sets.remove(other)
                    is_joined = True
                    break
            if is_joined:
                break
    return {frozenset(names[i] for i in own) for own in sets if len(own) > 1}


def test_equal_contents_are_one_group_named_after_its_first_item() -> None:
    found = grouped(items("abcd"), ["x", "y", "y", "x"])
    assert found.groups == ("a", "b", "b", "a")


def test_a_picture_that_lies_in_one_place_has_no_group() -> None:
    assert grouped(items("abc"), ["x", "y", "x"]).groups == ("a", "", "a")


def test_items_that_the_data_set_calls_equal_stay_one_group() -> None:
    assert grouped(items("abc", ["g", "", "g"]), ["x", "y", "z"]).groups == ("a", "", "a")


def test_a_chain_of_name_and_content_is_one_group() -> None:
    # a and b by name, b and c by content, c and d by name.
    found = grouped(items("abcde", ["g", "g", "h", "h", ""]), ["1", "2", "2", "3", "4"])
    assert found.groups == ("a", "a", "a", "a", "")


def test_two_groups_of_the_data_set_become_one_by_equal_content() -> None:
    found = grouped(items("abcd", ["g", "h", "g", "h"]), ["1", "2", "3", "3"])
    assert found.groups == ("a",) * 4


def test_unnamed_items_are_not_joined_by_being_unnamed() -> None:
    assert grouped(items("abc", ["", "", ""]), ["1", "2", "2"]).groups == ("", "b", "b")


@pytest.mark.parametrize("groups", [None, ["", "", ""], ["g", "h", ""]])
def test_there_are_no_groups_where_nothing_repeats(groups: list[str] | None) -> None:
    assert grouped(items("abc", groups), ["1", "2", "3"]).groups is None


def test_everything_else_of_the_items_stays() -> None:
    before = items("abc", ["g", "g", ""])
    after = grouped(before, ["1", "2", "3"])
    assert (after.files, after.names) == (before.files, before.names)
    np.testing.assert_array_equal(after.labels, before.labels)


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_the_closure_of_both_relations(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"item{i}" for i in range(14)]
    groups = [rng.choice(["", "", "", "g", "h", "i"]) for _ in names]
    digests = [f"{rng.integers(12)}" for _ in names]
    found = grouped(items(names, groups), digests)
    assert partition(found) == closed_by_hand(names, groups, digests)


def test_the_order_of_the_items_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    names, groups = [f"item{i}" for i in range(9)], ["g", "g", "", "h", "", "h", "", "", "i"]
    digests = ["1", "2", "2", "3", "4", "5", "5", "6", "7"]
    expected = {frozenset({"item0", "item1", "item2"}), frozenset({"item3", "item5", "item6"})}
    for _ in range(4):
        order = rng.permutation(9)
        shuffled = items([names[i] for i in order], [groups[i] for i in order])
        assert partition(grouped(shuffled, [digests[i] for i in order])) == expected


def test_a_sketch_and_a_photo_of_one_content_share_a_group() -> None:
    index = DatasetIndex((), items(["s1", "s2"]), items(["p1", "p2", "p3"]))
    found = with_content_groups(index, {"sketch": ["x", "y"], "photo": ["z", "y", "w"]})
    assert found.sketches.groups == ("", "s2")
    assert found.photos.groups == ("", "s2", "")


def test_without_items_there_is_nothing_to_join() -> None:
    assert content_groups([], [], []) == ()
