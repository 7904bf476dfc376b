"""The emoji of the data set: 729 concepts in 54 classes, as listed in `concepts.csv`."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

CONCEPTS_CSV = Path(__file__).with_name("concepts.csv")


@dataclass(frozen=True)
class Concept:
    """One emoji. code_point: its Unicode scalar in upper case hex without leading zeros, such as "1F6E9"."""

    class_name: str
    code_point: str
    name: str

    @property
    def character(self) -> str:
        """The emoji as a string of length 1."""
        return chr(int(self.code_point, 16))


def read_concepts() -> tuple[Concept, ...]:
    """Return all concepts in the order of the list."""
    with CONCEPTS_CSV.open(encoding="utf-8", newline="") as file:
        return tuple(Concept(row["class"], row["code_point"], row["name"]) for row in csv.DictReader(file))
