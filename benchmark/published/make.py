"""Make `results/published/literature.csv` from a file of the literature's numbers and `mapping.toml`.

    python -m benchmark.published.make LITERATURE.csv

LITERATURE.csv holds one number a line, named as in its source; `mapping.toml` says what each name is here,
and what was read of a method's classes, gallery and metric. Only needed after a change of one of the two.
"""

from __future__ import annotations

import csv
import io
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.published.numbers import COLUMNS, FLAG_SEPARATOR, PUBLISHED_DIR, SECONDHAND, UNKNOWN
from datasets.files import write_whole

MAPPING = PUBLISHED_DIR / "mapping.toml"
RESULT = PUBLISHED_DIR / "literature.csv"
MAIN_WIDTH = "64"
"""Of the benchmark's main tables: another one is flagged."""
INPUT_COLUMNS = (
    "method", "year", "venue", "backbone", "embedding_dim", "binary", "dataset", "split", "direction",
    "setting", "metric", "value", "source", "confidence",
)  # fmt: skip
_TABLES = {  # table of the mapping -> column of the literature, our column
    "methods": ("method", "method"),
    "backbones": ("backbone", "backbone"),
    "codes": ("binary", "codes"),
    "datasets": ("dataset", "dataset"),
    "splits": ("split", "split"),
    "directions": ("direction", "direction"),
    "settings": ("setting", "setting"),
    "definitions": ("metric", "definition"),
}
_RULE_KEYS = {"of", "becomes", "definitions", "flags", "because"}

Line = dict[str, str]


@dataclass(frozen=True)
class Rule:
    """What is known of some numbers beyond their source; see the head of `mapping.toml`."""

    of: Mapping[str, tuple[str, ...]]
    becomes: Mapping[str, str]
    definitions: Mapping[str, str]
    flags: tuple[str, ...]
    because: str

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Rule:
        """Read one `[[rule]]`. Raises BenchmarkError for keys and columns that there are not."""
        of, becomes = content.get("of", {}), content.get("becomes", {})
        unknown = [*(set(content) - _RULE_KEYS), *(set(of) | set(becomes)) - set(COLUMNS)]
        if unknown or not of or not content.get("because"):
            raise BenchmarkError(
                f"mapping.toml: rule {content} needs `of` and `because`, and may have "
                f"{', '.join(sorted(_RULE_KEYS))}, with columns {', '.join(COLUMNS)}."
            )
        return cls(
            of={name: (value,) if isinstance(value, str) else tuple(value) for name, value in of.items()},
            becomes=becomes,
            definitions={one.partition("/")[0]: one for one in content.get("definitions", ())},
            flags=tuple(content.get("flags", ())),
            because=content["because"],
        )

    def fits(self, line: Line) -> bool:
        """Whether a line is one that it speaks of."""
        return all(
            any(line[name].startswith(value) if name == "source" else line[name] == value for value in values)
            for name, values in self.of.items()
        )

    def change(self, line: Line, flags: list[str]) -> None:
        """Write what is known into a line and its flags."""
        line.update(self.becomes)
        name = line["definition"].partition("/")[0]
        line["definition"] = self.definitions.get(name, line["definition"])
        flags += self.flags


def published_csv(literature: str, mapping: Mapping[str, Any]) -> str:
    """Return the text of `literature.csv`: a line for every line of the literature, in its order.

    Raises BenchmarkError for other columns, for a name that the mapping does not hold, for a rule that fits
    nothing, and for an entry of a table that is used by nothing.
    """
    lines = list(csv.DictReader(io.StringIO(literature)))
    if not lines or tuple(lines[0]) != INPUT_COLUMNS:
        seen = ", ".join(lines[0]) if lines else "no line"
        raise BenchmarkError(f"the literature file has {seen}; needed are {', '.join(INPUT_COLUMNS)}.")
    _require_names(lines, mapping)
    rules = [Rule.read(content) for content in mapping.get("rule", ())]
    idle = set(range(len(rules)))
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=COLUMNS, lineterminator="\n")
    writer.writeheader()
    for given in lines:
        line, flags = _in_our_names(given, mapping), list[str]()
        for position, rule in enumerate(rules):
            if rule.fits(line):
                rule.change(line, flags)
                idle.discard(position)
        line["flags"] = FLAG_SEPARATOR.join([*flags, *_seen_in_the_columns(line)])
        writer.writerow(line)
    if idle:
        raise BenchmarkError(
            "mapping.toml: no number fits "
            + "; ".join(f"the rule of {dict(rules[position].of)}" for position in sorted(idle))
            + ". Correct `of`, or remove the rule."
        )
    return out.getvalue()


_INDEX = re.compile(r" \(\w+ id \d+[^)]*\)$")
"""A number of a source in an index that readers cannot look up."""


def _require_names(lines: Sequence[Line], mapping: Mapping[str, Any]) -> None:
    faults = []
    for table, (column, _) in _TABLES.items():
        known, seen = set(mapping.get(table, {})), {line[column] for line in lines}
        faults += [f"[{table}] lacks '{name}' (column {column})" for name in sorted(seen - known)]
        faults += [f"[{table}] has '{name}', which no line holds" for name in sorted(known - seen)]
    if faults:
        raise BenchmarkError(f"mapping.toml and the literature file do not fit: {'; '.join(faults)}.")


def _in_our_names(given: Line, mapping: Mapping[str, Any]) -> Line:
    kept = {name: given[name] for name in ("year", "venue", "value", "source", "confidence")}
    mapped = {ours: mapping[table][given[theirs]] for table, (theirs, ours) in _TABLES.items()}
    kept["source"] = _INDEX.sub("", kept["source"])
    width = given["embedding_dim"] or UNKNOWN
    return {**kept, **mapped, "name": given["method"], "width": width, "gallery": UNKNOWN}


def _seen_in_the_columns(line: Line) -> list[str]:
    """Flags that the columns give."""
    return [
        *(["binary"] if line["codes"] == "binary" else []),
        *([f"width {line['width']}"] if line["width"] != MAIN_WIDTH else []),
        *([SECONDHAND] if line["confidence"] == SECONDHAND else []),
    ]


def main(arguments: Sequence[str]) -> int:
    """Write `literature.csv` and return an exit code."""
    if len(arguments) != 1:
        print("usage: python -m benchmark.published.make LITERATURE.csv", file=sys.stderr)  # noqa: T201
        return 1
    try:
        literature = Path(arguments[0]).read_text(encoding="utf-8")
        text = published_csv(literature, tomllib.loads(MAPPING.read_text(encoding="utf-8")))
    except (BenchmarkError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(write_whole(RESULT, text))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
