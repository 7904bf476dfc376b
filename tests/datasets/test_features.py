"""Extraction and its cache, with a backbone that counts what it is asked for."""

from __future__ import annotations

import dataclasses
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import datasets.extraction
import datasets.features
from benchmark.errors import BenchmarkError
from datasets.backbones import Backbone, BackboneCard
from datasets.backbones.weights import WeightsFile
from datasets.pictures import file_sha256
from datasets.preprocessing import NORMALISATIONS, PRESETS

N_PICTURES = 10


class MeanColour(Backbone):
    """Three numbers a picture; fails once after `fail_after` pictures."""

    family, layers = "mean_colour", ("mean",)
    card = BackboneCard(
        "mean_colour@mean", "Mean colour", 3, 8, NORMALISATIONS["unit"], "mean", "nothing", "none", ()
    )

    def __init__(self, fail_after: int | None = None, spoil: float = 0.0) -> None:
        super().__init__()
        self.n_embedded = 0
        self.fail_after = fail_after
        self.spoil = spoil
        self._lock = threading.Lock()

    def weights_file(self) -> WeightsFile:
        return WeightsFile(None, "0" * 64, "none", is_published=True)

    def load(self, device, normalisation):
        def embed(pictures):
            with self._lock:
                if self.fail_after is not None and self.n_embedded >= self.fail_after:
                    raise KeyboardInterrupt
                self.n_embedded += len(pictures)
            return pictures.float().mean((2, 3)) + self.spoil

        return embed


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(datasets.features, "ROWS_PER_SHARD", 4)
    monkeypatch.setattr(datasets.extraction, "CPU_BATCH", 2)
    # One batch after the other: which of two threads is interrupted first would be chance.
    monkeypatch.setattr(datasets.extraction, "n_threads", lambda: 1)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "photo" / "zebra"
    folder.mkdir(parents=True)
    paths = [folder / f"striped_{i}.png" for i in range(N_PICTURES)]
    for i, path in enumerate(paths):
        Image.new("RGB", (9, 9), (10 * i, i, 255 - i)).save(path)
    return paths


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def extract(files, backbone, *, modality="photo", **options):
    digests = [file_sha256(path) for path in files]
    return datasets.features.extract(files, digests, backbone, modality=modality, **options)


def all_rows(features):
    return features.rows(np.arange(len(features)))


def shards_in(cache_dir: Path) -> list[Path]:
    return sorted(cache_dir.rglob("*.npy"))


def test_rows_come_in_the_order_of_the_files(files, cache_dir):
    features = extract(files, MeanColour(), cache_dir=cache_dir)
    expected = [(10 * i, i, 255 - i) for i in range(N_PICTURES)]
    np.testing.assert_allclose(all_rows(features), expected)
    np.testing.assert_allclose(features.rows(np.array([7, 0, 7])), [expected[i] for i in (7, 0, 7)])
    assert (len(features), features.dim) == (N_PICTURES, 3)


def test_rows_are_copies_of_their_own(files, cache_dir):
    features = extract(files, MeanColour(), cache_dir=cache_dir)
    rows = features.rows(np.array([1, 2]))
    assert type(rows) is np.ndarray
    assert rows.base is None
    rows[:] = -1
    assert (features.rows(np.array([1, 2])) >= 0).all()


def test_a_second_extraction_embeds_nothing(files, cache_dir):
    first = extract(files, MeanColour(), cache_dir=cache_dir)
    backbone = MeanColour()
    second = extract(files, backbone, cache_dir=cache_dir)
    assert backbone.n_embedded == 0
    np.testing.assert_array_equal(all_rows(first), all_rows(second))


def test_names_and_order_of_the_files_do_not_matter_to_the_cache(files, cache_dir):
    first = extract(files, MeanColour(), cache_dir=cache_dir)
    files[0] = files[0].rename(files[0].with_name("renamed.png"))
    backbone = MeanColour()
    second = extract(files[::-1], backbone, cache_dir=cache_dir)
    assert (second.key, backbone.n_embedded) == (first.key, 0)
    np.testing.assert_array_equal(all_rows(second), all_rows(first)[::-1])


def test_equal_pictures_are_embedded_once(files, cache_dir):
    backbone = MeanColour()
    features = extract([*files, files[3]], backbone, cache_dir=cache_dir)
    assert (len(features), backbone.n_embedded) == (N_PICTURES + 1, N_PICTURES)
    np.testing.assert_array_equal(features.rows(np.array([3])), features.rows(np.array([N_PICTURES])))


def test_an_altered_picture_gets_features_of_its_own(files, cache_dir):
    first = extract(files, MeanColour(), cache_dir=cache_dir)
    Image.new("RGB", (9, 9), (1, 2, 3)).save(files[5])
    second = extract(files, MeanColour(), cache_dir=cache_dir)
    assert second.key != first.key
    np.testing.assert_allclose(second.rows(np.array([5])), [[1, 2, 3]])


def test_readout_and_weights_are_part_of_the_key(files, cache_dir):
    class OtherText(MeanColour):
        card = dataclasses.replace(MeanColour.card, readout="mean of something else")

    class OtherWeights(MeanColour):
        def weights_sha256(self) -> str:
            return "1" * 64

    kinds = (MeanColour, OtherText, OtherWeights)
    assert len({extract(files, kind(), cache_dir=cache_dir).key for kind in kinds}) == 3


