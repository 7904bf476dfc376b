"""Published numbers as committed: one number a line of `results/published/*.csv`, in our names.

The form is that of `PublishedNumber`; `mapping.toml` beside the files says how they got it.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from metrics.definitions import parse

PUBLISHED_DIR = Path(__file__).parents[2] / "results" / "published"
UNKNOWN = "unknown"
FLAG_SEPARATOR = "; "
SECONDHAND = "secondhand"

_LIST_UNKNOWN = ", list unknown"
# From here on a source says where its table lies.
_PLACE = re.compile(r" \([^()]*https?://|; https?://")


@dataclass(frozen=True)
class PublishedNumber:
    """One number of the literature.

    method: our id of it; name: how the literature calls it. year, width: "unknown" where not stated, width in
    bits for binary codes. split: a committed list, or what was printed and ", list unknown". gallery: a
    protocol of the data set, or "unknown". definition: a metric id, or `<name>/unknown`, which exists here
    only. source: where it was read, confidence: "read" in the method's own table, else "secondhand". flags:
    what else a reader must know, separated by "; ".
    """

    method: str
    name: str
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
    def metric_name(self) -> str:
        """What papers call the metric: `map@200` for `map@200/k`."""
        return self.definition.partition("/")[0]

    @property
    def is_defined(self) -> bool:
        """Whether it is known what the metric was."""
        return not self.definition.endswith(f"/{UNKNOWN}")

    @property
    def is_listed(self) -> bool:
        """Whether it is known which classes were unseen."""
        return not self.split.endswith(_LIST_UNKNOWN)

    @property
    def is_secondhand(self) -> bool:
        """Whether it was read in somebody else's table."""
        return self.confidence == SECONDHAND

    @property
    def codes_text(self) -> str:
        """The embedding in a word: `64 bits`, `512-d`, `real` where the width is not stated."""
        if self.width == UNKNOWN:
            return self.codes
        return f"{self.width} bits" if self.codes == "binary" else f"{self.width}-d"

    @property
    def source_title(self) -> str:
        """The source without the address."""
        return _PLACE.split(self.source)[0]


COLUMNS = tuple(field.name for field in fields(PublishedNumber))


@cache
def read_published(folder: Path = PUBLISHED_DIR) -> tuple[PublishedNumber, ...]:
    """Read every file of a folder.

    Raises ValueError for other columns, and for a definition that is neither a metric nor unknown.
    """
    found = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.DictReader(file)
            if tuple(lines.fieldnames or ()) != COLUMNS:
                raise ValueError(f"{path}: columns must be {', '.join(COLUMNS)}")
            for line in lines:
                number = PublishedNumber(**{**line, "value": float(line["value"])})  # type: ignore[arg-type]
                _require_definition(number, path)
                found.append(number)
    return tuple(found)


def _require_definition(number: PublishedNumber, path: Path) -> None:
    if number.is_defined:
        try:
            parse(number.definition)
        except ValueError as error:
            raise ValueError(f"{path}: {error} Or '{number.metric_name}/{UNKNOWN}'.") from error
