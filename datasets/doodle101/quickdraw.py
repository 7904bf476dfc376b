"""The simplified drawings of Quick, Draw!: a few of the 100,000 and more that one file of a class holds."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from datasets.doodle101.drawing import Stroke

# The last is the name under which the pages of Google Cloud Storage save a file of full/simplified.
FILE_NAMES = ("{}.ndjson", "{}.ndjson.gz", "full_simplified_{}.ndjson")
_KEY_ID = re.compile(rb'"key_id"\s*:\s*"?(\d+)')


@dataclass
class Drawings:
    """What a file gave. strokes: by key_id, of those wanted. faults: what is wrong, a sentence each."""

    strokes: dict[str, list[Stroke]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def drawings_file(folder: Path, class_name: str) -> Path | None:
    """Return the file of a class in the folder of the downloads, None where there is none."""
    paths = (folder / pattern.format(class_name) for pattern in FILE_NAMES)
    return next((path for path in paths if path.is_file()), None)


def read_drawings(path: Path, class_name: str, key_ids: Collection[str]) -> Drawings:
    """Read the drawings with these ids; the file is left as soon as all are found.

    One line holds one JSON object (https://github.com/googlecreativelab/quickdraw-dataset): `word`, `key_id`
    and `drawing`, a list of strokes [[x, ...], [y, ...]] in 0..255. Only lines with a wanted id are parsed,
    so that 100 MB take about a second. Raises nothing: an id that is not found, a line that is no JSON,
    another word or a drawing that is not simplified is a fault.
    """
    found = Drawings()
    wanted = {key_id.encode() for key_id in key_ids}
    n_lines = 0
    try:
        with _opened(path) as file:
            for line in file:
                n_lines += 1
                match = _KEY_ID.search(line)
                if match is None or match[1] not in wanted:
                    continue
                wanted.discard(match[1])
                try:
                    found.strokes[match[1].decode()] = _strokes(json.loads(line), class_name)
                except (ValueError, TypeError) as error:
                    found.faults.append(f"{path}, line {n_lines} (key_id {match[1].decode()}): {error}")
                if not wanted:
                    break
    except (OSError, EOFError, zlib.error) as error:
        found.faults.append(f"{path} cannot be read on after line {n_lines}: {error}")
    if wanted:
        ids = ", ".join(sorted(key_id.decode() for key_id in wanted))
        found.faults.append(
            f"{path} has {n_lines:,} lines and not these {len(wanted)} of {len(key_ids)} drawings: {ids}"
        )
    return found


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _strokes(row: object, class_name: str) -> list[Stroke]:
    """Return the corners of every stroke. Raises ValueError in words that fit behind the name of the line."""
    if not isinstance(row, dict) or not isinstance(row.get("drawing"), list):
        raise ValueError("it has no `drawing`")
    if row.get("word") != class_name:
        raise ValueError(f"the word is {row.get('word')!r}, not {class_name!r}")
    strokes: list[Stroke] = []
    for stroke in row["drawing"]:
        if not isinstance(stroke, list) or len(stroke) != 2:
            # Raw drawings have a third list, the times, and coordinates of any size.
            raise ValueError(
                "a stroke is not [[x, ...], [y, ...]]: take the simplified drawings, not the raw"
            )
        xs, ys = stroke
        points = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
        if not all(0 <= value <= 255 for point in points for value in point):
            raise ValueError("a point lies outside 0..255: take the simplified drawings, not the raw")
        if points:
            strokes.append(points)
    if not strokes:
        raise ValueError("the drawing is empty")
    return strokes
