"""From the pictures of each part to the items of a modality: order, names, instances, content groups."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmark.errors import BenchmarkError
from datasets.base import Items
from datasets.joined import Joined, joined_paths
from datasets.published.parts import Part, canonical_file_name, stem
from datasets.published.scan import ClassFolder, ScannedPart


class Objects:
    """Names of photographed objects, one text object each: `<class>/<photo>`, as a photo is of one class."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def name(self, part: Part, class_name: str, file_name: str) -> str:
        """The object that a file shows, "" where its name does not tell."""
        match = part.stems.fullmatch(stem(file_name)) if part.stems is not None else None
        if match is None or match[1] is None:
            return ""
        name = f"{class_name}/{match[1]}"
        return self._known.setdefault(name, name)


def make_items(scanned: Sequence[ScannedPart], class_names: Sequence[str], objects: Objects) -> Items:
    """Items of the parts of one modality, by class, part and name; the order is the same in every layout.

    Raises BenchmarkError for two files of one name.
    """
    ordered = sorted(scanned, key=lambda one: one.part.key)
    folders: list[Path] = []
    heads: list[str] = []
    file_names: list[str] = []
    item_names: list[str] = []
    labels: list[int] = []
    folder_of: list[int] = []
    head_of: list[int] = []
    sources: list[str] = []
    instances: list[str] = []
    for label, class_name in enumerate(class_names):
        for one in ordered:
            heads.append(f"{one.part.key}/{class_name}/")
            its_folders = one.by_class.get(class_name, ())
            rows = _rows(its_folders, heads[-1])
            item_names += [name for name, _, _ in rows]
            file_names += [file_name for _, file_name, _ in rows]
            folder_of += [len(folders) + position for _, _, position in rows]
            folders += [folder.path for folder in its_folders]
            head_of += [len(heads) - 1] * len(rows)
            labels += [label] * len(rows)
            sources += [one.part.key] * len(rows)
            if one.part.names_instances:
                instances += [objects.name(one.part, class_name, name) for name, _, _ in rows]
    is_sketch = ordered[0].part.is_sketch
    return Items(
        files=joined_paths(folders, np.array(folder_of, np.int32), file_names),
        names=Joined(heads, np.array(head_of, np.int32), item_names, str),
        labels=np.array(labels, np.int64),
        instances=tuple(instances) if ordered[0].part.names_instances else None,
        groups=_groups(instances) if len(ordered) > 1 and instances else None,
        sources=None if is_sketch else tuple(sources),
    )


def without(scanned: ScannedPart, faults: Mapping[Path, str]) -> ScannedPart:
    """A part without some of its pictures. Raises BenchmarkError for a class of which none is left."""
    left = ScannedPart(scanned.part)
    for class_name, folders in scanned.by_class.items():
        left.by_class[class_name] = [
            ClassFolder(folder.path, [name for name in folder.names if folder.path / name not in faults])
            for folder in folders
        ]
        if not any(folder.names for folder in left.by_class[class_name]):
            raise BenchmarkError(
                f"class '{class_name}' has no readable {scanned.part.noun} in {folders[0].path}: all "
                f"{len(folders[0].names)} are corrupt. Fetch them again."
            )
    return left


def _rows(folders: Sequence[ClassFolder], head: str) -> list[tuple[str, str, int]]:
    """Item name, file name and number of the folder of each picture, sorted by item name."""
    rows = sorted(
        (canonical_file_name(file_name), file_name, position)
        for position, folder in enumerate(folders)
        for file_name in folder.names
    )
    for (name, file_name, position), (other_name, other_file, other) in itertools.pairwise(rows):
        if name == other_name:
            raise BenchmarkError(
                f"{folders[position].path / file_name} and {folders[other].path / other_file} are one item, "
                f"'{head}{name}'. Take the one away that does not belong to the data set."
            )
    return rows


def _groups(instances: Sequence[str]) -> tuple[str, ...]:
    """The object as content group where several photos are of it, "" elsewhere."""
    once: set[str] = set()
    again: set[str] = set()
    for name in instances:
        (again if name in once else once).add(name)
    return tuple(name if name in again else "" for name in instances)
