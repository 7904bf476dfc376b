"""Features of picture files: computed once, kept on disk, resumable, safe between processes.

The cache tells nobody which picture is which: rows are stored in the order of the pictures' content
digests, and no file or class name is written.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from datasets.backbones import Backbone
from datasets.files import write_whole
from datasets.preprocessing import DEFAULT, Preprocessing
from datasets.progress import Progress
from datasets.settings import Modality

ROWS_PER_SHARD = 256
CPU_BATCH = 8
CUDA_BATCH = 64
DTYPE_POLICY = "float32 network, float32 stored"


@dataclass(frozen=True)
class Features:
    """Features of a list of files, read from disk row by row.

    key: hex sha256 of everything the values depend on. dim: width. stored_rows: (n,) int64, where each
    file's row lies in the shards; equal for files of equal content.
    """

    key: str
    dim: int
    shards: tuple[Path, ...]
    stored_rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.stored_rows)

    def rows(self, idx: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return (len(idx), dim) float32: copies, which lead neither to the file nor to other rows."""
        stored = self.stored_rows[idx]
        rows = np.empty((len(stored), self.dim), np.float32)
        for shard in np.unique(stored // ROWS_PER_SHARD):
            here = stored // ROWS_PER_SHARD == shard
            rows[here] = np.load(self.shards[shard], mmap_mode="r")[stored[here] % ROWS_PER_SHARD]
        return rows


def extract(
    files: Sequence[Path],
    digests: Sequence[str],
    backbone: Backbone,
    *,
    modality: Modality,
    preprocessing: Preprocessing = DEFAULT,
    cache_dir: Path,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Features:
    """Return the features of the files, computing those shards that the cache does not hold.

    digests: hex sha256 of the files' contents. progress is called with (pictures done, pictures in all), a
    repeated picture counted once. A second process that wants the same features waits for the first. Raises
    BenchmarkError for an unreadable picture, a missing backbone, or features that are not finite.
    """
    store = _Store(cache_dir, digests, backbone, preprocessing, modality)
    store.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(store.folder.with_suffix(".lock")):
        missing = {shard: [files[i] for i in rows] for shard, rows in store.missing().items()}
        if missing:
            _write_manifest(store, n_rows=store.n_rows)
            _fill(missing, store, device, progress=progress)
    return Features(store.key, backbone.card.dim, tuple(store.shards), store.stored_rows)


def n_missing(
    digests: Sequence[str],
    backbone: Backbone,
    *,
    modality: Modality,
    preprocessing: Preprocessing,
    cache_dir: Path,
) -> int:
    """Return how many pictures `extract` would have to read; nothing is computed or written."""
    missing = _Store(cache_dir, digests, backbone, preprocessing, modality).missing()
    return sum(map(len, missing.values()))


class _Store:
    """Where the features of a list of contents lie: which shards there must be, and what each holds.

    shards: path -> positions in the list, one a content. stored_rows: (n,) int64, the row of every entry.
    """

    def __init__(
        self,
        cache_dir: Path,
        digests: Sequence[str],
        backbone: Backbone,
        preprocessing: Preprocessing,
        modality: Modality,
    ) -> None:
        unique, first, stored = np.unique(list(digests), return_index=True, return_inverse=True)
        self.backbone, self.preprocessing, self.modality = backbone, preprocessing, modality
        # What is done to the other modality does not matter: presets that differ in sketches share photos.
        self.steps = f"{preprocessing.of_pictures(modality)}, {backbone.steps(preprocessing)}"
        parts = (*unique.tolist(), self.steps, backbone.weights_sha256(), DTYPE_POLICY)
        self.key = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        self.folder = cache_dir / "features" / backbone.card.id / self.key
        self.n_rows, self.stored_rows = len(unique), stored.astype(np.int64)
        self.shards: dict[Path, list[int]] = {
            self.folder / f"{start // ROWS_PER_SHARD:05d}.npy": first[start : start + ROWS_PER_SHARD].tolist()
            for start in range(0, len(unique), ROWS_PER_SHARD)
        }

    def missing(self) -> dict[Path, list[int]]:
        """The shards that are not there, or not whole."""
        dim = self.backbone.card.dim
        return {path: rows for path, rows in self.shards.items() if not _is_whole(path, len(rows), dim)}


def _is_whole(shard: Path, n_rows: int, dim: int) -> bool:
    try:
        stored = np.load(shard, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return False
    return bool(stored.shape == (n_rows, dim) and stored.dtype == np.float32)


def _write_manifest(store: _Store, *, n_rows: int) -> None:
    backbone = store.backbone
    text = json.dumps(
        {
            "schema": 1,
            "backbone": backbone.card.id,
            "weights_sha256": backbone.weights_sha256(),
            "preprocessing": store.steps,
            "numbers": DTYPE_POLICY,
            "n_rows": n_rows,
            "dim": backbone.card.dim,
            "rows_per_shard": ROWS_PER_SHARD,
        },
        indent=2,
    )
    write_whole(store.folder / "manifest.json", text)


def _fill(
    missing: dict[Path, list[Path]],
    store: _Store,
    device: str,
    *,
    progress: Progress | None,
) -> None:
    n_done = store.n_rows - sum(map(len, missing.values()))
    with _extractor(store.backbone, store.preprocessing, store.modality, device) as submit:
        waiting = {
            shard: [submit(batch) for batch in _batches(part, device)] for shard, part in missing.items()
        }
        for shard in missing:
            rows = []
            for part in waiting.pop(shard):
                rows.append(part.result())
                n_done += len(rows[-1])
                if progress is not None:
                    progress(n_done, store.n_rows)
            _save_shard(shard, np.concatenate(rows))


def seconds_a_picture(
    files: Sequence[Path],
    backbone: Backbone,
    *,
    modality: Modality,
    preprocessing: Preprocessing,
    device: str,
) -> float:
    """Return what a picture costs `extract` here, tried on a few evenly spaced ones; nothing is kept."""
    import torch

    n_tried = (CUDA_BATCH if device.startswith("cuda") else CPU_BATCH) * torch.get_num_threads()
    tried = files[:: max(1, len(files) // n_tried)][:n_tried]
    with _extractor(backbone, preprocessing, modality, device) as submit:
        submit(_batches(tried, device)[0]).result()  # the first call of a network also sets it up
        start = time.perf_counter()
        for part in [submit(own) for own in _batches(tried, device)]:
            part.result()
        return (time.perf_counter() - start) / len(tried)


@contextmanager
def _extractor(
    backbone: Backbone, preprocessing: Preprocessing, modality: Modality, device: str
) -> Iterator[Callable[[Sequence[Path]], Future[NDArray[np.float32]]]]:
    """Yield a function that computes the features of a few pictures, several calls at once."""
    import torch

    embed = backbone.load(device, backbone.normalisation(preprocessing))
    size = backbone.card.image_size

    def features_of(pictures: Sequence[Path]) -> NDArray[np.float32]:
        pixels = np.stack([preprocessing.picture(path, size, modality) for path in pictures])
        features: NDArray[np.float32] = (
            embed(torch.from_numpy(pixels).permute(0, 3, 1, 2).to(device)).cpu().numpy()
        )
        return features

    # glibc hands freed memory back to the system above a threshold that grows with the largest block freed,
    # 32 MiB at most. Freeing one such block first spares a quarter of the time, spent in page faults.
    torch.empty(31 * 2**20, dtype=torch.uint8)
    pool = ThreadPoolExecutor(max_workers=torch.get_num_threads())
    try:
        with _exact_arithmetic():
            yield lambda pictures: pool.submit(features_of, pictures)
    finally:
        pool.shutdown(cancel_futures=True)


def _batches(files: Sequence[Path], device: str) -> list[Sequence[Path]]:
    size = CUDA_BATCH if device.startswith("cuda") else CPU_BATCH
    return [files[start : start + size] for start in range(0, len(files), size)]


@contextmanager
def _exact_arithmetic() -> Iterator[None]:
    """Make features the same on every device and number of threads, up to rounding.

    TF32 would move them by about 1e-3. One thread a picture, several pictures at once: the threads of one
    convolution wait for each other, which costs far more than it gains on a busy machine.
    """
    import torch

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    finally:
        torch.set_num_threads(n_threads)


def _save_shard(shard: Path, rows: NDArray[np.float32]) -> None:
    if not np.isfinite(rows).all():
        raise BenchmarkError(
            "the backbone gave features that are not finite (NaN or infinity). "
            "Try --device cpu; if it stays, the weights or a picture are damaged."
        )
    buffer = io.BytesIO()
    np.save(buffer, rows)
    write_whole(shard, buffer.getvalue())
