"""SAKE's and ZSE-SBIR's file lists: which pictures published results were measured on.

`zeroshot*/<version>_filelist_{train,test,zero}.txt` (SAKE) and `zeroshot/{sketch,all_photo}_{train,zero}.txt`
(ZSE-SBIR), a line `<path> <class number>`; `cname_cid.txt` and `cname_cid_zero.txt`, a line `<class name>
<class number>`. Both names may hold blanks: the last one divides. Numbers start at 0 in the zero files again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from datasets.published.names import ClassNames, loose
from datasets.published.parts import first_few
from datasets.published.scan import ScannedPart
from datasets.survey import Finding

_LIST_NAMES = re.compile(r".+_filelist_(train|test|zero)\.txt|(sketch|all_photo)_(train|zero)\.txt")
_CLASS_NUMBERS = {False: "cname_cid.txt", True: "cname_cid_zero.txt"}


@dataclass(frozen=True)
class FileLists:
    """All lists beside a data set, united.

    read: the list files, from the data set's folder on. files: folder -> names of the files listed in it,
    folders as the lists write them.
    """

    read: tuple[str, ...]
    files: dict[str, dict[str, None]]
    findings: tuple[Finding, ...]

    @property
    def sentence(self) -> str:
        """What was read, for a person; "" for no lists."""
        n_of = Counter(name.partition("/")[0] for name in self.read)
        read = ", ".join(f"{n} in {folder}" for folder, n in n_of.items())
        return f"; file lists read: {read}" if read else ""


def read_file_lists(home: Path) -> FileLists:
    """Read every list in the folders `zeroshot*` of a data set's own folder; what is wrong is a finding."""
    files: dict[str, dict[str, None]] = {}
    findings: list[Finding] = []
    paths = [path for path in sorted(home.glob("zeroshot*/*.txt")) if _LIST_NAMES.fullmatch(path.name)]
    for path in paths:
        class_of: dict[int, str] = {}
        for number, name in _lines(path, findings):
            folder, _, file_name = name.removeprefix("./").rpartition("/")
            class_folder = folder.rpartition("/")[2]
            if file_name not in files.setdefault(folder, {}):
                files[folder][file_name] = None
            first = class_of.setdefault(number, class_folder)
            if first != class_folder and loose(first) != loose(class_folder):
                text = f"{path}: number {number} stands for '{first}' and '{class_folder}'."
                findings.append(
                    Finding("error", "file list", str(path), f"{text} The list is mixed up: fetch it again.")
                )
                break
        _check_class_numbers(path, class_of, findings)
    read = tuple(path.relative_to(home).as_posix() for path in paths)
    return FileLists(read, files, tuple(findings))


def choose_listed(scanned: ScannedPart, lists: FileLists, home: Path, names: ClassNames) -> list[str]:
    """Keep of each class that the lists name what they name, and note what differs from the disk.

    A class that no list names in this part keeps what its folder holds. Returns the listed folders that lie
    in this part.
    """
    parents = {folder.path.parent for folders in scanned.by_class.values() for folder in folders}
    mine = [folder for folder in lists.files if home / PurePosixPath(folder).parent in parents]
    listed = {home / folder: lists.files[folder] for folder in mine}
    absent: list[str] = []
    n_unlisted = 0
    named = {names.find(folder.name) for folder in listed}
    on_disk = {folder.path: folder for folders in scanned.by_class.values() for folder in folders}
    for path, file_names in listed.items():
        there = set(on_disk[path].names) if path in on_disk else set()
        absent += [f"{path.name}/{name}" for name in file_names if name not in there]
    for class_name, folders in scanned.by_class.items():
        if class_name not in named:
            continue
        for folder in folders:
            kept = [name for name in folder.names if name in listed.get(folder.path, {})]
            n_unlisted += len(folder.names) - len(kept)
            folder.names[:] = kept
    if absent:
        scanned.add(
            "error",
            "listed, not there",
            scanned.part.label,
            f"{len(absent):,} of the {scanned.part.noun} that the file lists name are not on disk: "
            f"{first_few(absent)}. Fetch them again, or move the folders zeroshot* away to do without.",
        )
    if n_unlisted:
        n_on_disk = n_unlisted + sum(
            len(folder.names) for folders in scanned.by_class.values() for folder in folders
        )
        text = (
            f"{n_unlisted:,} of {n_on_disk:,} {scanned.part.noun} on disk are named in no file list and left "
            "out of training and test."
        )
        if scanned.part.is_sketch:
            text += (
                " SAKE's lists *_test.txt name held-out sketches of seen classes: without them these lack."
            )
        scanned.add("warning", "not listed", scanned.part.label, text)
    return mine


def _lines(path: Path, findings: list[Finding]) -> Iterator[tuple[int, str]]:
    """Number and name of each line; the first malformed one ends the file with a finding."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        findings.append(Finding("error", "file list", str(path), f"{path} cannot be read: {error}"))
        return
    for i, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        name, _, number = line.rstrip().rpartition(" ")
        if not name or not number.isdecimal():
            findings.append(
                Finding(
                    "error",
                    "file list",
                    f"{path}:{i}",
                    f"{path}, line {i}: expected '<path> <class number>', got {line!r}. Fetch it again.",
                )
            )
            return
        yield int(number), name


def _check_class_numbers(path: Path, class_of: dict[int, str], findings: list[Finding]) -> None:
    """Compare a list with the file that names its numbers; classes are taken from the paths in any case."""
    names_path = path.with_name(_CLASS_NUMBERS[path.stem.endswith("_zero")])
    if not names_path.is_file():
        return
    faults: list[Finding] = []
    name_of = dict(_lines(names_path, faults))
    differing = [
        f"{number} is '{name_of[number]}' there and '{folder}' here"
        for number, folder in class_of.items()
        if number in name_of and loose(name_of[number]) != loose(folder)
    ]
    if differing:
        text = f"{path} numbers classes otherwise than {names_path.name}: {first_few(differing)}."
        faults.append(Finding("warning", "file list", str(path), f"{text} Classes are taken from the paths."))
    findings += [fault for fault in faults if fault not in findings]
