"""What `record.json` says of a run: its terms, its method, what it measured and on how much."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict

from datasets.class_vectors import COMMITTED
from datasets.settings import DIRECTIONS, Direction, Modality

SCHEMA = 2
"""2: `source_sha256` is over what Python executes, and `files_used` says what else a run depends on."""


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
        """What is tested otherwise than embeddings of all unseen sketches against photos, for titles."""
        plain = {
            "setting": ("zs",),
            "direction": ("sketch2photo",),
            "queries": ("all", "loo"),
            "relevance": ("category",),
            "codes": ("real",),
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
    source_sha256: over what Python executes of the method's code. files_used: every other file outside of the
    Python environment and the harness that was read while the method was imported, fitted or asked to embed,
    with the sha256 of its content; from the repository's root, elsewhere whole. config_is_for_other_code: the
    configuration was searched for with another version of the code.
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
    files_used: dict[str, str] = {}
    config: dict[str, Any]
    config_source: str
    config_is_for_other_code: bool = False
    card: dict[str, Any]
    protocol: Protocol
    fingerprint: str
    split_family: str = ""
    environment: dict[str, Any]
    phases_s: dict[str, float] = {}
    peak_mib: float | None = None
    peak_device_mib: float | None = None
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
    def is_older(self) -> bool:
        """Whether a version wrote it that did not note which files a method reads."""
        return self.schema_version < SCHEMA

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


def digest(content: Any) -> str:
    """Return the sha256 of a JSON-able value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
