"""Downloads in small: drawings of three classes, and class folders of Caltech-101 with made-up photos."""

import gzip
import json
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import pytest

from datasets.doodle101.build import build, plan
from datasets.doodle101.contents import Contents, Photo, read_contents

# Corners of two drawings of Quick, Draw!, recovered from their pictures before the drawing was written.
LOBSTER = [[(140, 255), (115, 232), (82, 178), (23, 65), (0, 0)]]
CHAIR = [[(0, 0), (16, 96), (16, 255)], [(13, 148), (95, 165), (99, 215), (108, 233)]]
REAL = {"5540600327700480": ("lobster", LOBSTER), "5054250176479232": ("chair", CHAIR)}
PHOTOS = (
    ("chair", "chair", 1),
    ("chair", "windsor_chair", 2),
    ("lobster", "lobster", 1),
    ("lobster", "lobster", 41),
)


def as_line(word, key_id, strokes, **other):
    """One line as Google writes it."""
    row = {
        "word": word,
        "countrycode": "US",
        "timestamp": "2017-03-01 20:41:36.70725 UTC",
        "recognized": True,
        "key_id": key_id,
        "drawing": [[[x for x, _ in stroke], [y for _, y in stroke]] for stroke in strokes],
    } | other
    return json.dumps(row, separators=(",", ":")) + "\n"


@dataclass
class Downloads:
    """Where the small downloads lie, and the lists of what is made of them."""

    quickdraw: Path
    caltech101: Path
    contents: Contents

    def plan(self, root):
        """Plan to make everything under `root`."""
        return plan(self.contents, root, quickdraw=self.quickdraw, caltech101=self.caltech101)

    def build(self, root, progress=None):
        """Make everything under `root`."""
        build(self.plan(root), progress)


@pytest.fixture
def downloads(tmp_path):
    """Two real drawings, between others, and four photos of three folders."""
    quickdraw, caltech101 = tmp_path / "quickdraw", tmp_path / "101_ObjectCategories"
    quickdraw.mkdir()
    listed = {sketch.key_id: sketch for sketch in read_contents().sketches}
    for key_id, (word, strokes) in REAL.items():
        others = [as_line(word, str(4_000_000_000_000_000 + i), [[(0, 0), (255, i)]]) for i in range(6)]
        lines = [*others[:4], as_line(word, key_id, strokes), *others[4:]]
        (quickdraw / f"{word}.ndjson").write_text("".join(lines), encoding="utf-8")
    photos = []
    for class_name, source, number in PHOTOS:
        photo = Photo(class_name, source, number, "")
        content = b"\xff\xd8\xff" + photo.name.encode() + b"\xff\xd9"
        path = caltech101 / photo.original
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        (path.parent / "image_0007.jpg").write_bytes(b"not listed")
        photos.append(replace(photo, sha256=sha256(content).hexdigest()))
    sketches = tuple(listed[key_id] for key_id in sorted(REAL, key=lambda key_id: REAL[key_id][0]))
    return Downloads(quickdraw, caltech101, Contents(sketches, tuple(photos)))


@pytest.fixture
def gzipped(downloads):
    """The drawings of one class packed."""
    path = downloads.quickdraw / "lobster.ndjson"
    packed = path.with_suffix(".ndjson.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return packed
