"""Sequences of texts that share their beginnings behave like the tuples they stand for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datasets.joined import Joined, joined_paths

WORDS = ("a/1", "b/2", "a/3", "b/4", "a/5")


@pytest.fixture
def joined() -> Joined[str]:
    return Joined(["a/", "b/"], np.array([0, 1, 0, 1, 0], np.int32), list("12345"), str)


def test_entries_are_beginning_and_ending_in_order(joined: Joined[str]) -> None:
    assert tuple(joined) == WORDS


@pytest.mark.parametrize("position", [0, 4, -1, -5, np.int64(3)])
def test_an_entry_is_found_by_its_position(joined: Joined[str], position: int) -> None:
    assert joined[position] == WORDS[position]


@pytest.mark.parametrize("position", [5, -6])
def test_a_position_out_of_range_is_an_index_error(joined: Joined[str], position: int) -> None:
    with pytest.raises(IndexError):
        joined[position]


@pytest.mark.parametrize(
    "part", [slice(1, 3), slice(None), slice(-2, None), slice(None, None, -2), slice(9, 12)]
)
def test_a_slice_is_a_shorter_sequence_of_the_same_entries(joined: Joined[str], part: slice) -> None:
    found = joined[part]
    assert tuple(found) == WORDS[part]
    assert len(found) == len(WORDS[part])


def test_it_can_be_searched_counted_and_reversed(joined: Joined[str]) -> None:
    assert "b/4" in joined
    assert "b/1" not in joined
    assert joined.index("a/3") == 2
    assert joined.count("a/1") == 1
    assert tuple(reversed(joined)) == WORDS[::-1]


def test_beginnings_and_endings_of_other_number_are_refused() -> None:
    with pytest.raises(ValueError, match="2 beginnings for 1 endings"):
        Joined(["a"], np.array([0, 0], np.int32), ["x"], str)


def test_entries_are_made_when_they_are_asked_for() -> None:
    made: list[str] = []
    joined = Joined(["a"], np.zeros(3, np.int32), list("xyz"), made.append)
    assert made == []
    joined[1]
    assert made == ["ay"]


def test_paths_join_folder_and_file_name() -> None:
    folders = [Path("data", "cat"), Path("data", "dog")]
    paths = joined_paths(folders, np.array([1, 0], np.int32), ["x.png", "y.jpg"])
    assert list(paths) == [Path("data/dog/x.png"), Path("data/cat/y.jpg")]
