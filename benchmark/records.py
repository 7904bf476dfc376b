"""What is kept of a run: one folder, written under a temporary name and renamed when it is whole."""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from pydantic import ValidationError

from benchmark.errors import BenchmarkError
from benchmark.record_fields import SCHEMA, Counts, FineTuned, Protocol, Record, Score, digest
from benchmark.training_curves import FILE as CURVES
from benchmark.training_curves import curves_text

__all__ = [
    "SCHEMA",
    "Counts",
    "FineTuned",
    "PerQuery",
    "Protocol",
    "Rankings",
    "Record",
    "Score",
    "StoredRun",
    "digest",
    "lacking_text",
    "read_run",
    "run_folder",
    "stored_runs",
    "sweep",
    "write_run",
]

_TEMPORARY = ".partial-"
_HOST = platform.node().replace("-", "_") or "here"


@dataclass(frozen=True)
class PerQuery:
    """Values of every query, so that a disputed number can be checked.

    metric_ids: (M,). values: (M, Q) float32, nan where a query has no value. labels: (Q,) int64 classes.
    names: (Q,) relative names of the queries. n_relevant, n_ranked: (Q,) int64 positives and items that each
    query ranks, after exclusions; None in files of an older version.
    """

    metric_ids: NDArray[np.str_]
    values: NDArray[np.float32]
    labels: NDArray[np.int64]
    names: NDArray[np.str_]
    n_relevant: NDArray[np.int64] | None = None
    n_ranked: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Rankings:
    """The best matches of every query, and what it takes to measure them again (`benchmark.rescore`).

    top: (Q, up to N_TOP) int32, gallery positions, best first; -1 where exclusions leave a query fewer items.
    tied: like top, bool, True where the item at the next rank has the same score; at the last one stored it
    tells whether the tie runs on. names: (N,) relative names of the gallery photos. labels: (N,) int64
    their classes. query_instances (Q,), gallery_instances (N,): "" where unknown; None if none are known.
    """

    top: NDArray[np.int32]
    tied: NDArray[np.bool_]
    names: NDArray[np.str_]
    labels: NDArray[np.int64]
    query_instances: NDArray[np.str_] | None = None
    gallery_instances: NDArray[np.str_] | None = None

    def is_relevant(self, query: int, position: int, label: int, relevance: str) -> bool:
        """Whether a gallery item answers a query of class `label`, by class or by instance."""
        if relevance == "category":
            return bool(self.labels[position] == label)
        assert self.query_instances is not None and self.gallery_instances is not None  # noqa: PT018
        own = self.query_instances[query]
        return bool(own != "" and own == self.gallery_instances[position])


@dataclass(frozen=True)
class StoredRun:
    """A finished run on disk; arrays are read when asked for.

    Both readers raise BenchmarkError for a run that did not finish, and when the file is missing or damaged.
    """

    folder: Path
    record: Record

    def per_query(self) -> PerQuery:
        """Read `per_query.npz`."""
        return PerQuery(**self._arrays("per_query.npz", PerQuery))

    def rankings(self) -> Rankings:
        """Read `rankings.npz`. Raises BenchmarkError also for a file of an older version."""
        arrays = self._arrays("rankings.npz", Rankings)
        if "tied" not in arrays:
            raise BenchmarkError(
                f"{self.folder / 'rankings.npz'} was written by an older version, without ties and classes: "
                "tables still read this run, its rankings are of no use. Run it again with --rerun all."
            )
        return Rankings(**arrays)

    def _arrays(self, name: str, kind: type[PerQuery | Rankings]) -> dict[str, NDArray[Any]]:
        if self.record.status not in ("complete", "partial"):
            raise BenchmarkError(
                f"run {self.record.run_id} of '{self.record.method}' is {self.record.status} and has no "
                "rankings. Choose a complete run."
            )
        try:
            with np.load(self.folder / name, allow_pickle=False) as file:
                return {field.name: file[field.name] for field in fields(kind) if field.name in file}
        except Exception as error:  # zipfile, zlib and numpy have faults of their own for damaged files
            raise BenchmarkError(
                f"{self.folder / name} cannot be read ({getattr(error, 'strerror', None) or error}). "
                "Restore it, remove the folder, or run again with --rerun all."
            ) from error


