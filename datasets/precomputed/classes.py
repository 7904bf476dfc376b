"""Which classes there are, from whatever names them: the labels, a file, or a built-in data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from datasets.array_checks import Array
from datasets.precomputed.labels import by_name, by_number, few, name_column, spelt_like
from datasets.precomputed.places import Place
from datasets.precomputed.settings import Settings
from datasets.settings import Modality

NAMES_FILE = "classes.txt"


@dataclass(frozen=True)
class Classes:
    """labels: by modality, (n,) int64 into names. sentence: how the names were found."""

    names: tuple[str, ...]
    labels: Mapping[Modality, NDArray[np.int64]]
    sentence: str


@dataclass(frozen=True)
class NameList:
    """Class names in the order of the labels, and where they stand."""

    names: tuple[str, ...]
    origin: str


def listed_names(places: Sequence[Place], root: Path, asked_by: str) -> NameList | None:
    """Return the names that a file lists, None where none does.

    Raises BenchmarkError for lists that differ, and for what is no list of names.
    """
    lists = [
        NameList(name_column(place.value, place.name, f"{asked_by} {place.file.path}"), str(place))
        for place in places
    ]
    path = root / NAMES_FILE
    if path.is_file():
        try:
            lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
        except UnicodeDecodeError as error:
            raise BenchmarkError(f"{asked_by} {path}: it must be text in UTF-8 ({error}).") from error
        names = name_column(np.array(lines, dtype=str), "its lines", f"{asked_by} {path}")
        lists.append(NameList(names, NAMES_FILE))
    for other in lists[1:]:
        if other.names != lists[0].names:
            raise BenchmarkError(
                f"{asked_by} {root}: {lists[0].origin} and {other.origin} list other classes, or in another "
                "order. Keep one list."
            )
    return lists[0] if lists else None


def find_classes(
    labels: Mapping[Modality, Array], listed: NameList | None, settings: Settings, asked_by: str
) -> Classes:
    """Return the classes and every item's place among them.

    Text labels name the classes themselves; a list then says which there may be. Numbers need a list, or
    the data set that `like` names, whose classes are counted in the order of its sorted folders; without
    either, a class is called by its number.

    Raises BenchmarkError for labels of two kinds, labels that no class belongs to, and numbers that may be
    counted from 0 or from 1.
    """
    origin = f"{asked_by} {settings.path.parent}"
    kinds = {own.dtype.kind for own in labels.values()}
    if "U" in kinds and len(kinds) > 1:
        raise BenchmarkError(
            f"{origin}: the labels of one modality are text, those of the other numbers. "
            "Save both in one way."
        )
    if "U" in kinds:
        return _named(labels, listed, settings, origin)
    return _numbered(labels, listed, settings, origin)


def _named(
    labels: Mapping[Modality, Array], listed: NameList | None, settings: Settings, origin: str
) -> Classes:
    used = tuple(sorted({name for own in labels.values() for name in own.tolist()}))
    if listed is None:
        return Classes(_spelt(used, settings, origin), by_name(labels, used), "classes named by the labels")
    unknown = sorted(set(used) - set(listed.names))
    if unknown:
        raise BenchmarkError(
            f"{origin}: {len(unknown)} labels are not among the classes of {listed.origin}: {few(unknown)}. "
            "Spell both in one way, or take the list away."
        )
    names = _spelt(listed.names, settings, origin)
    return Classes(names, by_name(labels, listed.names), f"classes named by the labels and {listed.origin}")


def _numbered(
    labels: Mapping[Modality, Array], listed: NameList | None, settings: Settings, origin: str
) -> Classes:
    known = settings.class_names()
    if listed is not None:
        names, named_by = _spelt(listed.names, settings, origin), f"named by {listed.origin}"
    elif known is not None:
        names, named_by = known.class_names, f"named by {settings.like} in the order of its sorted folders"
    else:
        numbers = sorted({number for own in labels.values() for number in own.tolist()})
        as_text = {modality: own.astype(str) for modality, own in labels.items()}
        names = tuple(map(str, numbers))
        return Classes(names, by_name(as_text, names), "classes called by their numbers")
    counted, first = by_number(labels, len(names), settings.first_label, origin)
    return Classes(names, counted, f"labels counted from {first}, classes {named_by}")


def _spelt(names: tuple[str, ...], settings: Settings, origin: str) -> tuple[str, ...]:
    known = settings.class_names()
    return names if known is None else spelt_like(names, known, settings.like or "", origin)
