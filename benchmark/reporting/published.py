"""Published numbers beside measured ones: in a table of their own, with what keeps them from being compared.

`results/published/*.csv`, one number a line: method, paper, source (where it was read), dataset, split,
gallery, setting, direction, metric (ours that is nearest), wording (theirs), value, width, codes, flags
(what differs or is not known, separated by "; ").
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from pathlib import Path

from benchmark.reporting.comparison import Comparison, Row

PUBLISHED_DIR = Path(__file__).parents[2] / "results" / "published"


@dataclass(frozen=True)
class PublishedNumber:
    """One number of a paper; texts as in the file."""

    method: str
    paper: str
    source: str
    dataset: str
    split: str
    gallery: str
    setting: str
    direction: str
    metric: str
    wording: str
    value: float
    width: str
    codes: str
    flags: str


@dataclass(frozen=True)
class Beside:
    """A published number and the row of ours that it stands beside; measured is None without a mean."""

    row: Row
    number: PublishedNumber
    measured: float | None


def read_published(folder: Path = PUBLISHED_DIR) -> tuple[PublishedNumber, ...]:
    """Read every file. Raises ValueError for a file whose columns are others than the fields above."""
    names = [field.name for field in fields(PublishedNumber)]
    found = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                if list(line) != names:
                    raise ValueError(f"{path}: columns must be {', '.join(names)}")
                found.append(PublishedNumber(**{**line, "value": float(line["value"])}))  # type: ignore[arg-type]
    return tuple(found)


def beside(comparison: Comparison, numbers: tuple[PublishedNumber, ...] | None = None) -> tuple[Beside, ...]:
    """Return the published numbers of a comparison's methods on its data set, setting and direction."""
    protocol = comparison.protocol
    terms = (protocol.dataset, protocol.setting, protocol.direction)
    found = []
    for number in read_published() if numbers is None else numbers:
        if (number.dataset, number.setting, number.direction) != terms:
            continue
        for row in comparison.rows:
            if row.method == number.method:
                cell = row.mean.get(number.metric)
                found.append(Beside(row, number, None if cell is None else cell.value))
    return tuple(found)
