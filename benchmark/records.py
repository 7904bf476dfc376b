"""What is kept of a run: one folder, written under a temporary name and renamed when it is whole."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from benchmark.errors import BenchmarkError
from datasets.class_vectors import COMMITTED
from datasets.settings import DIRECTIONS, Direction, Modality

SCHEMA = 1
_TEMPORARY = ".partial-"
_HOST = platform.node().replace("-", "_") or "here"


class Protocol(BaseModel):
    """Everything that makes two numbers comparable. Tables join on its hash and on nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    protocol: str
    file_list_sha256: str
    split: str
    split_sha256: str
    setting: str
    direction: str
    queries: str = "all"
    relevance: str
    exclusions: str
    preprocessing: str
    feature_norm: str
    pairs: str
    width: int
    codes: str
    ties: str
    metric_engine: str

    @property
    def modalities(self) -> tuple[Modality, Modality]:
        """Modality of the queries and of the gallery."""
        return DIRECTIONS[cast("Direction", self.direction)]

    @property
    def preset(self) -> str:
        """Name of the preprocessing that is spelled out."""
        return self.preprocessing.partition(":")[0]

    @property
    def special_terms(self) -> tuple[str, ...]:
        """What is tested otherwise than all unseen sketches against all unseen photos, for titles."""
        plain = {
            "setting": ("zs",),
            "direction": ("sketch2photo",),
            "queries": ("all", "loo"),
            "relevance": ("category",),
            "preset": ("stretch", "given"),  # the name of the data set says that features were given
        }
        return tuple(value for name, usual in plain.items() if (value := getattr(self, name)) not in usual)

    @property
    def interval_seed(self) -> int:
        """Seed of the resamples of this split, wherever its intervals are computed."""
        return int(hashlib.sha256(self.split_sha256.encode()).hexdigest()[:8], 16)

    @property
    def fingerprint(self) -> str:
        """First 12 hex digits of the sha256 over the sorted fields."""
        return digest(self.model_dump())[:12]


class Score(BaseModel):
    """One metric of one run: query mean with its 95 % interval, class-balanced mean, analytic chance."""

    model_config = ConfigDict(extra="forbid")

    value: float
    ci_low: float
    ci_high: float
    class_balanced: float
    chance: float
    n_queries_used: int


class Counts(BaseModel):
    """Sizes of a run. Queries are those of unseen classes; a generalised setting has seen ones beside them.

    n_copies_left_out: items of seen classes that did not train, being copies of unseen pictures.
    tie_frac: share of queries with a mixed tie across a cut, by cut.
    """

    model_config = ConfigDict(extra="forbid")

    n_queries: int
    n_gallery: int
    n_unseen_classes: int
    n_seen_classes: int
    n_train_classes: int
    n_train_sketches: int
    n_train_photos: int
    n_without_positives: int
    n_near_ties: int
    tie_frac: dict[str, float]
    n_seen_queries: int = 0
    n_copies_left_out: int = 0


class FineTuned(BaseModel):
    """How the backbone of one modality was fine-tuned before its features were read."""

    model_config = ConfigDict(extra="ignore")

    key: str
    weights_sha256: str
    recipe: dict[str, Any]
    n_trained: int
    n_held_out: int
    n_epochs: int
    best_epoch: int
    held_out_accuracy: float
    seconds: float
    devices: list[str]
    precision: str


