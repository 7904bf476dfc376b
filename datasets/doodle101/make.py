"""Write the lists `sketches.csv` and `photos.csv` from a copy of doodle101.

    python -m datasets.doodle101.make DIR [--to DIR]

Was run once, on the first copy. A list that changed would be another data set and need another name.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable
from pathlib import Path

from datasets.doodle101.contents import PHOTOS_CSV, SKETCHES_CSV
from datasets.doodle101.drawing import pixel_digest
from datasets.pictures import file_sha256


def make(root: Path, to: Path) -> None:
    """Write both lists into the folder `to`. root: holds `sketch/<class>/*.png` and `photo/<class>/*.jpg`."""
    _write(
        to / SKETCHES_CSV.name,
        ("class", "key_id", "sha256", "pixels"),
        (
            (path.parent.name, path.stem, file_sha256(path), pixel_digest(path))
            for path in sorted(root.glob("sketch/*/*.png"))
        ),
    )
    _write(
        to / PHOTOS_CSV.name,
        ("class", "source", "number", "sha256"),
        (
            (path.parent.name, *path.stem.rsplit("_", 1), file_sha256(path))
            for path in sorted(root.glob("photo/*/*.jpg"))
        ),
    )


def _write(path: Path, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def _main() -> None:
    parser = argparse.ArgumentParser(description="Write the lists of doodle101 from a copy of it.")
    parser.add_argument("root", type=Path, help="folder with sketch/ and photo/")
    parser.add_argument("--to", type=Path, default=SKETCHES_CSV.parent, help="folder of the lists")
    arguments = parser.parse_args()
    make(arguments.root, arguments.to)


if __name__ == "__main__":
    _main()
