"""Whether runs on a data set would be right: everything that can be told before one is started."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data_files import Contents, Reading, SharedContent, noted, read
from benchmark.errors import BenchmarkError
from benchmark.registry import DATASETS
from datasets.arrangement import arrange
from datasets.base import DatasetIndex, SketchPhotoDataset
from datasets.progress import Progress
from datasets.settings import Terms
from datasets.splits import ZeroShotSplit
from datasets.survey import ClassCount, Finding, Level

Stage = Callable[[str], AbstractContextManager[Progress]]
"""Names a long step and yields who is told how far it is."""

WORDNET_ID = re.compile(r"(?:.*/)?(n\d{8})_")


@dataclass(frozen=True)
class CorruptFile:
    """A file that no run can read."""

    name: str
    reason: str


@dataclass(frozen=True)
class SplitFacts:
    """What a split tests under a protocol: sketches against photos of unseen classes.

    n_ilsvrc_photos: gallery photos whose file name begins with the WordNet id of an ILSVRC-1k class; the
    least that a backbone trained on ImageNet has seen. n_ilsvrc_classes: classes with such photos. Both None
    where no name in the gallery begins with any WordNet id: nothing is known then.
    """

    split: str
    protocol: str
    n_unseen_classes: int
    n_queries: int
    n_gallery: int
    n_ilsvrc_photos: int | None
    n_ilsvrc_classes: int | None


@dataclass(frozen=True)
class DataCheck:
    """What was found.

    findings: errors first. n_files: pictures of the index and those it left out. split_ids: splits whose
    classes are there, for which `shared` and `splits` were looked for. has_pictures: whether items are
    picture files; else they are rows of features.
    """

    dataset: str
    is_deep: bool
    found: str
    findings: tuple[Finding, ...]
    counts: tuple[ClassCount, ...]
    n_files: int = 0
    split_ids: tuple[str, ...] = ()
    corrupt: tuple[CorruptFile, ...] = ()
    shared: tuple[SharedContent, ...] = ()
    splits: tuple[SplitFacts, ...] = ()
    has_pictures: bool = True

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that forbid a run."""
        return tuple(finding for finding in self.findings if finding.level == "error")

    @property
    def protocol(self) -> str | None:
        """The first protocol that can be run."""
        return self.splits[0].protocol if self.splits else None

    @property
    def short(self) -> tuple[ClassCount, ...]:
        """Classes with fewer pictures than published."""
        return tuple(count for count in self.counts if count.n_found < (count.n_published or 0))

    @property
    def is_ready(self) -> bool:
        """Whether a run would be right."""
        return not (self.errors or self.short or self.corrupt or self.shared)

    def as_json(self) -> dict[str, Any]:
        """Everything, for machines."""
        return {"is_ready": self.is_ready, **asdict(self)}


def open_dataset(dataset_id: str, root: Path | None, cache_dir: Path) -> SketchPhotoDataset:
    """Return the data set so that looking at it does not end at the first corrupt file."""
    kind = DATASETS.get(dataset_id)
    # Without a survey of its own it is indexed, which refuses unreadable pictures unless told to skip them.
    is_indexed = kind.survey is SketchPhotoDataset.survey
    dataset: SketchPhotoDataset = kind(root=root, cache_dir=cache_dir, skip_corrupt=is_indexed)
    return dataset


def check_data(dataset: SketchPhotoDataset, *, stage: Stage, is_deep: bool = False) -> DataCheck:
    """Look at folders, files, contents and splits. is_deep: decode every picture, too."""
    with stage("looking at the folders") as progress:
        survey = dataset.survey(progress)
    check = DataCheck(dataset.id, is_deep, survey.found, survey.findings, survey.counts)
    if survey.index is not None:
        check = _with_index(check, dataset, survey.index, stage)
    levels: tuple[Level, ...] = ("error", "warning", "note")
    return replace(check, findings=tuple(sorted(check.findings, key=lambda f: levels.index(f.level))))


