"""Weights through the command line: what records and tables say of them, and that a dry run fetches none."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from rich.console import Console
from safetensors.torch import save_file
from torchvision.models.resnet import Bottleneck, ResNet

from benchmark import cli
from benchmark.display import SuiteDisplay
from benchmark.prepare import Where
from benchmark.records import Record
from benchmark.runner import prepare_suite, run_suite
from benchmark.suite import Suite
from datasets.backbones.torchvision_models import TorchvisionBackbone

Call = Callable[..., tuple[int, str, str]]
Run = Callable[..., Record]


@pytest.fixture
def where(picture_root: Path, tmp_path: Path) -> Where:
    return Where(tmp_path / "cache", tmp_path / "results", data_root=picture_root)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A narrow ResNet behind a URL, named as torchvision names its files; nothing is in the torch hub."""
    monkeypatch.setattr(
        torchvision.models, "get_model", lambda *_, **__: ResNet(Bottleneck, [1] * 4, width_per_group=4)
    )
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    torch.manual_seed(3)
    path = tmp_path / "resnet50.pth"
    torch.save(torchvision.models.get_model("resnet50").state_dict(), path)
    prefix = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    path = path.rename(path.with_stem(f"resnet50-{prefix}"))
    monkeypatch.setattr(TorchvisionBackbone, "_url", lambda self: path.as_uri())
    return path


@pytest.fixture
def other(published: Path) -> Path:
    """Weights of the same network that nobody published."""
    path = published.with_name("mine.safetensors")
    save_file(torchvision.models.get_model("resnet50").state_dict(), path)
    return path


@pytest.fixture
def run(where: Where, published: Path) -> Run:
    """Run one method on the features of the narrow ResNet with some weights; return the record."""

    def run(weights: str = "published", backbone: str = "resnet50") -> Record:
        suite = Suite(
            name="t", title="t", dataset="folder", methods=("frozen",), backbone=backbone, weights=weights
        )
        display = SuiteDisplay(Console(file=io.StringIO()))
        (own,) = run_suite(prepare_suite(suite, where, display), display).runs
        return own.record

    return run


