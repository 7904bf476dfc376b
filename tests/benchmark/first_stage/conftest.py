"""A small real data set whose pictures a small network can be fine-tuned on, and its places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.prepare import Where
from benchmark.registry import load_plugin

CLASSES = ("circle", "cross", "square", "star", "wave")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five classes of six sketches and photos, noise around a colour, no two alike."""
    root, rng = tmp_path / "shapes", np.random.default_rng(0)
    for name in CLASSES:
        for modality in ("sketch", "photo"):
            colour = rng.uniform(80, 170, 3)
            folder = root / modality / name
            folder.mkdir(parents=True)
            for i in range(6):
                pixels = colour + rng.normal(0, 50, (12, 12, 3))
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{i}.png")
    (root / "split.toml").write_text('unseen = ["circle", "wave"]\nvalidation = ["star"]\n')
    return root


@pytest.fixture
def where(root: Path, tmp_path: Path, small_net: Path, write_plugin: Callable[..., Path]) -> Where:
    """Places of one test; the backbone `small_net` and a method on pictures are there."""
    load_plugin(write_plugin("mean_colour"))
    return Where(tmp_path / "cache", tmp_path / "results", root)
