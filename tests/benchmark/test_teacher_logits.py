"""Logits of a published classifier, from the backbone to `fit`: of seen photos alone, in their order."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from benchmark.display import SuiteDisplay
from benchmark.prepare import Where
from benchmark.records import Record
from benchmark.registry import load_plugin, register_backbone
from benchmark.runner import prepare_suite, run_suite
from benchmark.suite import Suite
from datasets.backbones import Backbone, BackboneCard
from datasets.backbones.weights import WeightsFile
from datasets.preprocessing import NORMALISATIONS

SEEN = ("cross", "square", "star")  # of `picture_root`; circle and wave are unseen, star is for validation
WIDTH = 8 * 8 * 3

PUPIL = '''
"""Keeps what `fit` is given, to be looked at."""
import numpy as np

from benchmark.registry import register_method
from methods.base import MethodCard, RetrievalMethod


@register_method(MethodCard(
    id="pupil", title="Pupil", pretraining=(), side_information=("teacher logits",), input="features",
    distance="euclidean", fidelity="baseline", deviations=(), is_random=True))
class Pupil(RetrievalMethod):
    def fit(self, seen, *, seed, progress):
        logits = seen.teacher_logits
        np.savez(r"{path}", logits=logits.numpy(), dtype=str(logits.dtype), labels=seen.photo_labels.numpy(),
                 names=np.array(seen.class_names), photos=seen.photos.numpy())
        return self

    def embed_sketches(self, batch):
        return batch

    embed_photos = embed_sketches
'''


class Pixels(Backbone):
    """Eight by eight pixels as they are, without a classifier."""

    family, layers = "pixels", ("flat",)
    card = BackboneCard(
        "pixels@flat", "Pixels", WIDTH, 8, NORMALISATIONS["unit"], "flat", "imagenet1k", "none", ()
    )

    def weights_file(self) -> WeightsFile:
        return WeightsFile(None, "0" * 64, "none", is_published=True)

    def load(self, device: str, normalisation: object) -> Any:
        return lambda pictures: pictures.permute(0, 2, 3, 1).float().flatten(1) / 255


class Classifier(Pixels):
    """The same with a head, which is read once."""

    family = "classifier"
    n_read = 0

    def head(self) -> tuple[torch.Tensor, torch.Tensor]:
        Classifier.n_read += 1
        return tuple(torch.from_numpy(part) for part in own_head())


def own_head() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(1000, WIDTH)).astype(np.float32), rng.normal(size=1000).astype(np.float32)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "given.npz"


@pytest.fixture
def run(
    open_registries: None, picture_root: Path, tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[Record]]:
    """Run the pupil and one that needs no teacher on a backbone; return their records."""
    for kind in (Pixels, Classifier):
        register_backbone(kind)
    monkeypatch.setattr(Classifier, "n_read", 0)
    plugin = tmp_path / "pupil.py"
    plugin.write_text(PUPIL.format(path=kept))
    load_plugin(plugin)
    where = Where(tmp_path / "cache", tmp_path / "results", data_root=picture_root)

    def run(backbone: str, **terms: Any) -> list[Record]:
        terms = {"methods": ("pupil", "centred"), "seeds": (0,), **terms}
        suite = Suite(name="t", title="t", dataset="folder", backbone=backbone, **terms)
        display = SuiteDisplay(Console(file=io.StringIO()))
        return [own.record for own in run_suite(prepare_suite(suite, where, display), display).runs]

    return run


def pixels_of(picture_root: Path, name: str) -> NDArray[np.float64]:
    paths = sorted((picture_root / "photo" / name).iterdir())
    pictures = [Image.open(path).convert("RGB").resize((8, 8), Image.Resampling.BICUBIC) for path in paths]
    return np.stack([np.asarray(picture, np.float64).ravel() / 255 for picture in pictures])


@pytest.mark.parametrize("feature_norm", ["centred", "raw"])
def test_fit_is_given_the_logits_of_its_seen_photos_in_their_order(
    feature_norm: str, run: Callable[..., list[Record]], kept: Path, picture_root: Path
) -> None:
    assert [record.status for record in run("classifier", feature_norm=feature_norm)] == ["complete"] * 2
    weight, bias = own_head()
    with np.load(kept) as given:
        assert given["dtype"] == "torch.float32"
        assert tuple(given["names"]) == SEEN
        assert given["labels"].tolist() == [label for label in range(len(SEEN)) for _ in range(3)]
        truth = np.concatenate([pixels_of(picture_root, name) for name in SEEN]) @ weight.T + bias
        np.testing.assert_allclose(given["logits"], truth, rtol=1e-3, atol=1e-3)
    assert len(np.unique(truth.round(2), axis=0)) == 9  # no two photos have the same logits


def test_no_row_of_logits_is_of_an_unseen_photo(
    run: Callable[..., list[Record]], kept: Path, picture_root: Path
) -> None:
    run("classifier")
    weight, bias = own_head()
    with np.load(kept) as given:
        assert given["logits"].shape == (9, 1000)
        for name in ("circle", "wave"):
            unseen = pixels_of(picture_root, name) @ weight.T + bias
            assert np.abs(given["logits"][:, None] - unseen).max(axis=2).min() > 0.5


def test_a_backbone_without_a_published_head_skips_the_method_with_the_reason(
    run: Callable[..., list[Record]], kept: Path
) -> None:
    pupil, centred = run("pixels")
    assert (pupil.status, centred.status) == ("skipped", "complete")
    assert pupil.reason == (
        "needs the logits of a published ILSVRC-1k classifier, and backbone 'pixels@flat' with these weights "
        "has none at the layer it is read at"
    )
    assert not kept.exists()


def test_the_head_is_read_once_for_all_runs(run: Callable[..., list[Record]]) -> None:
    records = run("classifier", methods=("pupil",), seeds=(0, 1, 2))
    assert [record.status for record in records] == ["complete"] * 3
    assert Classifier.n_read == 1
