"""The search for leaks finds one planted leak of every kind: only so does finding nothing mean something."""

import functools
import mmap
import types
import weakref
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark.contract.leaks import Secrets, find_leaks, reachable, texts_in_folder

WORD = Secrets(texts=frozenset({"boat"}))
ROW = np.array([0.5, -2.0, 1.25, 0.75])
ROWS = Secrets(rows=(ROW[None],))


class Holder:
    """Something with attributes, as a method is given."""

    def __init__(self, **attributes):
        vars(self).update(attributes)

    def act(self):
        """A method, to be bound."""


class Slotted:
    __slots__ = ("name",)


@dataclass(frozen=True)
class Runner:
    """Knows what a method must not know."""

    class_names: tuple[str, ...] = ("bird", "boat")


def kinds(thing, secrets):
    return {leak.kind for leak in find_leaks({"seen": thing}, secrets)}


def closure_over(thing):
    return lambda: thing


def suspended(thing):
    yield thing


def with_default(thing):
    def function(hidden=thing):
        return hidden

    return function


def slotted(thing):
    holder = Slotted()
    holder.name = thing
    return holder


RUNNER = Runner()
HOOKED = torch.nn.Module()
HOOKED.register_forward_hook(closure_over(RUNNER))
SUSPENDED = suspended(RUNNER)
next(SUSPENDED)


@pytest.mark.parametrize(
    "thing",
    [
        "boat",
        "photo/boat/7.png",
        "Unseen_Boat",
        b"photo/boat/7.png",
        Path("photo/boat/7.png"),
        {"boat": 1},
        [("bird", {"deep": {"boat"}})],
        Holder(note="the boat"),
        slotted("boat"),
        RUNNER,
        closure_over(RUNNER),
        with_default(RUNNER),
        functools.partial(print, RUNNER),
        Holder(runner=RUNNER).act,
        ["boat"].append,
        SUSPENDED,
        iter([RUNNER]),
        types.MappingProxyType({"x": RUNNER}),
        weakref.ref(RUNNER),
        np.array(["bird", "boat"]),
        np.array([RUNNER], dtype=object),
        HOOKED,
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_a_secret_name_is_found_wherever_it_hangs(thing):
    assert "text" in kinds(thing, WORD)


def test_a_name_is_found_on_a_tensor_and_on_a_function():
    tensor, function = torch.zeros(1), closure_over(None)
    tensor.note = function.note = "boat"
    assert kinds(tensor, WORD) == kinds(function, WORD) == {"text"}


@pytest.mark.parametrize("text", ["boating", "lifeboats", "bird", "rowboat3"])
def test_a_name_inside_a_longer_word_is_no_leak(text):
    assert not kinds(text, WORD)


def test_an_allowed_text_is_no_leak():
    allowed = Secrets(texts=frozenset({"boat"}), allowed=frozenset({"boat house"}))
    assert not kinds(["boat house"], allowed)
    assert kinds(["the boat house"], allowed) == {"text"}


def test_a_leak_tells_how_it_was_reached():
    (leak,) = find_leaks({"seen": Holder(names=("bird", "boat"))}, WORD)
    assert leak.path.startswith("seen > ")
    assert leak.path.endswith("tuple > str")
    assert leak.what == "boat"


@pytest.mark.parametrize(
    "numbers",
    [
        torch.tensor(ROW),
        torch.tensor(ROW).float(),
        torch.tensor(np.stack([ROW + 1, ROW])).half(),
        torch.tensor(np.stack([ROW + 1, ROW])).T.contiguous(),
        torch.cat([torch.zeros(3), torch.tensor(ROW).float(), torch.zeros(2)]),
        ROW.copy(),
        np.stack([ROW, ROW + 1]).T.copy(),
        ROW.tolist(),
        ROW.astype(np.float32).tobytes(),
    ],
    ids=lambda numbers: type(numbers).__name__,
)
def test_a_secret_row_is_found_in_every_form(numbers):
    assert "row" in kinds(Holder(values=numbers), ROWS)


@pytest.mark.parametrize("numbers", [torch.tensor(ROW) + 0.01, torch.tensor(ROW[:3]), ROW[::-1].copy()])
def test_other_numbers_are_no_leak(numbers):
    assert not kinds(numbers, ROWS)


def test_a_row_hidden_in_the_storage_beside_the_tensor_is_found():
    whole = torch.tensor(np.stack([ROW + 1, ROW]))
    assert kinds(whole[:1], ROWS) == {"larger", "row"}


def test_a_row_hidden_in_the_base_of_an_array_is_found():
    whole = np.stack([ROW + 1, ROW])
    assert kinds(whole[:1], ROWS) == {"larger", "row"}


def test_a_gradient_is_searched():
    tensor = torch.zeros(4, requires_grad=True)
    tensor.grad = torch.tensor(ROW).float()
    assert kinds(tensor, ROWS) == {"row"}


def test_a_tensor_that_remembers_its_origin_is_found():
    assert kinds(torch.zeros(4, requires_grad=True) * 2, Secrets()) == {"history"}


def test_memory_shared_with_a_secret_array_is_found():
    secret = np.zeros((8, 4), np.float32)
    secrets = Secrets(memory=(secret,))
    # Neither tensor knows how much larger the array is: only the address tells.
    assert kinds(torch.from_numpy(secret[:2]), secrets) == {"memory"}
    assert "memory" in kinds(secret[6:], secrets)
    assert not kinds(torch.from_numpy(secret[:2].copy()), secrets)


def test_a_slice_of_a_memory_map_leads_to_its_file(tmp_path):
    path = tmp_path / "boat.npy"
    np.save(path, np.stack([ROW, ROW + 1]))
    mapped = np.load(path, mmap_mode="r")[1:]
    assert kinds(mapped, Secrets(texts=WORD.texts, rows=ROWS.rows)) == {"file", "larger", "row", "text"}


def test_an_array_without_a_name_still_leads_to_the_mapped_file(tmp_path):
    path = tmp_path / "rows.bin"
    path.write_bytes(ROW.tobytes())
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        array = np.frombuffer(mapped)
        assert kinds(array, Secrets()) == {"file"}
        del array


def test_an_open_file_is_found(tmp_path):
    with (tmp_path / "x").open("w") as file:
        assert "file" in kinds(file, Secrets())


def test_modules_classes_and_global_names_are_not_followed():
    assert [thing for _, thing in reachable({"a": np, "b": Runner})] == []
    assert not kinds(test_a_leak_tells_how_it_was_reached, WORD)


def test_things_that_hold_each_other_are_visited_once():
    one, other = Holder(), Holder()
    one.other, other.one = other, one
    visited = [thing for _, thing in reachable({"one": one})]
    assert [visited.count(thing) for thing in (one, other)] == [1, 1]


def test_names_of_files_and_folders_and_their_texts_are_listed(tmp_path):
    (tmp_path / "boat").mkdir()
    (tmp_path / "boat" / "rows.npy").write_bytes(b"\xff\xfe")
    (tmp_path / "manifest.json").write_text('{"files": ["a boat"]}')
    texts = texts_in_folder(tmp_path)
    assert texts == ["boat", "boat/rows.npy", "manifest.json", '{"files": ["a boat"]}']
