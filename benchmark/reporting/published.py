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

WHOLE = ("", "default", "paper")
"""Variants that are the method as it is, under a configuration of a name."""
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
    """Return the published numbers that were measured as a comparison's were, as far as is stated.

    Equal are data set, gallery, setting, direction, width and kind of codes; relevance and queries are the
    usual ones, and the row is the method as it is, not a variant of its losses.
    """
    protocol = comparison.protocol
    is_subset = "/" in protocol.protocol
    if protocol.relevance != "category" or protocol.queries not in ("all", "loo") or is_subset:
        return ()
    terms = (protocol.dataset, protocol.setting, protocol.direction, str(protocol.width))
    codes = protocol.codes.partition(",")[0]
    found = []
    for number in read_published() if numbers is None else numbers:
        stated = (number.dataset, number.setting, number.direction, number.width)
        if stated != terms or number.codes != codes or number.gallery not in (protocol.protocol, "unknown"):
            continue
        for row in comparison.rows:
            if row.method == number.method and row.variant in WHOLE:
                cell = row.mean.get(number.metric)
                found.append(Beside(row, number, None if cell is None else cell.value))
    return tuple(found)