def lacking_text(lacking: Mapping[str, tuple[int, int]]) -> str:
    """Say what data lack, for a message.

    >>> lacking_text({"sketches": (750, 75_481)})
    'fewer pictures than published: 750 of 75,481 sketches'
    """
    parts = ", ".join(f"{n:,} of {published:,} {noun}" for noun, (n, published) in lacking.items())
    return f"fewer pictures than published: {parts}"


def run_folder(runs_dir: Path, protocol: Protocol, method: str, run_id: str) -> Path:
    """`<runs>/<dataset>/<split>/<method>/<run-id>`."""
    return runs_dir / protocol.dataset / protocol.split / method / run_id


def write_run(
    runs_dir: Path,
    record: Record,
    *,
    per_query: PerQuery | None = None,
    rankings: Rankings | None = None,
    curves: Mapping[str, Sequence[float]] | None = None,
    log: str = "",
    model: Path | None = None,
) -> StoredRun:
    """Write a run so that a reader sees all of it or nothing; a run of the same identity is replaced.

    curves: name of a loss -> its value in each epoch. model: a file of weights to keep a copy of.
    """
    target = run_folder(runs_dir, record.protocol, record.method, record.run_id)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f"{_TEMPORARY}{_HOST}-{os.getpid()}-", dir=target.parent))
    temporary.chmod(0o755)  # mkdtemp makes private folders; results are meant to be read
    for name, arrays in (("per_query.npz", per_query), ("rankings.npz", rankings)):
        if arrays is not None:
            present = {field: array for field, array in vars(arrays).items() if array is not None}
            np.savez_compressed(temporary / name, **present)
    if curves:
        (temporary / CURVES).write_text(curves_text(curves), encoding="utf-8")
    if model is not None:
        shutil.copyfile(model, temporary / "model.safetensors")
    (temporary / "log.txt").write_text(log, encoding="utf-8")
    text = json.dumps(record.model_dump(), indent=2, sort_keys=True, allow_nan=False)
    (temporary / "record.json").write_text(text + "\n", encoding="utf-8")
    # Two processes may finish the same run at once: the last one stays.
    with FileLock(target.parent / ".lock"):
        if target.exists():
            shutil.rmtree(target)
        temporary.rename(target)
    return StoredRun(target, record)


def read_run(folder: Path) -> StoredRun:
    """Read one run. Raises ValueError naming the file when it is unreadable or of a newer schema."""
    path = folder / "record.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("schema_version", 0) > SCHEMA:
            raise ValueError(f"{path}: schema {content['schema_version']} is newer than ours, {SCHEMA}")
        return StoredRun(folder, Record.model_validate(content))
    except (OSError, AttributeError, TypeError, json.JSONDecodeError, ValidationError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


def stored_runs(runs_dir: Path, warn: Callable[[str], None] = lambda message: None) -> Iterator[StoredRun]:
    """All readable runs, oldest first within a method; an unreadable one is reported and left out."""
    found = []
    for path in sorted(runs_dir.glob("*/*/*/*/record.json")):
        if path.parent.name.startswith(_TEMPORARY):
            continue
        try:
            found.append(read_run(path.parent))
        except ValueError as error:
            warn(str(error))
    yield from sorted(found, key=lambda run: run.record.started)


def sweep(runs_dir: Path) -> int:
    """Remove what aborted runs left behind, not what another process writes; return how many there were."""
    stale = [path for path in runs_dir.glob(f"*/*/*/{_TEMPORARY}*") if not _is_alive(path)]
    for path in stale:
        shutil.rmtree(path, ignore_errors=True)
    return len(stale)


def _is_alive(temporary: Path) -> bool:
    host, _, rest = temporary.name.removeprefix(_TEMPORARY).partition("-")
    pid = rest.partition("-")[0]
    if host != _HOST:
        return True  # on a shared disk: whether it lives cannot be told from here
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return int(pid) != os.getpid()
