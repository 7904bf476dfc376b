"""Weights: files read without running them, random ones, and what is known of either."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmark.errors import BenchmarkError
from datasets.backbones import make_backbone
from datasets.backbones.weights import Weights, read_tensors

STATE = {"layer.weight": torch.arange(6.0).view(2, 3), "layer.bias": torch.ones(2)}


class Trap:
    """An object whose pickle writes a file when it is read."""

    def __init__(self, written: Path) -> None:
        self.written = written

    def __reduce__(self) -> Any:
        return Path.touch, (self.written,)


def same(found: dict[str, Tensor], expected: dict[str, Tensor] = STATE) -> bool:
    return found.keys() == expected.keys() and all(
        torch.equal(found[name], expected[name]) for name in expected
    )


PREFIXED = {f"module.{name}": tensor for name, tensor in STATE.items()}


@pytest.mark.parametrize("name", ["w.pth", "w.pt", "w.bin", "w.ckpt"])
@pytest.mark.parametrize(
    "content",
    [
        STATE,
        PREFIXED,
        {"state_dict": STATE, "optimizer": {"lr": 0.1}, "epoch": 3},
        {"state_dict": PREFIXED, "args": ["a", 1]},
        {"model": STATE},
        {"epoch": 1, "model_state_dict": PREFIXED},
        {"encoder": PREFIXED, "opt": {}},
    ],
)
def test_tensors_are_found_in_what_training_programs_save(tmp_path: Path, name: str, content: Any) -> None:
    torch.save(content, tmp_path / name)
    assert same(read_tensors(tmp_path / name))


@pytest.mark.parametrize("content", [STATE, PREFIXED])
def test_safetensors_are_read_with_the_prefix_of_parallel_training_taken_off(
    save_weights, content: dict[str, Tensor]
) -> None:
    assert same(read_tensors(save_weights(content)))


@pytest.mark.parametrize("is_zip", [True, False])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path, is_zip: bool) -> None:
    written, path = tmp_path / "ran", tmp_path / "weights.pth"
    torch.save({"state_dict": {**STATE, "trap": Trap(written)}}, path, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(
        BenchmarkError,
        match=r"weights\.pth hold more than tensors, and code in them is not run\. Save the state",
    ):
        read_tensors(path)
    assert not written.exists()
    torch.load(path, weights_only=False)
    assert written.exists()  # it would have


def test_a_saved_network_or_program_is_refused_as_code(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "network.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather that nobody wrote such files
        torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)).save(tmp_path / "program.pt")
        for name in ("network.pt", "program.pt"):
            with pytest.raises(BenchmarkError, match=rf"{name} hold more than tensors, .*save_file"):
                read_tensors(tmp_path / name)


@pytest.mark.parametrize("kept", [0, 1, 20, 60, -3])
@pytest.mark.parametrize("kind", ["safetensors", "zip", "older"])
def test_a_truncated_file_is_named(tmp_path: Path, save_weights, kind: str, kept: int) -> None:
    path = save_weights(STATE) if kind == "safetensors" else tmp_path / "w.pth"
    if kind != "safetensors":
        torch.save(STATE, path, _use_new_zipfile_serialization=kind == "zip")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(
        BenchmarkError, match=rf"weights \S+{path.name} cannot be read: \S.*Fetch the file again"
    ):
        read_tensors(path)


@pytest.mark.parametrize(
    "content", [b"<html>404</html>", b"hello", b"version https://git-lfs.github.com/spec/v1"]
)
@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_a_file_that_is_something_else_cannot_be_read(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BenchmarkError, match=rf"{name} cannot be read: "):
        read_tensors(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "found"),
    [([torch.ones(1)], "<class 'list'>"), ({"epoch": 3, "net": STATE}, "epoch, net"), (3, "<class 'int'>")],
)
def test_a_file_without_a_state_dict_is_refused_with_what_it_holds(
    tmp_path: Path, content: Any, found: str
) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(
        BenchmarkError, match=rf"w\.pth hold no state dict \(found: {found}\)\. Save one with"
    ):
        read_tensors(tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("name", "fault"),
    [("gone.pth", "is not there"), ("notes.txt", "is not a weights file"), ("folder.pth", "is not there")],
)
def test_what_is_no_weights_file_is_refused_before_it_is_read(tmp_path: Path, name: str, fault: str) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "folder.pth").mkdir()
    path = tmp_path / name
    with pytest.raises(
        BenchmarkError,
        match=rf"weights of backbone 'resnet50@pooled': {path} {fault}\. Give a file of tensors "
        r"\(\.safetensors, \.pth, \.pt, \.bin, \.ckpt\), or the word 'random'",
    ):
        make_backbone("resnet50", Weights(str(path))).weights_file()


def test_the_sha256_of_a_file_is_that_of_its_bytes(tmp_path: Path, save_weights) -> None:
    path = save_weights(STATE)
    found = make_backbone("resnet50", Weights(str(path))).weights_file()
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.path, found.origin, found.is_published) == (path, "file weights.safetensors", False)


def test_a_file_that_changed_has_another_sha256(save_weights) -> None:
    path = save_weights(STATE)
    backbone = make_backbone("resnet50", Weights(str(path)))
    before = backbone.weights_sha256()
    path.write_bytes(path.read_bytes()[::-1])
    assert backbone.weights_sha256() == hashlib.sha256(path.read_bytes()).hexdigest() != before


def test_random_weights_are_the_same_everywhere_and_leave_the_generator_alone(
    narrow: None, pictures: Tensor
) -> None:
    first = make_backbone("resnet50", Weights("random"))
    torch.manual_seed(1)
    drawn = torch.rand(3)
    torch.manual_seed(1)
    features = first.load("cpu", first.card.normalisation)(pictures)
    assert torch.equal(torch.rand(3), drawn)
    second = make_backbone("resnet50", Weights("random"))
    torch.manual_seed(99)
    assert torch.equal(second.load("cpu", second.card.normalisation)(pictures), features)
    assert first.weights_sha256() == second.weights_sha256()
    assert len(first.weights_sha256()) == 64


def test_random_weights_of_other_networks_have_other_names(narrow: None) -> None:
    names = {
        make_backbone(name, Weights("random")).weights_sha256() for name in ("vgg16", "resnet50", "vit_b_16")
    }
    assert len(names) == 3


def test_random_weights_are_never_taken_without_being_asked_for(
    narrow: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    backbone = make_backbone("resnet50", Weights(folder=tmp_path, may_fetch=False))
    with pytest.raises(BenchmarkError, match="are not on this machine"):
        backbone.load("cpu", backbone.card.normalisation)
    assert make_backbone("resnet50", Weights("random")).weights_file().origin == "random"
