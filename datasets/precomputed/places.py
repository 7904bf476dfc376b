"""Which array of which file is what: features, labels and class names, recognised by name.

Files and arrays say their modality in their names: `sketch.npz` with `features`, or `sketch_features` in a
file of both. The files of ZSCMR's authors are read so too: `feature` in `sketchmatnew.mat` and
`imagematnew.mat`, `label_sk` and `label_im` in files of their own (`UxUyLoader.py` of their repository), or
`feature` and `label` in one file a modality, the label being the picture's path (`resnet50sketchy2048.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from benchmark.errors import BenchmarkError
from datasets.array_files import read_arrays
from datasets.settings import PLURALS, Modality

SUFFIXES = (".npz", ".mat")
FEATURES = ("features", "feature", "embeddings")
LABELS = ("labels", "label")
CLASS_NAMES = ("class_names", "classes")
WORDS: Mapping[Modality, tuple[str, ...]] = {
    "sketch": ("sketch", "sk"),
    "photo": ("photo", "image", "img", "im"),
}
"""How names say a modality, the word to use first. Those of two letters stand alone, others within a word."""

_EXAMPLE = (
    'np.savez("sketch.npz", features=array, labels=labels, class_names=names), and photo.npz likewise; or '
    "sketch_features, sketch_labels, photo_features and photo_labels in one file"
)


@dataclass(frozen=True)
class ArrayFile:
    """A file of arrays. names: of all arrays in it. small: labels and class names, read."""

    path: Path
    names: tuple[str, ...]
    small: Mapping[str, Any]

    @property
    def modality(self) -> Modality | None:
        """What the file's name says, None where it says neither or both."""
        return modality_of(self.path.stem)


@dataclass(frozen=True)
class Place:
    """One array of a file."""

    file: ArrayFile
    name: str

    def __str__(self) -> str:
        return f"'{self.name}' of {self.file.path.name}"

    @property
    def value(self) -> Any:
        """The array, where it is one of the small ones."""
        return self.file.small[self.name]


@dataclass(frozen=True)
class Places:
    """Where everything stands. class_names: every place that lists them."""

    features: Mapping[Modality, Place]
    labels: Mapping[Modality, Place]
    class_names: tuple[Place, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the features, each once."""
        return tuple(dict.fromkeys(place.file.path for place in self.features.values()))


def modality_of(name: str) -> Modality | None:
    """Return the modality that a name says.

    >>> modality_of("sketchmat2048"), modality_of("Imgmat"), modality_of("label_im"), modality_of("dim")
    ('sketch', 'photo', 'photo', None)
    """
    parts = re.split(r"[^a-z]+", name.lower())
    said = [
        modality
        for modality, words in WORDS.items()
        if any(word in parts or (len(word) > 2 and word in name.lower()) for word in words)
    ]
    return said[0] if len(said) == 1 else None


def array_names(modality: Modality, plain: Iterable[str]) -> frozenset[str]:
    """Return the names that an array of one modality may have, such as sketch_features and label_sk."""
    return frozenset(
        name
        for word in WORDS[modality]
        for own in plain
        for name in (f"{word}_{own}", f"{own}_{word}", f"{word}s_{own}")
    )


def find_places(root: Path, asked_by: str) -> Places:
    """Look into every .npz and .mat file that lies in a folder.

    Raises BenchmarkError for a file that cannot be read, and for what is not there or there twice, saying
    what is.
    """
    found = sorted(
        path for path in root.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
    if not found:
        raise BenchmarkError(
            f"{asked_by} {root} holds no .npz and no .mat file. Save features as {_EXAMPLE}."
        )
    files = [_opened(path, asked_by) for path in found]
    features: dict[Modality, Place] = {}
    labels: dict[Modality, Place] = {}
    for modality in WORDS:
        features[modality] = _features(files, modality, asked_by, root)
        labels[modality] = _labels(files, features[modality], modality, asked_by, root)
    names = tuple(Place(file, name) for file in files for name in file.names if name in CLASS_NAMES)
    return Places(features, labels, names)


def _opened(path: Path, asked_by: str) -> ArrayFile:
    small = [*LABELS, *CLASS_NAMES, *(name for modality in WORDS for name in array_names(modality, LABELS))]
    contents = read_arrays(path, small, asked_by)
    return ArrayFile(path, contents.names, contents.arrays)


def _features(files: Sequence[ArrayFile], modality: Modality, asked_by: str, root: Path) -> Place:
    own = array_names(modality, FEATURES)
    places = [
        Place(file, name)
        for file in files
        for name in file.names
        if name in own or (name in FEATURES and file.modality == modality)
    ]
    return _only(places, f"features of the {PLURALS[modality]}", files, asked_by, root)


def _labels(
    files: Sequence[ArrayFile], features: Place, modality: Modality, asked_by: str, root: Path
) -> Place:
    """Beside the features, else in another file whose array or whose own name says the modality."""
    own = array_names(modality, LABELS)
    is_shared = features.name not in FEATURES
    beside = [
        Place(features.file, name)
        for name in features.file.names
        if name in own or (name in LABELS and not is_shared)
    ]
    elsewhere = [
        Place(file, name)
        for file in files
        if file is not features.file
        for name in file.names
        if name in own or (name in LABELS and file.modality == modality)
    ]
    return _only(beside or elsewhere, f"labels of the {PLURALS[modality]}", files, asked_by, root)


def _only(places: Sequence[Place], what: str, files: Sequence[ArrayFile], asked_by: str, root: Path) -> Place:
    if len(places) == 1:
        return places[0]
    if places:
        raise BenchmarkError(
            f"{asked_by} {root}: the {what} could be {' or '.join(map(str, places))}. Keep one of them."
        )
    _nothing(what, files, asked_by, root)


def _nothing(what: str, files: Sequence[ArrayFile], asked_by: str, root: Path) -> NoReturn:
    seen = "; ".join(f"{file.path.name} ({', '.join(file.names) or 'nothing'})" for file in files)
    raise BenchmarkError(
        f"{asked_by} {root}: no {what} found. There are {seen}. Names say what is what: {_EXAMPLE}."
    )
