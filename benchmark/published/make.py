"""Make `results/published/literature.csv` from a file of the literature's numbers and `mapping.toml`.

    python -m benchmark.published.make LITERATURE.csv

LITERATURE.csv, a collection that is not in this repository, holds one number a line, named as in its source;
`mapping.toml` says what each name is here, and what was read of a method's classes, gallery and metric. Only
needed after a change of one of the two.
"""

from __future__ import annotations

import csv
import io
import re
import reprlib
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from benchmark.errors import BenchmarkError
from benchmark.published.numbers import COLUMNS, FLAG_SEPARATOR, PUBLISHED_DIR, SECONDHAND, UNKNOWN
from datasets.files import write_whole
from metrics.definitions import parse

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

Line = dict[str, str]


def _is_column(name: str) -> str:
    if name not in COLUMNS:
        raise ValueError(f"no column '{name}'; there are {', '.join(COLUMNS)}")
    return name


def _is_definition(definition: str) -> str:
    if not definition.endswith(f"/{UNKNOWN}"):
        parse(definition)
    return definition


_Column = Annotated[str, AfterValidator(_is_column)]
_Definition = Annotated[str, AfterValidator(_is_definition)]
_Values = Annotated[list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]


class Rule(BaseModel):
    """What is known of some numbers beyond their source; see the head of `mapping.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: dict[_Column, _Values] = Field(min_length=1)
    becomes: dict[_Column, str] = {}
    definitions: list[_Definition] = []
    flags: list[str] = []
    because: str = Field(min_length=1)

    def fits(self, line: Line) -> bool:
        """Whether a line is one that it speaks of."""
        return all(
            any(line[name].startswith(value) if name == "source" else line[name] == value for value in values)
            for name, values in self.of.items()
        )

    def change(self, line: Line, flags: list[str]) -> None:
        """Write what is known into a line and its flags."""
        line.update(self.becomes)
        own = {one.partition("/")[0]: one for one in self.definitions}
        line["definition"] = own.get(line["definition"].partition("/")[0], line["definition"])
        flags += self.flags


class NameMapping(BaseModel):
    """The content of `mapping.toml`: tables of names, theirs to ours, and rules."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    methods: dict[str, str]
    backbones: dict[str, str]
    codes: dict[str, str]
    datasets: dict[str, str]
    splits: dict[str, str]
    directions: dict[str, str]
    settings: dict[str, str]
    definitions: dict[str, _Definition]
    rule: list[Rule] = []

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> NameMapping:
        """Read a file's content. Raises BenchmarkError that says where it is of another form."""
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(step) for step in first["loc"])
            raise BenchmarkError(
                f"mapping.toml, {where}: {first['msg']}; got {reprlib.repr(first['input'])}. "
                f"It holds the tables {', '.join(_TABLES)} and [[rule]], which needs `of` and `because` "
                f"and may have {', '.join(sorted(set(Rule.model_fields) - {'of', 'because'}))}."
            ) from error

    def table(self, name: str) -> dict[str, str]:
        """Return a table by its name."""
        names: dict[str, str] = getattr(self, name)
        return names


def published_csv(literature: str, content: Mapping[str, Any]) -> str:
    """Return the text of `literature.csv`: a line for every line of the literature, in its order.

    content: of `mapping.toml`. Raises BenchmarkError for one of another form, for other columns, for a name
    that the mapping does not hold, for a rule that fits nothing, and for an entry that is used by nothing.
    """
    mapping = NameMapping.read(content)
    lines = list(csv.DictReader(io.StringIO(literature)))
    if not lines or tuple(lines[0]) != INPUT_COLUMNS:
        seen = ", ".join(lines[0]) if lines else "no line"
        raise BenchmarkError(
            f"the literature file has {seen}; needed are {', '.join(INPUT_COLUMNS)}. They are those of the "
            f"collection, which is not in this repository; {RESULT.name} is what is made of it."
        )
    _require_names(lines, mapping)
    idle = set(range(len(mapping.rule)))
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=COLUMNS, lineterminator="\n")
    writer.writeheader()
    for given in lines:
        line, flags = _in_our_names(given, mapping), list[str]()
        for position, rule in enumerate(mapping.rule):
            if rule.fits(line):
                rule.change(line, flags)
                idle.discard(position)
        line["flags"] = FLAG_SEPARATOR.join([*flags, *_seen_in_the_columns(line)])
        writer.writerow(line)
    if idle:
        raise BenchmarkError(
            "mapping.toml: no number fits "
            + "; ".join(f"the rule of {mapping.rule[position].of}" for position in sorted(idle))
            + ". Correct `of`, or remove the rule."
        )
    return out.getvalue()


_INDEX = re.compile(r" \(\w+ id \d+[^)]*\)$")
"""A number of a source in an index that readers cannot look up."""


def _require_names(lines: Sequence[Line], mapping: NameMapping) -> None:
    faults = []
    for table, (column, _) in _TABLES.items():
        known, seen = set(mapping.table(table)), {line[column] for line in lines}
        faults += [f"[{table}] lacks '{name}' (column {column})" for name in sorted(seen - known)]
        faults += [f"[{table}] has '{name}', which no line holds" for name in sorted(known - seen)]
    if faults:
        raise BenchmarkError(f"mapping.toml and the literature file do not fit: {'; '.join(faults)}.")


def _in_our_names(given: Line, mapping: NameMapping) -> Line:
    kept = {name: given[name] for name in ("year", "venue", "value", "source", "confidence")}
    mapped = {ours: mapping.table(table)[given[theirs]] for table, (theirs, ours) in _TABLES.items()}
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


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BenchmarkError(f"{path.name} is not UTF-8: {error}. Save it as UTF-8.") from error


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise BenchmarkError(f"{path.name} is not valid TOML: {error}") from error


def main(arguments: Sequence[str]) -> int:
    """Write `literature.csv` and return an exit code."""
    if len(arguments) != 1:
        print("usage: python -m benchmark.published.make LITERATURE.csv", file=sys.stderr)  # noqa: T201
        return 1
    try:
        text = published_csv(_text(Path(arguments[0])), _toml(MAPPING))
    except (BenchmarkError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(write_whole(RESULT, text))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
