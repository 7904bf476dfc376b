"""The pictures of one part by class, from its folders alone, and what is wrong with these folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.errors import BenchmarkError
from datasets.checks import PICTURE_SUFFIXES, UNREAD_PICTURE_SUFFIXES
from datasets.progress import Progress
from datasets.published.names import ClassNames
from datasets.published.parts import Part, first_few, stem
from datasets.survey import Finding, Level

HELPERS = frozenset({"__MACOSX"})
"""Folders that packing programs leave behind."""

N_UNKNOWN = 5
"""Unknown folders that are told one by one, where they are not a fifth of all; more are another data set."""


@dataclass
class ClassFolder:
    """A folder of pictures of one class. names: of its pictures, in the order of the disk."""

    path: Path
    names: list[str]


@dataclass
class ScannedPart:
    """The pictures of one part. by_class: class -> its folders, more than one where a layout divides it."""

    part: Part
    by_class: dict[str, list[ClassFolder]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add(self, level: Level, kind: str, where: object, text: str) -> None:
        """Note a finding."""
        self.findings.append(Finding(level, kind, str(where), text))


def scan_part(
    part: Part, folders: Sequence[Path], names: ClassNames, progress: Progress | None = None
) -> ScannedPart:
    """List all pictures of a part. Opens no picture; raises BenchmarkError for an unlistable folder only."""
    scanned = ScannedPart(part)
    listed = {folder: listing(folder) for folder in folders if folder.is_dir()}
    class_folders = [
        (folder / name, names.find(name))
        for folder, entries in listed.items()
        for name, is_folder in entries
        if is_folder and name not in HELPERS
    ]
    unknown: list[Path] = []
    strays: list[str] = []
    others: list[str] = []
    n_left_out = 0
    for done, (folder, class_name) in enumerate(class_folders, start=1):
        entries = listing(folder)
        if class_name is None:
            if entries:
                unknown.append(folder)
            continue
        kept = []
        for name, is_folder in entries:
            suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - for every file of the data set
            if is_folder:
                if name not in HELPERS:
                    scanned.add(
                        "error",
                        "folder in a class",
                        folder / name,
                        f"{folder} holds a folder '{name}'. Pictures lie directly in their class folder: "
                        "move them up or take the folder away.",
                    )
            elif suffix in UNREAD_PICTURE_SUFFIXES:
                scanned.add(
                    "error",
                    "format",
                    folder / name,
                    f"{folder / name} is in a format that is not read. Published copies have png and jpg "
                    "only: convert it or take it away.",
                )
            elif suffix not in PICTURE_SUFFIXES:
                others.append(f"{class_name}/{name}")
            elif part.left_out is not None and part.left_out.fullmatch(stem(name)):
                n_left_out += 1
            else:
                if part.stems is not None and not part.stems.fullmatch(stem(name)):
                    strays.append(f"{class_name}/{name}")
                kept.append(name)
        _take(scanned, folder, class_name, kept)
        if progress is not None:
            progress(done, len(class_folders))
    _unknown_folders(scanned, unknown, len(class_folders), names)
    _beside_folders(
        scanned, [folder / name for folder in listed for name, is_f in listed[folder] if not is_f]
    )
    _missing_classes(scanned, folders, names)
    _odd_files(scanned, strays, others, n_left_out)
    return scanned


def listing(folder: Path) -> list[tuple[str, bool]]:
    """Visible entries of a folder: name, and whether it is a folder. Raises BenchmarkError."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        raise BenchmarkError(
            f"folder {folder} cannot be listed: {error.strerror}. Mend its permissions or fetch it again."
        ) from error


def _take(scanned: ScannedPart, folder: Path, class_name: str, kept: list[str]) -> None:
    if not kept:
        return
    same = [other for other in scanned.by_class.get(class_name, ()) if other.path.parent == folder.parent]
    if same:
        scanned.add(
            "error",
            "class twice",
            folder,
            f"{same[0].path} and {folder.name} beside it both mean class '{class_name}'. Join them, or take "
            "one away.",
        )
        return
    scanned.by_class.setdefault(class_name, []).append(ClassFolder(folder, kept))


def _unknown_folders(scanned: ScannedPart, unknown: list[Path], n_folders: int, names: ClassNames) -> None:
    if len(unknown) > max(N_UNKNOWN, n_folders // 5):
        text = (
            f"{len(unknown)} of {n_folders} folders of {scanned.part.noun} mean none of the "
            f"{len(names.class_names)} classes: {first_few([folder.name for folder in unknown])}. This looks "
            "like another data set: name its folder, or this one's id."
        )
        scanned.add("error", "unknown folder", unknown[0].parent, text)
        return
    for folder in unknown:
        near = names.nearest(folder.name)
        hint = f" The class spelt most like it is '{near}'." if near else ""
        text = f"{folder} means none of the {len(names.class_names)} classes.{hint}"
        scanned.add("error", "unknown folder", folder, f"{text} Mend its name, or move it away.")


def _beside_folders(scanned: ScannedPart, files: list[Path]) -> None:
    pictures = [path for path in files if path.suffix.lower() in PICTURE_SUFFIXES | UNREAD_PICTURE_SUFFIXES]
    if pictures:
        text = (
            f"{len(pictures):,} picture(s) beside the class folders, of no class: "
            f"{first_few([path.name for path in pictures])}. They are left out."
        )
        scanned.add("warning", "beside folders", pictures[0].parent, text)


def _missing_classes(scanned: ScannedPart, folders: Sequence[Path], names: ClassNames) -> None:
    missing = [name for name in names.class_names if name not in scanned.by_class]
    if missing:
        where = " and ".join(map(str, folders))
        scanned.add(
            "error",
            "missing class",
            where,
            f"{len(missing)} of {len(names.class_names)} classes have no {scanned.part.noun} under {where}: "
            f"{', '.join(missing)}. Fetch them again; a class with an empty folder counts as missing.",
        )


def _odd_files(scanned: ScannedPart, strays: list[str], others: list[str], n_left_out: int) -> None:
    part = scanned.part
    known = [name for name in strays if name in part.known_strays]
    new = [name for name in strays if name not in part.known_strays]
    if new:
        scanned.add(
            "warning",
            "odd file name",
            part.label,
            f"{len(new)} of the {part.noun} are not named like {part.example}: {first_few(new)}. They are "
            "kept; take away what is no part of the published data.",
        )
    if known:
        scanned.add(
            "note",
            "odd file name",
            part.label,
            f"{first_few(known)} is not named like {part.example}; the published data have it too.",
        )
    if others:
        scanned.add(
            "note",
            "no picture",
            part.label,
            f"{len(others)} files among the {part.noun} are no pictures and are left out: "
            f"{first_few(others)}.",
        )
    if n_left_out:
        scanned.add(
            "note", "left out", part.label, f"{n_left_out:,} files are left out: {part.left_out_reason}"
        )
