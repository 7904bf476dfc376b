"""The published numbers of `results/published/numbers.csv`, one a line, as the mapping made them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path

from benchmark.errors import BenchmarkError

FOLDER = Path(__file__).parents[2] / "results" / "published"
NUMBERS = FOLDER / "numbers.csv"
UNKNOWN = "unknown"
SEPARATOR = "; "


@dataclass(frozen=True)
class PublishedNumber:
    """One number of a table.

    system: as printed. method: which of ours it is, "" for none. year: "unknown" where it is not stated.
    backbone, width: of the embedding, "" where not stated. codes: "real" or "binary". split: one of ours, or
    words that say why it is none. gallery: a protocol of ours, or "unknown". definition: a metric id, or one
    that ends in /unknown. source: where it was read. confidence: "read" in the paper's own table, code or
    slides, "secondhand" in another's. flags: what a reader must know, separated by "; ".
    """

    system: str
    method: str
    year: str
    venue: str
    backbone: str
    width: str
    codes: str
    dataset: str
    split: str
    gallery: str
    direction: str
    setting: str
    definition: str
    value: float
    source: str
    confidence: str
    flags: str

    @property
    def metric(self) -> str:
        """What a paper would call it: `map@200` for `map@200/voc`."""
        return self.definition.partition("/")[0]

    @property
    def is_defined(self) -> bool:
        """Whether the definition is known."""
        return not self.definition.endswith(f"/{UNKNOWN}")


def write_numbers(numbers: Iterable[PublishedNumber]) -> str:
    """Return numbers as the text of their file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [field.name for field in fields(PublishedNumber)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(number) for number in numbers)
    return out.getvalue()


@cache
def read_published(path: Path = NUMBERS) -> tuple[PublishedNumber, ...]:
    """Read the file. Raises BenchmarkError where it is not there or has other columns."""
    names = [field.name for field in fields(PublishedNumber)]
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            lines = list(reader)
            if reader.fieldnames != names:
                raise BenchmarkError(f"{path}: columns must be {', '.join(names)}. Restore the file.")
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be read ({error.strerror}). Restore the file.") from error
    return tuple(PublishedNumber(**{**line, "value": float(line["value"])}) for line in lines)  # type: ignore[arg-type]
