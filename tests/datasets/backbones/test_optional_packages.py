"""The extras beside our own package `datasets`, whose name a popular package bears too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import datasets
from benchmark.errors import BenchmarkError
from benchmark.registry import BACKBONES
from datasets.backbones import make_backbone

ROOT = Path(datasets.__file__).parents[1]

NETWORK = '''
import datasets  # as timm's own readers do, where they find one
import torch

__version__ = "0.0"


class Network(torch.nn.Module):
    """The mean of each channel, times 1, 2 and 3."""

    num_features = 3

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.arange(1.0, 4.0))

    def get_classifier(self):
        return torch.nn.Identity()

    def forward_features(self, pictures):
        return pictures

    def forward_head(self, maps, pre_logits):
        return maps.mean((2, 3)) * self.scale

    def forward(self, pictures):
        return self.forward_head(pictures, True)


class Both(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.visual = Network()
'''
STUBS = {
    "timm": NETWORK
    + """
from types import SimpleNamespace

CONFIG = SimpleNamespace(
    input_size=(3, 4, 4), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), tag="a_in1k", license=None
)
models = SimpleNamespace(get_pretrained_cfg=lambda model: CONFIG)
list_models = lambda pretrained: ["mean.a_in1k"]
is_model = lambda name: name == "mean"
create_model = lambda model, pretrained: Network()
""",
    "open_clip": NETWORK
    + """
list_pretrained = lambda: [("mean", "made")]
get_pretrained_cfg = lambda model, tag: {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
get_model_config = lambda model: {"embed_dim": 3, "vision_cfg": {"image_size": 4}}
create_model = lambda model, pretrained_hf, force_quick_gelu: Both()
""",
}
IDS = {"timm": "timm:mean.a_in1k", "open_clip": "open_clip:mean/made"}
REAL = {"timm": "timm:test_resnet.r160_in1k", "open_clip": "open_clip:tiny/made"}
TINY = """
import open_clip

open_clip.factory._MODEL_CONFIGS["tiny"] = {
    "embed_dim": 96,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1},
}
facts = {"url": "", "hf_hub": "nobody/tiny/", "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
open_clip.pretrained._PRETRAINED["tiny"] = {"made": facts}
"""

FEATURES = """
import json, sys, torch
from datasets.backbones import make_backbone
from datasets.backbones.weights import Weights

backbone = make_backbone(sys.argv[1], Weights("random"))
size = backbone.card.image_size
colours = torch.tensor([[255, 51, 0], [0, 0, 255]], dtype=torch.uint8)
pictures = colours.view(2, 3, 1, 1).expand(2, 3, size, size)
features = backbone.load("cpu", backbone.card.normalisation)(pictures)
print(json.dumps({
    "datasets": sys.modules["datasets"].__file__,
    "package": sys.modules[sys.argv[2]].__file__,
    "shape": list(features.shape),
    "features": features[:, :3].tolist(),
}))
"""
IMPORT_FIRST = """
import importlib, sys
importlib.import_module(sys.argv[2])  # where a package called `datasets` lies that nobody may import
assert "datasets" not in sys.modules
sys.path.insert(0, sys.argv[3])
"""


def run(code: str, *arguments: object, cwd: Path, path: Path | None = None) -> dict[str, Any]:
    environment = {**os.environ, **({"PYTHONPATH": str(path)} if path else {})}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def popular_datasets(folder: Path) -> None:
    """A package with the name of ours, which says so when it is imported."""
    package = folder / "datasets"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('raise SystemExit("the popular package was imported")\n')


@pytest.mark.parametrize("package", STUBS)
def test_an_extra_runs_beside_our_package(package: str, tmp_path: Path) -> None:
    popular_datasets(tmp_path)
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text(STUBS[package])
    found = run(FEATURES, IDS[package], package, cwd=ROOT, path=tmp_path)
    assert Path(found["datasets"]) == ROOT / "datasets" / "__init__.py"
    assert Path(found["package"]) == tmp_path / package / "__init__.py"
    assert found["features"] == [pytest.approx([1, 0.4, 0]), pytest.approx([0, 0, 3])]


@pytest.mark.slow  # 4 s each: a new process that loads the whole package
@pytest.mark.parametrize("package", REAL)
def test_the_real_package_imports_no_other_datasets_and_leaves_ours_alone(
    package: str, tmp_path: Path
) -> None:
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    popular_datasets(tmp_path)
    tiny = TINY if package == "open_clip" else ""
    found = run(IMPORT_FIRST + tiny + FEATURES, REAL[package], package, ROOT, cwd=tmp_path)
    assert Path(found["datasets"]) == ROOT / "datasets" / "__init__.py"
    assert found["shape"] == [2, 96]


@pytest.mark.parametrize(
    ("backbone_id", "package", "command"),
    [
        ("timm:resnet18.a1_in1k", "timm", 'pip install -e ".[timm]"'),
        ("open_clip:ViT-B-32/openai", "open_clip_torch", 'pip install -e ".[open_clip]"'),
    ],
)
def test_a_missing_extra_is_named_with_its_install_command(
    backbone_id: str, package: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = backbone_id.partition(":")[0]
    monkeypatch.setitem(sys.modules, family, None)  # as Python has it where an import is blocked
    with pytest.raises(BenchmarkError) as caught:
        make_backbone(backbone_id)
    assert f"the Python package {package}, which is not installed. Run: {command}" in str(caught.value)
    assert BACKBONES.get(family).lacks() == f"needs {package}: {command}"


@pytest.mark.parametrize("family", ["timm", "open_clip"])
def test_an_extra_that_is_there_lacks_nothing(family: str) -> None:
    if find_spec(family) is None:
        pytest.skip(f"{family} is not installed")
    assert BACKBONES.get(family).lacks() == ""
