"""What is wrong with the pictures under a data root, said before anything is measured with them."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from benchmark.errors import BenchmarkError
from datasets.pictures import unreadable_text

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp"})
UNREAD_PICTURE_SUFFIXES = frozenset({".gif", ".tif", ".tiff", ".svg", ".heic", ".avif"})
"""Pictures that are not read: leaving them out in silence would change a data set unnoticed."""


def require_folder(path: Path, *, layout: str) -> None:
    """Raise BenchmarkError unless `path` is a folder. layout: what is expected where, for the message."""
    if not path.is_dir():
        seen = "is a file, not a folder" if path.exists() else "does not exist"
        raise BenchmarkError(f"{path} {seen}. Expected layout: {layout}")


def class_folders(folder: Path) -> tuple[str, ...]:
    """Names of the class folders under a modality's folder, sorted; hidden ones and files are ignored.

    Raises BenchmarkError when there are none.
    """
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    if not names:
        raise BenchmarkError(
            f"{folder} holds no class folders. Put the pictures of each class in one of its own."
        )
    return tuple(names)


def class_pictures(folder: Path) -> tuple[Path, ...]:
    """Pictures of one class folder, sorted by name: png, jpg, jpeg, bmp and webp in any case.

    Hidden files and files that are no pictures (a README, Thumbs.db) are ignored. Raises BenchmarkError for
    what would be left out against expectation: a folder inside, a picture in a format that is not read, and
    a class without pictures.
    """
    with os.scandir(folder) as entries:
        visible = sorted((entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith("."))
    for name, is_folder in visible:
        if is_folder:
            raise BenchmarkError(
                f"{folder} holds a folder '{name}'. Pictures lie directly in their class folder: "
                "move them up or take the folder away."
            )
        if Path(name).suffix.lower() in UNREAD_PICTURE_SUFFIXES:
            raise BenchmarkError(
                f"{folder / name} is in a format that is not read. "
                f"Convert it to one of {_listed(PICTURE_SUFFIXES)}, or take it away."
            )
    pictures = tuple(folder / name for name, _ in visible if Path(name).suffix.lower() in PICTURE_SUFFIXES)
    if not pictures:
        others = f" ({len(visible)} other files are there, first '{visible[0][0]}')" if visible else ""
        raise BenchmarkError(
            f"class folder {folder} holds no pictures{others}. Add some ({_listed(PICTURE_SUFFIXES)}), "
            "or take the class out of both modalities."
        )
    return pictures


def require_distinct_names(names: Collection[str], where: str) -> None:
    """Raise BenchmarkError for two classes whose names differ in case only: disks may take them for one."""
    spellings: dict[str, str] = {}
    for name in sorted(names):
        other = spellings.setdefault(name.casefold(), name)
        if other != name:
            raise BenchmarkError(
                f"classes '{other}' and '{name}' in {where} differ in upper and lower case only. "
                "Give the folders of one class one spelling, and two classes different names."
            )


def require_same_classes(sketch_classes: Collection[str], photo_classes: Collection[str], where: str) -> None:
    """Raise BenchmarkError naming the classes that have sketches but no photos, or photos but no sketches."""
    faults = []
    for has, lacks, own, other in (
        ("sketch", "photo", sketch_classes, photo_classes),
        ("photo", "sketch", photo_classes, sketch_classes),
    ):
        for name in sorted(set(own) - set(other)):
            close = difflib.get_close_matches(name, sorted(set(other) - set(own)), n=1)
            hint = f" (close: '{lacks}/{close[0]}')" if close else ""
            faults.append(f"'{name}' is under {has}/ but not under {lacks}/{hint}")
    if faults:
        raise BenchmarkError(
            f"every class needs sketches and photos; in {where} {'; '.join(faults)}. "
            "Add the missing folders, mend their spelling, or take the classes away."
        )


def require_readable(unreadable: Mapping[Path, str], where: str) -> None:
    """Raise BenchmarkError when a picture is unreadable, naming the first one's reason and the others.

    unreadable: file -> reason in a few words.
    """
    if not unreadable:
        return
    first, *others = unreadable
    more = f" {len(others)} more: {_first_few([str(path) for path in others])}." if others else ""
    raise BenchmarkError(f"{where}: {unreadable_text(first, unreadable[first])}{more}")


def _first_few(names: Sequence[str], n_shown: int = 10) -> str:
    return ", ".join(names[:n_shown]) + (", …" if len(names) > n_shown else "")


def _listed(suffixes: Collection[str]) -> str:
    return ", ".join(sorted(suffix.lstrip(".") for suffix in suffixes))
