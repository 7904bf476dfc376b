"""What doodle101 holds, file by file: the committed lists of its sketches and photos.

`sketches.csv` names 25 drawings of Quick, Draw! a class by their `key_id`; `photos.csv` names photos by
folder and number in Caltech-101. The photos are at most 60 a class, evenly spaced in file order: of the n
files of a folder the positions `round(linspace(0, n - 1, m))`, m = 60 divided by the number of folders that
the class is made of, or all n where there are fewer. Two classes are made of two folders: chair (chair,
windsor_chair) and sailboat (ketch, schooner). The lists are the definition, not the rule.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SKETCHES_CSV = Path(__file__).with_name("sketches.csv")
PHOTOS_CSV = Path(__file__).with_name("photos.csv")


@dataclass(frozen=True)
class Sketch:
    """One drawing. class_name: also the word that was to be drawn, and the name of its download.

    sha256: of the PNG file, hex. pixels: first 16 hex digits of the sha256 over the decoded picture, 256 rows
    of 256 grey values: equal where another version of Pillow has packed the same picture otherwise.
    """

    class_name: str
    key_id: str
    sha256: str
    pixels: str

    @property
    def name(self) -> str:
        """Path under the data root.

        >>> Sketch("cell phone", "4516", "", "").name
        'sketch/cell phone/4516.png'
        """
        return f"sketch/{self.class_name}/{self.key_id}.png"


@dataclass(frozen=True)
class Photo:
    """One photo. source: its folder in Caltech-101. number: of its file there. sha256: of its bytes, hex."""

    class_name: str
    source: str
    number: int
    sha256: str

    @property
    def name(self) -> str:
        """Path under the data root.

        >>> Photo("airplane", "airplanes", 15, "").name
        'photo/airplane/airplanes_0015.jpg'
        """
        return f"photo/{self.class_name}/{self.source}_{self.number:04}.jpg"

    @property
    def original(self) -> str:
        """Path in Caltech-101, under the folder that holds the class folders.

        >>> Photo("airplane", "airplanes", 15, "").original
        'airplanes/image_0015.jpg'
        """
        return f"{self.source}/image_{self.number:04}.jpg"


@dataclass(frozen=True)
class Contents:
    """Every file of the data set, in the order of its items: by class, then by name."""

    sketches: tuple[Sketch, ...]
    photos: tuple[Photo, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, sorted."""
        return tuple(sorted({sketch.class_name for sketch in self.sketches}))

    def __iter__(self) -> Iterator[Sketch | Photo]:
        return iter((*self.sketches, *self.photos))

    def __len__(self) -> int:
        return len(self.sketches) + len(self.photos)


@functools.cache
def read_contents() -> Contents:
    """Return the committed lists.

    >>> len(read_contents().class_names), len(read_contents().sketches), len(read_contents().photos)
    (49, 1225, 2627)
    """
    return Contents(
        tuple(
            Sketch(row["class"], row["key_id"], row["sha256"], row["pixels"]) for row in _rows(SKETCHES_CSV)
        ),
        tuple(
            Photo(row["class"], row["source"], int(row["number"]), row["sha256"]) for row in _rows(PHOTOS_CSV)
        ),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
