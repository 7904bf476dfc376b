"""Extraction: the same features however it is divided, in order, within bounded memory, and after a kill."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

import datasets.extraction
import datasets.features
from benchmark.errors import BenchmarkError
from datasets.backbones import BackboneCard
from datasets.backbones.network import NetworkBackbone
from datasets.backbones.weights import Weights, WeightsFile
from datasets.extraction import AHEAD, Reader, extraction
from datasets.pictures import file_sha256
from datasets.preprocessing import DEFAULT, NORMALISATIONS, PRESETS

SIZE, N_PICTURES = 24, 13


class Small(NetworkBackbone):
    """Two convolutions with random weights."""

    family, layers = "small", ("pooled",)
    card = BackboneCard(
        "small@pooled", "Small", 16, SIZE, NORMALISATIONS["imagenet"], "mean", "nothing", "none", ()
    )

    def __init__(self) -> None:
        super().__init__(weights=Weights("random"))

    def build(self) -> nn.Module:
        return nn.Sequential(
            *(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, 2)),
            *(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        )

    def published_weights(self) -> WeightsFile:
        raise AssertionError("weights are random")

    def is_published(self, sha256: str) -> bool:
        return False

    def fill(self, network: nn.Module, weights: WeightsFile) -> None:
        raise AssertionError("weights are random")

    def read_layer(self, network: nn.Module) -> nn.Module:
        return network


class Stopping(Small):
    """Kills its process, as a system out of memory would, after some pictures."""

    n_before = 10

    def load(self, device: str, normalisation: Any) -> Any:
        embed, n_embedded = super().load(device, normalisation), itertools.count(1)

        def embed_until_killed(pictures: Any) -> Any:
            for _ in range(len(pictures)):
                if next(n_embedded) > self.n_before:
                    signal.raise_signal(signal.SIGKILL)
            return embed(pictures)

        return embed_until_killed


class Counting(Small):
    """Counts the pictures that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.n_embedded = 0
        self._lock = threading.Lock()

    def load(self, device: str, normalisation: Any) -> Any:
        embed = super().load(device, normalisation)

        def counted(pictures: Any) -> Any:
            with self._lock:
                self.n_embedded += len(pictures)
            return embed(pictures)

        return counted


def draw(folder: Path) -> list[Path]:
    """Write pictures of noise, each of its own shape."""
    folder.mkdir(parents=True)
    rng, files = np.random.default_rng(0), []
    for i in range(N_PICTURES):
        files.append(folder / f"{i}.png")
        Image.fromarray(rng.integers(0, 256, (20 + i, 40 - i, 3), np.uint8)).save(files[-1])
    return files


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return draw(tmp_path / "photo")


def features_of(files: list[Path], devices: tuple[str, ...] = ("cpu",)) -> NDArray[np.float32]:
    with extraction(Small(), DEFAULT, "photo", devices) as compute:
        return np.concatenate(list(compute(files, np.arange(len(files)))))


def truth_of(files: list[Path]) -> NDArray[np.float32]:
    """Each picture alone, by Pillow and torch."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Small().build().eval()
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    rows = []
    for path in files:
        picture = Image.open(path).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1) / 255
        with torch.inference_mode():
            rows.append(network(((pixels - mean) / std)[None]).numpy())
    return np.concatenate(rows)


def extract(files: list[Path], backbone: Small, cache_dir: Path) -> datasets.features.Features:
    digests = [file_sha256(path) for path in files]
    return datasets.features.extract(files, digests, backbone, modality="photo", cache_dir=cache_dir)


def test_features_are_those_of_each_picture_alone_in_the_order_of_the_files(files: list[Path]) -> None:
    truth = truth_of(files)
    assert len(np.unique(truth.round(4), axis=0)) == N_PICTURES
    np.testing.assert_allclose(features_of(files), truth, rtol=1e-4, atol=1e-5)


def test_features_do_not_depend_on_the_number_of_threads(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.extraction, "CPU_BATCH", 2)
    found = []
    for n in (1, 2, 5):
        monkeypatch.setattr(datasets.extraction, "n_threads", lambda n=n: n)
        found.append(features_of(files))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("n_read", [1, 3, 50])
@pytest.mark.parametrize("n_at_once", [1, 4])
def test_features_do_not_depend_on_the_batches(
    n_read: int, n_at_once: int, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.extraction, "CPU_BATCH", n_read)
    monkeypatch.setattr(Small, "cpu_batch", n_at_once)
    np.testing.assert_allclose(features_of(files), truth_of(files), rtol=1e-4, atol=1e-5)


def test_rows_are_asked_for_in_any_order(files: list[Path]) -> None:
    rows = np.array([7, 0, 12, 7])
    with extraction(Small(), DEFAULT, "photo", ["cpu", "cpu"]) as compute:
        found = np.concatenate(list(compute(files, rows)))
    np.testing.assert_allclose(found, truth_of(files)[rows], rtol=1e-4, atol=1e-5)


def test_sketches_are_read_as_the_preset_says(files: list[Path]) -> None:
    inverted = PRESETS["sem_pcyc"]
    pixels = Reader(inverted, "sketch", SIZE).read(files[:2])
    picture = Image.open(files[1]).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(pixels[1], 255 - np.asarray(picture))


@pytest.mark.parametrize("n_threads", [1, 3])
def test_memory_holds_a_few_batches_however_many_files_there_are(
    n_threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_batches, lock, n_started = 60, threading.Lock(), itertools.count(1)
    started = [0]

    def read(self: Reader, files: list[Path]) -> NDArray[np.uint8]:
        with lock:
            started[0] = next(n_started)
        return np.zeros((len(files), SIZE, SIZE, 3), np.uint8)

    monkeypatch.setattr(Reader, "read", read)
    monkeypatch.setattr(datasets.extraction, "n_threads", lambda: n_threads)
    monkeypatch.setattr(datasets.extraction, "CPU_BATCH", 2)
    files = [Path(f"{i}.png") for i in range(2 * n_batches)]
    in_flight = []
    with extraction(Small(), DEFAULT, "photo", ("cpu",)) as compute:
        for n_taken, _ in enumerate(compute(files, np.arange(len(files)))):
            time.sleep(0.003)  # a slow disk: the threads could read everything meanwhile
            in_flight.append(started[0] - n_taken)
    assert started[0] == n_batches
    assert 1 < max(in_flight) <= AHEAD * n_threads


def test_a_picture_that_cannot_be_read_stops_it_with_its_name(files: list[Path]) -> None:
    files[5].write_bytes(b"no picture")
    with pytest.raises(BenchmarkError, match=r"5\.png cannot be read"):
        features_of(files)


class SlowFirst(Reader):
    """Takes longer over the first pictures than over all others."""

    def read(self, files: Any) -> NDArray[np.uint8]:
        if files[0].name == "0.png":
            time.sleep(0.3)
        return super().read(files)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Read in two processes, three pictures at once; return pixels and faults as they come."""
    monkeypatch.setattr(datasets.extraction, "CUDA_BATCH", 3)
    monkeypatch.setattr(datasets.extraction, "n_threads", lambda: 2)

    def load(files: list[Path], rows: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.uint8], str]]:
        loader = SlowFirst(DEFAULT, "photo", SIZE).in_processes(files, rows, pin=False)
        return ((pixels.numpy(), fault) for pixels, fault in loader)

    return load


