"""doodle101 made from its two downloads: strokes drawn, photos copied, every file whole or not there.

Nothing that is there is made again, so a call that was cut off at any moment is continued by the next one.
Two processes take turns.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from benchmark.errors import BenchmarkError
from datasets.doodle101.caltech import class_folders_in, not_found_text
from datasets.doodle101.contents import Contents, Photo, Sketch
from datasets.doodle101.drawing import png_of
from datasets.doodle101.quickdraw import FILE_NAMES, drawings_file, read_drawings
from datasets.files import write_whole
from datasets.pictures import decode_fault, file_sha256
from datasets.progress import Progress

N_NAMED = 20


@dataclass(frozen=True)
class Plan:
    """What is to be made under `root`, and from what; n_there files are there already.

    quickdraw: folder of the drawings. categories: the one that holds the class folders of Caltech-101. Each
    is None where nothing is needed of it.
    """

    root: Path
    sketches: tuple[Sketch, ...]
    photos: tuple[Photo, ...]
    n_there: int
    quickdraw: Path | None = None
    categories: Path | None = None


@dataclass
class _Work:
    """How far it is, and what could not be made."""

    n_total: int
    progress: Progress | None
    n_done: int
    faults: list[str] = field(default_factory=list)

    def step(self) -> None:
        self.n_done += 1
        if self.progress is not None:
            self.progress(self.n_done, self.n_total)


def plan(contents: Contents, root: Path, *, quickdraw: Path | None, caltech101: Path | None) -> Plan:
    """Find what is missing under `root` and the downloads to make it from, reading nothing of them.

    A sketch is there when its bytes are the listed ones or it can at least be decoded, a photo when its bytes
    are the listed ones. quickdraw: folder of `<class>.ndjson`. caltech101: see `class_folders_in`. Raises
    BenchmarkError listing every file and folder that the downloads lack.
    """
    sketches = tuple(sketch for sketch in contents.sketches if not _is_drawn(root, sketch))
    photos = tuple(photo for photo in contents.photos if not _is_copied(root, photo))
    sources = {photo.source for photo in photos}
    categories = class_folders_in(caltech101, sources) if caltech101 is not None else None
    faults = _lacking_drawings(sketches, quickdraw)
    if photos:
        faults += _lacking_photos(photos, caltech101, categories)
    if faults:
        raise BenchmarkError(_listed("doodle101 cannot be made", faults))
    n_there = len(contents) - len(sketches) - len(photos)
    return Plan(root, sketches, photos, n_there, quickdraw, categories)


def build(work: Plan, progress: Progress | None = None) -> None:
    """Make what is missing, class by class; go on past what is wrong with single files.

    Raises BenchmarkError in the end, naming every drawing that was not found and every photo whose bytes are
    not those of the list (these are not copied). Raises OSError when the disk is full or cannot be written.
    """
    work.root.mkdir(parents=True, exist_ok=True)
    with FileLock(work.root / ".prepare.lock"):
        state = _Work(work.n_there + len(work.sketches) + len(work.photos), progress, work.n_there)
        by_class: dict[str, list[Sketch]] = defaultdict(list)
        for sketch in work.sketches:
            by_class[sketch.class_name].append(sketch)
        for class_name, sketches in by_class.items():
            _draw_class(work, class_name, sketches, state)
        for photo in work.photos:
            _copy(work, photo, state)
        # Left behind where a writer was killed between making a file and giving it its name.
        for modality in ("sketch", "photo"):
            for leftover in work.root.glob(f"{modality}/*/.*.??g-*"):
                leftover.unlink(missing_ok=True)
    if state.faults:
        made = f"{state.n_done:,} of {state.n_total:,} pictures of doodle101 are in {work.root}"
        raise BenchmarkError(_listed(made, state.faults))


def _is_drawn(root: Path, sketch: Sketch) -> bool:
    path = root / sketch.name
    return path.is_file() and (file_sha256(path) == sketch.sha256 or not decode_fault(path))


def _is_copied(root: Path, photo: Photo) -> bool:
    path = root / photo.name
    return path.is_file() and file_sha256(path) == photo.sha256


def _draw_class(work: Plan, class_name: str, sketches: Sequence[Sketch], state: _Work) -> None:
    assert work.quickdraw is not None  # `plan` refuses sketches without it
    path = drawings_file(work.quickdraw, class_name)
    if path is None:  # taken away since it was planned
        state.faults.append(f"{work.quickdraw / FILE_NAMES[0].format(class_name)} is gone")
        return
    drawings = read_drawings(path, class_name, [sketch.key_id for sketch in sketches])
    state.faults += drawings.faults
    for sketch in sketches:
        if sketch.key_id in drawings.strokes and not _is_drawn(work.root, sketch):
            write_whole(work.root / sketch.name, png_of(drawings.strokes[sketch.key_id]))
        if sketch.key_id in drawings.strokes:
            state.step()


def _copy(work: Plan, photo: Photo, state: _Work) -> None:
    assert work.categories is not None  # `plan` refuses photos without it
    if _is_copied(work.root, photo):  # by another process, since it was planned
        state.step()
        return
    original = work.categories / photo.original
    try:
        content = original.read_bytes()
    except OSError as error:
        state.faults.append(f"{original} cannot be read: {error.strerror or error}")
        return
    if hashlib.sha256(content).hexdigest() != photo.sha256:
        state.faults.append(f"{original} has other bytes than the photo of Caltech-101 (sha256)")
        return
    write_whole(work.root / photo.name, content)
    state.step()


def _lacking_drawings(sketches: Sequence[Sketch], folder: Path | None) -> list[str]:
    classes = sorted({sketch.class_name for sketch in sketches})
    if not classes:
        return []
    if folder is None:
        return [f"--quickdraw DIR is needed: the drawings of {len(classes)} classes are missing"]
    if not folder.is_dir():
        return [f"--quickdraw {folder} {'is a file, not a folder' if folder.exists() else 'does not exist'}"]
    lacking = [name for name in classes if drawings_file(folder, name) is None]
    if not lacking:
        return []
    n_files = sum(".ndjson" in path.name for path in folder.iterdir())
    names = ", ".join(FILE_NAMES[0].format(name) for name in lacking)
    return [
        f"--quickdraw {folder} lacks {len(lacking)} of {len(classes)} files (it holds {n_files} files "
        f".ndjson): {names}"
    ]


def _lacking_photos(photos: Sequence[Photo], folder: Path | None, categories: Path | None) -> list[str]:
    sources = sorted({photo.source for photo in photos})
    if folder is None:
        return [f"--caltech101 DIR is needed: photos of {len(sources)} of its class folders are missing"]
    if categories is None:
        return [not_found_text(folder)]
    faults = []
    absent = [source for source in sources if not (categories / source).is_dir()]
    if absent:
        faults.append(
            f"{categories} lacks {len(absent)} of {len(sources)} class folders: {', '.join(absent)}"
        )
    files = [
        photo.original
        for photo in photos
        if photo.source not in absent and not (categories / photo.original).is_file()
    ]
    if files:
        more = f" and {len(files) - N_NAMED} more" if len(files) > N_NAMED else ""
        faults.append(f"{categories} lacks {len(files)} photos: {', '.join(files[:N_NAMED])}{more}")
    return faults


def _listed(head: str, faults: Sequence[str]) -> str:
    """One message with everything that is wrong, a line each, and what to do."""
    lines = "".join(f"\n  {fault}." for fault in faults)
    return (
        f"{head}:{lines}\nFetch what is missing or not whole (`list datasets` says where it is found) and "
        "give the same command: it goes on from here."
    )