def _with_index(
    check: DataCheck, dataset: SketchPhotoDataset, index: DatasetIndex, stage: Stage
) -> DataCheck:
    names = [*index.sketches.names, *index.photos.names]
    labels = np.concatenate([index.sketches.labels, index.photos.labels]).tolist()
    read_all = _read_pictures if index.has_pictures else _read_rows
    reading, left_out = read_all(check, dataset, index, stage)
    corrupt = [*left_out.items(), *((names[row], reading.faults[row]) for row in sorted(reading.faults))]

    unit, what = ("file", "picture") if index.has_pictures else ("row", "feature vector")
    contents = Contents.of(reading.digests, names, labels, index.class_names, unit=unit, what=what)
    splits, findings = _splits(dataset, index)
    facts, refused = _facts(dataset, index, splits)
    # What the folders lack is said already; here it would be said once more for every protocol.
    findings += [*([] if check.errors else refused), *contents.findings()]
    odd = "end as if cut short, but the decoder takes them"
    findings += noted(reading.odd, names, "odd ending", odd, level="warning")
    findings += noted(reading.misnamed, names, "suffix", "hold another format than the suffix says")
    return replace(
        check,
        n_files=len(names) + len(left_out),
        split_ids=tuple(split.id for split in splits),
        findings=(*check.findings, *findings),
        corrupt=tuple(CorruptFile(name, reason) for name, reason in corrupt),
        shared=tuple(shared for split in splits for shared in contents.across(split)),
        splits=tuple(facts),
        has_pictures=index.has_pictures,
    )


def _read_pictures(
    check: DataCheck, dataset: SketchPhotoDataset, index: DatasetIndex, stage: Stage
) -> tuple[Reading, dict[str, str]]:
    """Read every file; also return why the index left some out, by name."""
    files = [*index.sketches.files, *index.photos.files]
    faults: dict[Path, str] = {}
    if check.is_deep:
        with stage("decoding every picture") as progress:
            faults = dataset.ledger.faults(files, progress)
    with stage("reading every file for its content") as progress:
        reading = read(dataset, files, faults, progress)
    left_out = [(dataset.root or Path()) / name for name in index.skipped]
    reasons = dataset.ledger.faults(left_out)
    why = (reasons.get(path) or "it cannot be decoded" for path in left_out)
    return reading, dict(zip(index.skipped, why, strict=True))


def _read_rows(
    check: DataCheck, dataset: SketchPhotoDataset, index: DatasetIndex, stage: Stage
) -> tuple[Reading, dict[str, str]]:
    """The same for features, which the index has read."""
    digests = [*dataset.digests(index.sketches, "sketch"), *dataset.digests(index.photos, "photo")]
    reading = Reading(dict(enumerate(digests)), {}, [], [])
    return reading, dict.fromkeys(index.skipped, "it holds nan or infinity")


def _splits(dataset: SketchPhotoDataset, index: DatasetIndex) -> tuple[list[ZeroShotSplit], list[Finding]]:
    splits, findings = [], []
    for split_id in dataset.split_ids():
        try:
            split = dataset.split(split_id)
            split.check_against(index.class_names)
        except BenchmarkError as error:
            findings.append(Finding("error", "split", split_id, str(error)))
        else:
            splits.append(split)
    return splits, findings


def _facts(
    dataset: SketchPhotoDataset, index: DatasetIndex, splits: Sequence[ZeroShotSplit]
) -> tuple[list[SplitFacts], list[Finding]]:
    """What the splits test under every protocol, and a finding for each protocol that cannot be run."""
    from datasets.classes import ilsvrc_synsets

    synsets = ilsvrc_synsets()
    ids = [WORDNET_ID.match(name) for name in index.photos.names]
    has_id = np.array([found is not None for found in ids], bool)
    is_ilsvrc = np.array([found is not None and found[1] in synsets for found in ids], bool)
    facts = []
    refused: dict[str, str] = {}
    for protocol in dataset.card.protocols:
        try:
            facts += [_split_facts(dataset, index, split, protocol, has_id, is_ilsvrc) for split in splits]
        except BenchmarkError as error:
            refused[protocol] = str(error)
    # With one that works, the data are good for runs that name it.
    level: Level = "error" if len(refused) == len(dataset.card.protocols) else "warning"
    return facts, [Finding(level, "protocol", protocol, text) for protocol, text in refused.items()]


def _split_facts(
    dataset: SketchPhotoDataset,
    index: DatasetIndex,
    split: ZeroShotSplit,
    protocol: str,
    has_id: NDArray[np.bool_],
    is_ilsvrc: NDArray[np.bool_],
) -> SplitFacts:
    rows = arrange(
        index,
        dataset.roles(index, protocol),
        split,
        Terms(),
        train_classes=split.seen(index.class_names),
        test_classes=split.unseen,
    )
    exposed = rows.gallery[is_ilsvrc[rows.gallery]]
    is_known = bool(has_id[rows.gallery].any())
    return SplitFacts(
        split.id,
        protocol,
        n_unseen_classes=len(split.unseen),
        n_queries=len(rows.queries),
        n_gallery=len(rows.gallery),
        n_ilsvrc_photos=len(exposed) if is_known else None,
        n_ilsvrc_classes=len(np.unique(index.photos.labels[exposed])) if is_known else None,
    )
