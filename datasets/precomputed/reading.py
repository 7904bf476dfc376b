"""From a folder of feature files to classes, labels and rows, and how they were recognised."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.classes import class_facts
from datasets.ledger import FileLedger
from datasets.precomputed.classes import Classes, find_classes, listed_names
from datasets.precomputed.labels import label_column, require_items
from datasets.precomputed.places import Places, find_places
from datasets.precomputed.rows import ConvertedRows, convert
from datasets.precomputed.settings import Settings
from datasets.progress import Progress
from datasets.settings import PLURALS, Modality

ZSCMR_LABELS = {"label_sk", "label_im"}


@dataclass(frozen=True)
class Opened:
    """What lies under a root. sha256: over the files of the features. found: in a sentence.

    By modality: labels (n,) int64 into the class names, rows, and the path of the file that holds them.
    """

    class_names: tuple[str, ...]
    labels: Mapping[Modality, NDArray[np.int64]]
    rows: Mapping[Modality, ConvertedRows]
    paths: Mapping[Modality, Path]
    sha256: str
    found: str


def read_root(
    settings: Settings,
    *,
    cache_dir: Path,
    ledger: FileLedger,
    asked_by: str,
    progress: Progress | None = None,
) -> Opened:
    """Read labels and names; convert the features where the cache does not hold them.

    Raises BenchmarkError beginning with `asked_by` for everything that is wrong but rows that are not finite.
    """
    root = settings.path.parent
    places = find_places(root, asked_by)
    labels = {
        modality: label_column(place.value, place.name, f"{asked_by} {place.file.path}")
        for modality, place in places.labels.items()
    }
    classes = find_classes(labels, listed_names(places.class_names, root, asked_by), settings, asked_by)
    require_items(classes.labels, classes.names, f"{asked_by} {root}")
    sha256_of = dict(zip(places.files, ledger.digests(places.files), strict=True))
    rows = {
        modality: convert(
            place,
            len(labels[modality]),
            file_sha256=sha256_of[place.file.path],
            cache_dir=cache_dir,
            asked_by=asked_by,
            progress=progress,
        )
        for modality, place in places.features.items()
    }
    arrays = [f"{sha256_of[place.file.path]} {place.name}" for place in places.features.values()]
    return Opened(
        classes.names,
        classes.labels,
        rows,
        {modality: place.file.path for modality, place in places.features.items()},
        hashlib.sha256("\n".join(arrays).encode()).hexdigest(),
        f"{_where(places, rows)}; {classes.sentence}{_agreement(settings, classes)}",
    )


def _where(places: Places, rows: Mapping[Modality, ConvertedRows]) -> str:
    parts = []
    for modality, features in places.features.items():
        labels = places.labels[modality]
        first = f"'{features.name}'" if features.file is labels.file else str(features)
        size = f"{len(rows[modality]):,} {PLURALS[modality]} ({rows[modality].dim}-d)"
        parts.append(f"{size} from {first} and {labels}")
    is_zscmr = {place.name for place in places.labels.values()} == ZSCMR_LABELS
    return ("named as ZSCMR's authors do: " if is_zscmr else "") + "; ".join(parts)


def _agreement(settings: Settings, classes: Classes) -> str:
    """How many classes have as many sketches as published: few, where labels count the classes otherwise."""
    if settings.kind is None or settings.kind.class_table is None:
        return ""
    published = {fact.class_name: fact.n_sketches for fact in class_facts(settings.kind.class_table)}
    found = np.bincount(classes.labels["sketch"], minlength=len(classes.names)).tolist()
    n = sum(published[name] == own for name, own in zip(classes.names, found, strict=True))
    return f"; {n} of {len(found)} classes have as many sketches as {settings.like} publishes"
