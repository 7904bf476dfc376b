"""Features of picture files: computed once, kept on disk, resumable, safe between processes.

The cache tells nobody which picture is which: rows are stored in the order of the pictures' content
digests, and no file or class name is written.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from datasets.backbones import Backbone
from datasets.extraction import extraction
from datasets.files import write_whole
from datasets.preprocessing import DEFAULT, Preprocessing
from datasets.progress import Progress
from datasets.settings import Modality

ROWS_PER_SHARD = 256
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
    devices: Sequence[str] = ("cpu",),
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
        missing = store.missing()
        if missing:
            _write_manifest(store, n_rows=store.n_rows)
            _fill(missing, files, store, devices, progress=progress)
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


def folder_name(backbone_id: str) -> str:
    """Return a name for a folder: as the id, but for what file systems do not like.

    >>> folder_name("open_clip:ViT-B-32/openai@projected")
    'open_clip_ViT-B-32_openai@projected'
    """
    return re.sub(r"[^A-Za-z0-9.@_-]", "_", backbone_id)


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
        self.folder = cache_dir / "features" / folder_name(backbone.card.id) / self.key
        self.n_rows, self.stored_rows = len(unique), stored.astype(np.int64)
        self.shards: dict[Path, NDArray[np.int64]] = {
            self.folder / f"{start // ROWS_PER_SHARD:05d}.npy": first[start : start + ROWS_PER_SHARD]
            for start in range(0, len(unique), ROWS_PER_SHARD)
        }

    def missing(self) -> dict[Path, NDArray[np.int64]]:
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
    missing: dict[Path, NDArray[np.int64]],
    files: Sequence[Path],
    store: _Store,
    devices: Sequence[str],
    *,
    progress: Progress | None,
) -> None:
    n_done = store.n_rows - sum(map(len, missing.values()))
    with extraction(store.backbone, store.preprocessing, store.modality, devices) as features_of:
        batches = features_of(files, np.concatenate(list(missing.values())))
        rows: NDArray[np.float32] = np.empty((0, store.backbone.card.dim), np.float32)
        for shard, own in missing.items():
            parts = [rows]
            while sum(map(len, parts)) < len(own):
                parts.append(next(batches))
                n_done += len(parts[-1])
                if progress is not None:
                    progress(n_done, store.n_rows)
            rows = np.concatenate(parts)
            _save_shard(shard, rows[: len(own)])
            rows = rows[len(own) :]  # a batch may reach into the next shard


def _save_shard(shard: Path, rows: NDArray[np.float32]) -> None:
    if not np.isfinite(rows).all():
        raise BenchmarkError(
            "the backbone gave features that are not finite (NaN or infinity). "
            "Try --device cpu; if it stays, the weights or a picture are damaged."
        )
    buffer = io.BytesIO()
    np.save(buffer, rows)
    write_whole(shard, buffer.getvalue())