class Record(BaseModel):
    """`record.json`. Missing values are null; a failed or skipped run has no scores and a reason.

    variant: "" for a method as the suite runs it, else what sets this row apart, such as "smoke" or
    "without latent": rows of a table are (method, variant). split_family: splits drawn together share one.
    lacking: kind of picture -> number found and number published, where the data lack some.
    weights: where the backbone's came from; supervised_on: its label set (records older than the field are
    of EfficientNet-Lite0, which is of ILSVRC-1k). finetune: what the suite asked for; finetuning: what was
    done to the features of this very run, by modality.
    class_vectors: what kind of vectors the method was given, as `<name> (<form>)`; None for none, and in
    records that are older than the choice, whose vectors were the committed ones. class_vectors_sha256: of
    the vectors of all classes of the data set; of the committed ones, of their file.
    scores, per_class and the arrays beside the record are of queries of unseen classes; seen_scores of those
    of seen classes in the same gallery, where the setting has any.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: int = SCHEMA
    run_id: str
    identity: str
    status: Literal["complete", "partial", "failed", "skipped"]
    reason: str | None = None
    started: str
    method: str
    variant: str = ""
    seed: int
    backbone: str
    weights_sha256: str
    weights: str = "published"
    supervised_on: str = "imagenet1k"
    finetune: str = "none"
    finetuning: dict[Modality, FineTuned] = {}
    backbone_preprocessing: str
    class_vectors: str | None = None
    class_vectors_sha256: str | None = None
    source_sha256: str
    config: dict[str, Any]
    config_source: str
    card: dict[str, Any]
    protocol: Protocol
    fingerprint: str
    split_family: str = ""
    environment: dict[str, Any]
    phases_s: dict[str, float] = {}
    peak_mib: float | None = None
    scores: dict[str, Score] = {}
    seen_scores: dict[str, Score] = {}
    dropped_metrics: dict[str, str] = {}
    pr_curve: list[float] | None = None
    chance_pr_curve: list[float] | None = None
    per_class: dict[str, dict[str, float | None]] = {}
    counts: Counts | None = None
    embedding_width: int | None = None
    distance: str | None = None
    n_parameters: int | None = None
    skipped_files: list[str] = []
    lacking: dict[str, tuple[int, int]] = {}

    @property
    def family(self) -> str:
        """What a split may be averaged with: those of its family, or itself alone."""
        return self.split_family or self.protocol.split

    @property
    def own_vectors(self) -> str:
        """Name of the class vectors, where they are not the committed ones, else "".

        A row under other vectors is another row: no mean mixes them.
        """
        if self.class_vectors in (None, COMMITTED.kind):
            return ""
        return str(self.class_vectors).rpartition(" (")[0]

    @property
    def weights_choice(self) -> str:
        """What a suite calls the weights of the backbone: "published", "random", or a file, by its name."""
        is_published = not self.weights.startswith(("file ", "random"))
        return "published" if is_published else self.weights.removeprefix("file ")

    @property
    def reads_features(self) -> bool:
        """Whether the method reads what a backbone makes of pictures."""
        return bool(self.card.get("input") != "images")

    @property
    def networks(self) -> tuple[str, ...]:
        """Hashes of the fine-tuned weights behind the features, none for a backbone as it is.

        Not their keys: a training on another machine, or again after the cache was emptied, may give others.
        """
        return tuple(own.weights_sha256 for _, own in sorted(self.finetuning.items()))

    @property
    def depends_on_seed(self) -> bool:
        """Whether another seed can give other numbers: that of the method, or that of ITQ's rotation."""
        return bool(self.card.get("is_random", True)) or self.protocol.codes.startswith("itq")


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


def digest(content: Any) -> str:
    """Return the sha256 of a JSON-able value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def run_folder(runs_dir: Path, protocol: Protocol, method: str, run_id: str) -> Path:
    """`<runs>/<dataset>/<split>/<method>/<run-id>`."""
    return runs_dir / protocol.dataset / protocol.split / method / run_id


def write_run(
    runs_dir: Path,
    record: Record,
    *,
    per_query: PerQuery | None = None,
    rankings: Rankings | None = None,
    log: str = "",
    model: Path | None = None,
) -> StoredRun:
    """Write a run so that a reader sees all of it or nothing; a run of the same identity is replaced.

    model: a file of weights to keep a copy of.
    """
    target = run_folder(runs_dir, record.protocol, record.method, record.run_id)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f"{_TEMPORARY}{_HOST}-{os.getpid()}-", dir=target.parent))
    temporary.chmod(0o755)  # mkdtemp makes private folders; results are meant to be read
    for name, arrays in (("per_query.npz", per_query), ("rankings.npz", rankings)):
        if arrays is not None:
            present = {field: array for field, array in vars(arrays).items() if array is not None}
            np.savez_compressed(temporary / name, **present)
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