@pytest.fixture
def call(where: Where, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the command line in process; return exit code and what was printed."""

    def call(verb: str, *flags: object) -> tuple[int, str, str]:
        places: list[object] = ["--results-dir", where.results_dir] if verb != "features" else []
        if verb != "table":
            places += ["--cache-dir", where.cache_dir, "--data-root", where.data_root, "--device", "cpu"]
        monkeypatch.setattr(sys, "argv", ["run_benchmark.py", *map(str, (verb, *flags, *places))])
        capsys.readouterr()
        code = cli.main()
        printed = capsys.readouterr()
        return code, " ".join(printed.out.split()), " ".join(printed.err.split())

    return call


def test_a_record_of_published_weights_names_them_and_their_label_set(run: Run, published: Path) -> None:
    record = run()
    assert (record.backbone, record.status) == ("resnet50@pooled", "complete")
    assert record.weights == "torchvision ResNet50_Weights.IMAGENET1K_V1"
    assert record.weights_sha256 == hashlib.sha256(published.read_bytes()).hexdigest()
    assert record.supervised_on == "imagenet1k"


def test_weights_of_unknown_origin_are_not_strictly_zero_shot(run: Run, other: Path, call: Call) -> None:
    record = run(str(other))
    assert record.weights == "file mine.safetensors"
    assert record.weights_sha256 == hashlib.sha256(other.read_bytes()).hexdigest()
    assert record.supervised_on == "unknown"
    code, out, _ = call("table", "--dataset", record.protocol.dataset)
    assert code == 0
    assert "resnet50@pooled was trained on unknown data: not strictly zero-shot." in out
    assert "backbone resnet50@pooled (file mine.safetensors), features centred" in out


def test_random_weights_are_called_a_trial(run: Run, call: Call) -> None:
    record = run("random")
    assert (record.weights, record.supervised_on) == ("random", "nothing")
    code, out, _ = call("table", "--dataset", record.protocol.dataset)
    assert code == 0
    assert "resnet50@pooled has random weights: a trial, no result." in out
    assert "not strictly zero-shot" not in out


def test_runs_of_other_weights_are_other_runs_and_stand_in_no_common_table(
    run: Run, other: Path, call: Call
) -> None:
    records = [run(weights) for weights in ("published", "random", str(other))]
    assert len({record.identity for record in records}) == 3
    assert run("random", "resnet50@pooled").identity == records[1].identity  # found again by its whole id
    code, _, err = call("table", "--dataset", records[0].protocol.dataset)
    assert code == 1
    assert "3 runs were not measured the same way: weights_sha256 is" in err
    assert "--weights" in err


@pytest.mark.parametrize("chosen", ["published", "random", "mine.safetensors"])
def test_tables_choose_runs_by_their_weights(run: Run, other: Path, call: Call, chosen: str) -> None:
    for weights in ("published", "random", str(other)):
        run(weights)
    code, out, _ = call("table", "--weights", chosen, "--format", "json")
    assert code == 0
    assert (chosen in json.loads(out)["weights"]) == (chosen != "published")


def test_a_suite_takes_the_runs_with_its_own_weights(run: Run, other: Path, call: Call) -> None:
    for weights in ("published", "random", str(other)):
        run(weights)
    suite = other.with_name("t.toml")
    suite.write_text(
        f'title = "t"\ndataset = "folder"\nmethods = ["frozen"]\nbackbone = "resnet50"\nweights = "{other}"\n'
    )
    code, out, _ = call("table", "--suite", suite, "--format", "json")
    assert code == 0
    assert json.loads(out)["weights"] == "file mine.safetensors"


def test_a_dry_run_fetches_nothing_and_says_what_a_run_would(
    published: Path, call: Call, where: Where, tmp_path: Path
) -> None:
    own = ("run", "--dry-run", "--dataset", "folder", "--methods", "frozen", "--backbone", "resnet50")
    code, out, _ = call(*own)
    assert code == 1
    place = where.cache_dir / "weights" / published.name
    assert f"cannot run: backbone 'resnet50@pooled': its weights {published.name} are not on this" in out
    assert f"A run fetches them from {published.as_uri()}; put the file at {place}, or pass it" in out
    assert not (where.cache_dir / "weights").exists()
    assert not (tmp_path / "hub").exists()
    assert call("features", "--datasets", "folder", "--backbones", "resnet50")[0] == 0
    assert place.read_bytes() == published.read_bytes()
    code, out, _ = call(*own)
    assert code == 0
    assert "30 of 30 different pictures cached" in out


def test_features_whose_weights_cannot_be_reached_stop_before_a_picture_is_read(
    published: Path, call: Call, where: Where
) -> None:
    published.unlink()
    code, out, err = call("features", "--datasets", "folder", "--backbones", "resnet50")
    assert (code, out) == (1, "")
    assert f"its weights {published.name} are not on this machine and cannot be fetched" in err
    assert not list(where.cache_dir.rglob("*.npy"))


def test_a_weights_file_that_is_not_there_is_the_users_error(published: Path, call: Call) -> None:
    own = ("run", "--dataset", "folder", "--methods", "frozen", "--backbone", "resnet50")
    code, _, err = call(*own, "--weights", "gone.pth")
    assert code == 1
    assert "weights of backbone 'resnet50@pooled': gone.pth is not there. Give a file of tensors" in err


def test_a_weights_file_of_another_network_fails_with_what_does_not_fit(
    published: Path, call: Call, tmp_path: Path
) -> None:
    save_file({"conv1.weight": torch.ones(3)}, tmp_path / "odd.safetensors")
    own = ("features", "--datasets", "folder", "--backbones", "resnet50", "--weights")
    code, _, err = call(*own, tmp_path / "odd.safetensors")
    assert code == 1
    assert "odd.safetensors do not fit: " in err
    assert "missing or of another shape (conv1.weight, " in err


def test_the_same_weights_under_another_name_are_a_run_that_tables_find_by_it(
    run: Run, other: Path, call: Call
) -> None:
    renamed = other.with_name("renamed.safetensors")
    renamed.write_bytes(other.read_bytes())
    records = [run(str(path)) for path in (other, renamed)]
    assert records[0].weights_sha256 == records[1].weights_sha256
    assert records[0].identity != records[1].identity
    code, out, _ = call("table", "--weights", "renamed.safetensors", "--format", "json")
    assert code == 0
    assert json.loads(out)["weights"] == "file renamed.safetensors"
