"""Published weights: found where they lie, fetched once and checked, and what is said when they cannot be."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from torch import nn

import datasets.ledger
from benchmark.errors import BenchmarkError
from datasets.backbones import Backbone, make_backbone
from datasets.backbones.torchvision_models import TorchvisionBackbone
from datasets.backbones.weights import Weights
from datasets.ledger import FileLedger


@pytest.fixture
def published(network_of, save_weights, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file named by its hash behind a URL, as torchvision publishes one; nothing is in the torch hub."""
    path = save_weights(network_of("resnet50").state_dict(), "resnet50.pth", named_by_hash=True)
    monkeypatch.setattr(TorchvisionBackbone, "_url", lambda self: path.as_uri())
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "weights"


def resnet50(folder: Path, **options: bool) -> Backbone:
    return make_backbone("resnet50", Weights(folder=folder, **options))


def test_a_file_is_fetched_once_and_kept_in_the_folder(published: Path, folder: Path) -> None:
    found = resnet50(folder).weights_file()
    assert found.path == folder / published.name
    assert found.path.read_bytes() == published.read_bytes()
    assert found.sha256 == hashlib.sha256(published.read_bytes()).hexdigest()
    assert (found.origin, found.is_published) == ("torchvision ResNet50_Weights.IMAGENET1K_V1", True)
    published.unlink()
    assert resnet50(folder).supervised_on == "imagenet1k"
    assert isinstance(resnet50(folder).whole(), nn.Module)


@pytest.mark.parametrize("place", ["folder", "hub"])
def test_a_file_that_lies_on_this_machine_is_not_fetched(
    place: str, published: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = (folder if place == "folder" else tmp_path / "hub" / "checkpoints") / published.name
    own.parent.mkdir(parents=True)
    published.rename(own)
    assert resnet50(folder, may_fetch=False).weights_file().path == own
    assert resnet50(folder).weights_file().path == own


def test_without_a_folder_of_its_own_a_file_goes_to_the_torch_hub(published: Path, tmp_path: Path) -> None:
    assert make_backbone("resnet50").weights_file().path == tmp_path / "hub" / "checkpoints" / published.name


def test_a_file_with_a_wrong_hash_is_refused_and_leaves_nothing(published: Path, folder: Path) -> None:
    published.write_bytes(published.read_bytes() + b" ")
    prefix = published.stem.rpartition("-")[2]
    with pytest.raises(
        BenchmarkError,
        match=rf'cannot be fetched \(invalid hash value \(expected "{prefix}", got "[0-9a-f]+"',
    ):
        resnet50(folder).weights_file()
    assert list(folder.iterdir()) == []


def test_a_file_that_was_damaged_since_is_refused_with_the_remedy(published: Path, folder: Path) -> None:
    path = resnet50(folder).weights_file().path
    path.write_bytes(path.read_bytes()[:1000])
    prefix = published.stem.rpartition("-")[2]
    with pytest.raises(
        BenchmarkError,
        match=rf"'resnet50@pooled': {path} has sha256 [0-9a-f]{{16}}…, expected {prefix}…\. Remove it: ",
    ):
        resnet50(folder).weights_file()


def test_a_file_that_cannot_be_reached_is_asked_for_with_every_way_to_give_it(
    published: Path, folder: Path
) -> None:
    published.unlink()
    with pytest.raises(
        BenchmarkError,
        match=rf"backbone 'resnet50@pooled': its weights {published.name} are not on this machine and "
        rf"cannot be fetched \(<urlopen error .*Get them from {published.as_uri()} on one that can; put the "
        rf"file at {folder / published.name}, or pass it with --weights FILE\. --weights random runs without",
    ):
        resnet50(folder).weights_file()
    assert list(folder.iterdir()) == []


def test_nothing_is_fetched_where_that_is_not_allowed(published: Path, folder: Path) -> None:
    with pytest.raises(
        BenchmarkError,
        match=rf"its weights {published.name} are not on this machine\. A run fetches them from "
        rf"{published.as_uri()}; put the file at {folder / published.name}, or pass it with --weights FILE",
    ):
        resnet50(folder, may_fetch=False).weights_file()
    assert not folder.exists()


def test_a_published_file_passed_by_hand_counts_as_published(published: Path) -> None:
    backbone = make_backbone("resnet50", Weights(str(published)))
    assert backbone.supervised_on == "imagenet1k"
    assert backbone.head()[0].shape == (1000, 2048)


def test_a_ledger_spares_the_second_hashing_of_a_file(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def reading(path: Path) -> str:
        read.append(path)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr(datasets.ledger, "file_sha256", reading)
    ledger = FileLedger(tmp_path / "files.sqlite")
    sha256 = [
        make_backbone("resnet50", Weights(str(published), ledger=ledger)).weights_sha256() for _ in "ab"
    ]
    assert sha256 == [hashlib.sha256(published.read_bytes()).hexdigest()] * 2
    assert read == [published]


@pytest.mark.parametrize("family", ["vgg16", "resnet50", "vit_b_16"])
def test_torchvisions_own_files_are_named_by_their_hash(family: str) -> None:
    backbone = make_backbone(family)
    assert int(backbone._hash_prefix(), 16) >= 0
    assert len(backbone._hash_prefix()) == 8
    assert backbone._url().startswith(f"https://download.pytorch.org/models/{family}-")