def test_processes_read_in_the_order_of_the_rows(files: list[Path], loaded: Any) -> None:
    rows = np.array([0, 3, 1, 12, 11, 2, 5, 4])
    batches = [pixels for pixels, fault in loaded(files, rows)]
    assert [len(pixels) for pixels in batches] == [3, 3, 2]
    truth = [Image.open(files[i]).resize((SIZE, SIZE), Image.Resampling.BICUBIC) for i in rows]
    np.testing.assert_array_equal(np.concatenate(batches), np.stack([np.asarray(own) for own in truth]))


def test_what_a_process_cannot_read_arrives_as_the_one_text(files: list[Path], loaded: Any) -> None:
    files[4].write_bytes(b"no picture")
    with pytest.raises(BenchmarkError) as caught:
        Reader(DEFAULT, "photo", SIZE).read([files[4]])
    faults = [fault for _, fault in loaded(files, np.arange(9))]
    assert faults == ["", str(caught.value), ""]
    assert "Traceback" not in faults[1]


KILLED = """
import importlib.util, sys
from pathlib import Path

spec = importlib.util.spec_from_file_location("test_extraction", sys.argv[1])
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
tests.small_steps()
tests.extract(sorted(Path(sys.argv[2]).iterdir()), tests.Stopping(), Path(sys.argv[3]))
"""


def small_steps() -> None:
    """Keep four rows a shard, of one thread that reads two pictures at once."""
    datasets.features.ROWS_PER_SHARD = 4
    datasets.extraction.CPU_BATCH = 2
    datasets.extraction.n_threads = lambda: 1


@pytest.fixture
def small_steps_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (datasets.features, "ROWS_PER_SHARD"),
        (datasets.extraction, "CPU_BATCH"),
        (datasets.extraction, "n_threads"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))
    small_steps()


def test_a_killed_extraction_goes_on_where_it_stopped(
    files: list[Path], tmp_path: Path, small_steps_here: None
) -> None:
    cache_dir, root = tmp_path / "cache", Path(datasets.extraction.__file__).parents[1]
    command = [sys.executable, "-c", KILLED, __file__, str(files[0].parent), str(cache_dir)]
    killed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    n_kept = sum(len(np.load(shard)) for shard in cache_dir.rglob("*.npy"))
    assert 0 < n_kept <= Stopping.n_before
    backbone, whole = Counting(), Counting()
    in_order = sorted(files)
    goes_on = extract(in_order, backbone, cache_dir)
    assert backbone.n_embedded == N_PICTURES - n_kept
    undisturbed = extract(in_order, whole, tmp_path / "other")
    assert whole.n_embedded == N_PICTURES
    rows = np.arange(N_PICTURES)
    np.testing.assert_array_equal(goes_on.rows(rows), undisturbed.rows(rows))


def test_a_file_that_changed_is_extracted_anew(
    files: list[Path], tmp_path: Path, small_steps_here: None
) -> None:
    extract(files, Small(), tmp_path / "cache")
    Image.new("RGB", (30, 30), (9, 200, 31)).save(files[2])
    changed = extract(files, Small(), tmp_path / "cache")
    np.testing.assert_allclose(changed.rows(np.arange(N_PICTURES)), truth_of(files), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
class TestOnAGpu:
    """What holds on the CPU holds on a GPU."""

    def test_features_are_those_of_the_cpu_in_the_same_order(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(datasets.extraction, "CUDA_BATCH", 3)
        files = draw(tmp_path / "photo")
        on_cpu, on_gpu = features_of(files), features_of(files, ("cuda",))
        assert np.abs(on_gpu - on_cpu).max() < 1e-4 * np.abs(on_cpu).max()

    def test_a_picture_that_cannot_be_read_stops_it_with_its_name_alone(self, tmp_path: Path) -> None:
        files = draw(tmp_path / "photo")
        files[5].write_bytes(b"no picture")
        with pytest.raises(BenchmarkError) as caught:
            features_of(files, ("cuda",))
        assert "5.png cannot be read" in str(caught.value)
        assert "Traceback" not in str(caught.value)
