"""A small real data set on disk, plugins, and the command line in process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

CLASSES = {"circle": "red", "cross": "green", "square": "blue", "star": "orange", "wave": "purple"}

MEAN_COLOUR = '''
"""Mean colour: a floor, and the smallest picture method there can be."""
import time
from pathlib import Path

from benchmark.registry import register_method
from methods.base import MethodCard, RetrievalMethod


@register_method(MethodCard(
    id="{id}", title="Mean colour", pretraining=(), side_information=(), input="images", distance="euclidean",
    fidelity="baseline", deviations=(), is_random=False))
class MeanColour(RetrievalMethod):
    def fit(self, seen, *, seed, progress):
        {fit}
        return self

    def embed_sketches(self, batch):
        return batch.mean(dim=(2, 3))

    embed_photos = embed_sketches
'''


@pytest.fixture(scope="session")
def picture_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder data set of five classes: three sketches and three photos each, drawn with Pillow."""
    root = tmp_path_factory.mktemp("data") / "shapes"
    for position, (name, colour) in enumerate(CLASSES.items()):
        for modality in ("sketch", "photo"):
            folder = root / modality / name
            folder.mkdir(parents=True)
            for i in range(3):
                picture = Image.new("RGB", (40, 40), "white" if modality == "sketch" else colour)
                ImageDraw.Draw(picture).ellipse((5, 5, 12 + 4 * i, 10 + 5 * position), outline="black")
                picture.save(folder / f"{name}-{i}.png")
    (root / "split.toml").write_text('unseen = ["circle", "wave"]\nvalidation = ["star"]\n')
    return root


@pytest.fixture
def write_plugin(tmp_path: Path) -> Callable[..., Path]:
    """Write a plugin file whose `fit` runs the given statement."""

    def write(method_id: str, fit: str = "pass") -> Path:
        path = tmp_path / f"{method_id}.py"
        path.write_text(MEAN_COLOUR.format(id=method_id, fit=fit))
        return path

    return write