def test_a_preset_has_features_of_its_own_where_it_changes_the_modality(files, cache_dir):
    def key(preset, modality):
        preprocessing = PRESETS[preset]
        return extract(
            files, MeanColour(), modality=modality, preprocessing=preprocessing, cache_dir=cache_dir
        ).key

    assert len({key(preset, "sketch") for preset in PRESETS}) == len(PRESETS)
    # Photos of these two are stretched, and normalised in the same way: one extraction serves both.
    assert key("stretch", "photo") == key("stretch", "sketch")
    assert key("zse", "photo") != key("zse", "sketch")


def test_what_is_missing_is_counted_without_a_file_being_written(files, cache_dir):
    backbone = MeanColour()
    digests = [file_sha256(path) for path in files]
    options = {"modality": "photo", "preprocessing": PRESETS["stretch"], "cache_dir": cache_dir}
    assert datasets.features.n_missing(digests, backbone, **options) == N_PICTURES
    assert not cache_dir.exists()
    with pytest.raises(KeyboardInterrupt):
        extract(files, MeanColour(fail_after=6), cache_dir=cache_dir)
    assert datasets.features.n_missing(digests, backbone, **options) == N_PICTURES - 4


def test_an_interrupted_extraction_goes_on_at_the_missing_shard(files, cache_dir):
    with pytest.raises(KeyboardInterrupt):
        extract(files, MeanColour(fail_after=6), cache_dir=cache_dir)
    n_stored = 4 * len(shards_in(cache_dir))
    assert n_stored == 4
    backbone = MeanColour()
    features = extract(files, backbone, cache_dir=cache_dir)
    assert backbone.n_embedded == N_PICTURES - n_stored
    np.testing.assert_allclose(all_rows(features)[:, 1], range(N_PICTURES))


@pytest.mark.parametrize("n_bytes", [0, 50, 140])
def test_a_truncated_shard_is_done_again(files, cache_dir, n_bytes):
    whole = all_rows(extract(files, MeanColour(), cache_dir=cache_dir))
    os.truncate(shards_in(cache_dir)[1], n_bytes)
    backbone = MeanColour()
    np.testing.assert_array_equal(all_rows(extract(files, backbone, cache_dir=cache_dir)), whole)
    assert backbone.n_embedded == 4


def test_two_at_once_embed_every_picture_once(files, cache_dir):
    backbone = MeanColour()
    results = []
    workers = [
        threading.Thread(target=lambda: results.append(extract(files, backbone, cache_dir=cache_dir)))
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert backbone.n_embedded == N_PICTURES
    np.testing.assert_array_equal(all_rows(results[0]), all_rows(results[1]))


def test_the_cache_holds_no_file_or_class_name(files, cache_dir):
    extract(files, MeanColour(), cache_dir=cache_dir)
    written = [path for path in cache_dir.rglob("*") if path.is_file()]
    assert any(path.name == "manifest.json" for path in written)
    for path in written:
        everything = str(path.relative_to(cache_dir)).encode() + path.read_bytes()
        assert b"zebra" not in everything
        assert b"striped" not in everything


def test_no_temporary_file_is_left(files, cache_dir):
    extract(files, MeanColour(), cache_dir=cache_dir)
    assert not list(cache_dir.rglob("*.tmp"))


def test_progress_counts_up_to_the_total_and_starts_where_the_cache_ends(files, cache_dir):
    steps: list[tuple[int, int]] = []
    extract(files, MeanColour(), cache_dir=cache_dir, progress=lambda *done: steps.append(done))
    assert steps == [(n, N_PICTURES) for n in (2, 4, 6, 8, 10)]
    shards_in(cache_dir)[0].unlink()
    steps.clear()
    extract(files, MeanColour(), cache_dir=cache_dir, progress=lambda *done: steps.append(done))
    assert steps == [(8, N_PICTURES), (10, N_PICTURES)]


def test_the_number_of_threads_is_given_back(files, cache_dir):
    before = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt):
        extract(files, MeanColour(fail_after=0), cache_dir=cache_dir)
    assert torch.get_num_threads() == before


def test_features_that_are_not_finite_are_refused(files, cache_dir):
    with pytest.raises(BenchmarkError, match="not finite"):
        extract(files, MeanColour(spoil=float("nan")), cache_dir=cache_dir)
    assert not shards_in(cache_dir)


def test_a_corrupt_picture_is_named(files, cache_dir):
    files[2].write_bytes(files[2].read_bytes()[:45])
    with pytest.raises(BenchmarkError, match=r"striped_2\.png cannot be read.*--skip-corrupt"):
        extract(files, MeanColour(), cache_dir=cache_dir)


def test_no_files_give_no_rows(cache_dir):
    features = extract([], MeanColour(), cache_dir=cache_dir)
    assert features.rows(np.array([], np.int64)).shape == (0, 3)


def test_a_trial_embeds_a_few_pictures_and_keeps_nothing(files, cache_dir):
    backbone = MeanColour()
    seconds = datasets.extraction.seconds_a_picture(
        files, backbone, modality="photo", preprocessing=PRESETS["stretch"], devices=("cpu",)
    )
    n_tried = min(N_PICTURES, 2)
    assert backbone.n_embedded == n_tried + 2  # a batch before the clock is started
    assert seconds > 0
    assert shards_in(cache_dir) == []
