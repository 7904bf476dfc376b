"""`features`: extraction ahead of the runs, for lists of data sets and backbones."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from benchmark import cli
from benchmark.registry import register_backbone, register_dataset
from datasets.backbones import Backbone, BackboneCard
from datasets.backbones.weights import WeightsFile
from datasets.folder import Folder
from datasets.preprocessing import NORMALISATIONS

Call = Callable[..., tuple[int, str, str]]
N_PICTURES = 30  # of `picture_root`: five classes, three sketches and three photos each


class Mean(Backbone):
    """The mean of each channel, counted."""

    family, layers = "mean", ("colour",)
    card = BackboneCard("mean@colour", "Mean", 3, 8, NORMALISATIONS["unit"], "mean", "nothing", "none", ())
    n_embedded: ClassVar[int] = 0

    def weights_file(self) -> WeightsFile:
        return WeightsFile(None, "0" * 64, "none", is_published=True)

    def load(self, device: str, normalisation: object) -> Any:
        def embed(pictures: Any) -> Any:
            Mean.n_embedded += len(pictures)
            return pictures.float().mean((2, 3)) / 255

        return embed


class Darkest(Mean):
    """The least of each channel."""

    family, layers = "darkest", ("colour",)
    card = replace(Mean.card, id="darkest@colour", readout="least")

    def load(self, device: str, normalisation: object) -> Any:
        return lambda pictures: pictures.float().amin((2, 3)) / 255


class Placed(Folder):
    """A folder of pictures found without --data-root."""

    place = Path()

    def __init__(self, **places: Any) -> None:
        super().__init__(**{**places, "root": None})
        self.root = self.place


@pytest.fixture(autouse=True)
def registered(
    open_registries: None, picture_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Two quick backbones; two data sets of the same pictures, of which the second may be changed."""
    own = tmp_path / "own"
    shutil.copytree(picture_root, own)
    monkeypatch.setattr(Mean, "n_embedded", 0)
    monkeypatch.setattr("datasets.extraction.n_threads", lambda: 1)
    for kind in (Mean, Darkest):
        register_backbone(kind)
    for name, place in (("here", picture_root), ("there", own)):
        card = replace(Folder.card, id=name, needs_root=False)
        register_dataset(type(name.title(), (Placed,), {"place": place, "card": card}))
    return own


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call a verb in process with a cache of its own; return exit code and what was printed."""

    def call(verb: str, *flags: object) -> tuple[int, str, str]:
        places = ["--cache-dir", tmp_path / "cache"]
        if "--device" not in flags:
            places += ["--device", "cpu"]
        if verb == "run":
            places += ["--results-dir", tmp_path / "results"]
        monkeypatch.setattr(sys, "argv", ["run_benchmark.py", *map(str, (verb, *flags, *places))])
        capsys.readouterr()
        code = cli.main()
        printed = capsys.readouterr()
        return code, printed.out, " ".join(printed.err.split())

    return call


def shards(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").rglob("*.npy"))


def test_every_backbone_is_run_over_every_data_set(call: Call, registered: Path) -> None:
    (registered / "photo" / "star" / "star-0.png").unlink()
    code, out, _ = call("features", "--datasets", "here,there", "--backbones", "mean, darkest@colour")
    assert code == 0
    assert [line.split(";")[0] for line in out.splitlines()] == [
        f"{dataset}, {backbone}@colour: {n} pictures, 3-d, 0 MiB"
        for dataset, n in (("here_shapes", 30), ("there_own", 29))
        for backbone in ("mean", "darkest")
    ]
    assert all("extracted in" in line for line in out.splitlines())


def test_a_second_call_has_nothing_to_do(call: Call) -> None:
    code, out, _ = call("features", "--datasets", "here", "--backbones", "mean")
    assert code == 0
    assert f"; {N_PICTURES} extracted in " in out
    assert call("features", "--datasets", "here", "--backbones", "mean@colour")[:2] == (
        0,
        f"here_shapes, mean@colour: {N_PICTURES} pictures, 3-d, 0 MiB; all there already\n",
    )
    assert Mean.n_embedded == N_PICTURES


def test_what_a_run_will_read_is_there_already(call: Call) -> None:
    call("features", "--datasets", "here", "--backbones", "mean")
    code, out, _ = call("run", "--dry-run", "--dataset", "here", "--backbone", "mean", "--methods", "frozen")
    assert code == 0
    assert f"features: {N_PICTURES} of {N_PICTURES} different pictures cached\n" in out


def test_kept_features_are_those_of_the_pictures(call: Call, tmp_path: Path, picture_root: Path) -> None:
    call("features", "--datasets", "here", "--backbones", "mean")
    truth = []
    for path in picture_root.glob("*/*/*.png"):
        picture = Image.open(path).convert("RGB").resize((8, 8), Image.Resampling.BICUBIC)
        truth.append(np.asarray(picture).mean((0, 1)) / 255)
    kept = np.concatenate([np.load(path) for path in shards(tmp_path)])
    assert kept.shape == (N_PICTURES, 3)
    kept, expected = (rows[np.lexsort(rows.round(4).T)] for rows in (kept, np.array(truth)))
    np.testing.assert_allclose(kept, expected, atol=1e-5)


def test_json_says_the_same_for_machines(call: Call) -> None:
    for n_extracted in (N_PICTURES, 0):
        code, out, _ = call("features", "--datasets", "here", "--backbones", "mean", "--json")
        assert code == 0
        (found,) = json.loads(out)
        assert found.pop("seconds") >= 0
        assert found == {
            "dataset": "here_shapes",
            "backbone": "mean@colour",
            "dim": 3,
            "n_pictures": N_PICTURES,
            "n_extracted": n_extracted,
            "mib": N_PICTURES * 3 * 4 / 2**20,
        }


def test_a_picture_that_changed_is_extracted_anew(call: Call, registered: Path, tmp_path: Path) -> None:
    call("features", "--datasets", "there", "--backbones", "darkest")
    before = {tuple(row) for path in shards(tmp_path) for row in np.load(path).round(3)}
    Image.new("RGB", (40, 40), (0, 51, 255)).save(registered / "photo" / "star" / "star-1.png")
    _, out, _ = call("features", "--datasets", "there", "--backbones", "darkest")
    assert "all there already" not in out
    after = {tuple(row) for path in shards(tmp_path) for row in np.load(path).round(3)}
    assert list(after - before) == [pytest.approx((0, 0.2, 1))]


def test_another_preset_has_features_of_its_own(call: Call) -> None:
    call("features", "--datasets", "here", "--backbones", "mean")
    _, out, _ = call("features", "--datasets", "here", "--backbones", "mean", "--preprocessing", "sem_pcyc")
    assert f"; {N_PICTURES} extracted in " in out


def test_a_picture_that_cannot_be_read_is_named_or_left_out(call: Call, registered: Path) -> None:
    (registered / "sketch" / "wave" / "wave-2.png").write_bytes(b"no picture")
    own = ("features", "--datasets", "there", "--backbones", "mean")
    code, out, err = call(*own)
    assert (code, out) == (1, "")
    assert "wave-2.png cannot be read" in err
    code, out, _ = call(*own, "--skip-corrupt")
    assert (code, f"{N_PICTURES - 1} pictures" in out) == (0, True)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--datasets", "her"), "no data set named 'her'. Close names: here"),
        (("--backbones", "mea"), "no backbone named 'mea'. Close names: mean"),
        (("--backbones", "mean@shape"), "backbone 'mean' is not read at 'shape'. Its layers: colour."),
        (("--datasets", ""), "--datasets names none. `list datasets` shows what there is."),
        (("--backbones", ","), "--backbones names none. `list backbones` shows what there is."),
        (("--preprocessing", "squash"), "no preprocessing 'squash'. Known: stretch"),
        (("--weights", "a.pth", "--backbones", "mean,darkest"), "--weights FILE is of one backbone"),
        (("--backbones", "vgg16", "--weights", "gone.pth"), "gone.pth is not there"),
        (("--device", "tpu"), "--device tpu: torch has no such device here"),
    ],
)
def test_what_is_wrong_is_said_before_a_picture_is_read(
    flags: tuple[str, ...], message: str, call: Call, tmp_path: Path
) -> None:
    given = dict(zip(flags[::2], flags[1::2], strict=True))
    wanted = {"--datasets": "here", "--backbones": "mean", **given}
    code, out, err = call("features", *(part for flag in wanted.items() for part in flag))
    assert (code, out) == (1, "")
    assert message in err
    assert Mean.n_embedded == 0
    assert shards(tmp_path) == []


def test_a_later_name_that_is_wrong_stops_the_first_from_being_extracted(call: Call) -> None:
    code, out, err = call("features", "--datasets", "here", "--backbones", "mean,nothing")
    assert (code, out) == (1, "")
    assert "no backbone named 'nothing'" in err
    assert Mean.n_embedded == 0


def test_a_data_set_that_brings_features_has_nothing_to_extract(call: Call, tmp_path: Path) -> None:
    code, _, err = call("features", "--datasets", "precomputed", "--data-root", tmp_path)
    assert code == 1
    assert "data set 'precomputed' brings features: there is nothing to extract" in err
