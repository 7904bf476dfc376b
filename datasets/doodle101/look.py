"""A copy of doodle101 on a disk, compared with the lists: what is missing, what is extra, what differs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets.checks import PICTURE_SUFFIXES, UNREAD_PICTURE_SUFFIXES
from datasets.doodle101.contents import Contents, Photo, Sketch
from datasets.doodle101.drawing import pixel_digest
from datasets.ledger import FileLedger
from datasets.progress import Progress
from datasets.survey import Finding

MODALITIES = ("sketch", "photo")
N_NAMED = 10
COMMAND = "run_benchmark.py prepare doodle101 --quickdraw DIR --caltech101 DIR"
REMEDY = f"`{COMMAND}` makes what is missing, with --data-root DIR where the copy lies elsewhere."


@dataclass(frozen=True)
class Look:
    """What was found under a root.

    there: the listed files that are there, in the order of the list. corrupt: of these, those that do not
    have the listed content and cannot be decoded, with the reason. findings: all that is wrong with the
    others; for sketches, `sketch_findings` tells more.
    """

    there: tuple[Sketch | Photo, ...]
    corrupt: Mapping[str, str]
    repacked: tuple[Sketch, ...]
    findings: tuple[Finding, ...]


def is_absent(root: Path) -> bool:
    """Whether nothing of a data set lies here: neither of its two folders."""
    return not any((root / modality).is_dir() for modality in MODALITIES)


def look(root: Path, contents: Contents, ledger: FileLedger, progress: Progress | None = None) -> Look:
    """Compare names and contents; every file is read once and remembered in the ledger.

    `repacked` are the readable sketches whose bytes are not those of the list: they may still show the same
    picture. Raises BenchmarkError naming a file that the disk does not give.
    """
    found = _pictures(root)
    there = tuple(item for item in contents if item.name in found)
    digests = ledger.digests([root / item.name for item in there], progress)
    other = [item for item, digest in zip(there, digests, strict=True) if digest != item.sha256]
    faults = ledger.faults([root / item.name for item in other])
    corrupt = {item.name: faults[root / item.name] for item in other if root / item.name in faults}
    altered = [item for item in other if item.name not in corrupt]
    listed = {item.name for item in contents}
    photos = [item.name for item in altered if isinstance(item, Photo)]
    findings = [
        *_missing(contents, found),
        *_by_folder("extra", sorted(found - listed), "not part of doodle101", _MOVE),
        *_by_folder("other content", photos, "not the photos of Caltech-101 (sha256)", _ANEW),
    ]
    return Look(there, corrupt, tuple(i for i in altered if isinstance(i, Sketch)), tuple(findings))


_MOVE = "Move them elsewhere; for pictures of your own there is --dataset folder."
_ANEW = "`run_benchmark.py prepare doodle101` puts the right ones in their place."


def sketch_findings(root: Path, repacked: Sequence[Sketch]) -> tuple[Finding, ...]:
    """Decode the sketches whose bytes differ from the list's, and say how many show another picture.

    Warnings: either way scores on this copy get a fingerprint of their own and stand in no table with those
    of other copies.
    """
    redrawn = [sketch for sketch in repacked if pixel_digest(root / sketch.name) != sketch.pixels]
    n_packed = len(repacked) - len(redrawn)
    apart = "Scores on this copy have a fingerprint of their own."
    findings = []
    if redrawn:
        names = _first_few([sketch.name for sketch in redrawn])
        text = f"{len(redrawn)} sketches show other pixels than the listed ones: {names}. {apart}"
        findings.append(Finding("warning", "drawn otherwise", "sketch", text))
    if n_packed:
        text = (
            f"{n_packed} sketches show the listed pixels, packed into other bytes, as another version of "
            f"Pillow does. {apart}"
        )
        findings.append(Finding("warning", "packed otherwise", "sketch", text))
    return tuple(findings)


def _pictures(root: Path) -> set[str]:
    """Names of all pictures in class folders under the root; hidden ones and other files are ignored."""
    suffixes = PICTURE_SUFFIXES | UNREAD_PICTURE_SUFFIXES
    found = set()
    for modality in MODALITIES:
        for folder in _visible(root / modality):
            for entry in _visible(folder.path) if folder.is_dir() else ():
                if Path(entry.name).suffix.lower() in suffixes and entry.is_file():
                    found.add(f"{modality}/{folder.name}/{entry.name}")
    return found


def _visible(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except FileNotFoundError:
        return []


def _missing(contents: Contents, found: set[str]) -> list[Finding]:
    n_listed: dict[str, int] = {}
    lacking: dict[str, list[str]] = {}
    for item in contents:
        folder, _, name = item.name.rpartition("/")
        n_listed[folder] = n_listed.get(folder, 0) + 1
        if item.name not in found:
            lacking.setdefault(folder, []).append(name)
    return [
        Finding(
            "error",
            "missing",
            folder,
            f"{folder}: {len(names)} of {n_listed[folder]} pictures are missing: {_first_few(names)}. "
            f"{REMEDY}",
        )
        for folder, names in lacking.items()
    ]


def _by_folder(kind: str, names: Sequence[str], what: str, advice: str) -> list[Finding]:
    folders: dict[str, list[str]] = {}
    for name in names:
        folder, _, file_name = name.rpartition("/")
        folders.setdefault(folder, []).append(file_name)
    return [
        Finding("error", kind, folder, f"{folder}: {what}: {_first_few(own)}. {advice}")
        for folder, own in folders.items()
    ]


def _first_few(names: Sequence[str]) -> str:
    more = f" and {len(names) - N_NAMED} more" if len(names) > N_NAMED else ""
    return ", ".join(names[:N_NAMED]) + more
