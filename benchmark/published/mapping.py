"""From a collection of published numbers to ours: names are looked up in `results/published/mapping.toml`."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.published.numbers import FOLDER, SEPARATOR, PublishedNumber

MAPPING = FOLDER / "mapping.toml"
COLUMNS = (
    "method", "year", "venue", "backbone", "embedding_dim", "binary", "dataset", "split", "direction",
    "setting", "metric", "value", "source", "confidence",
)  # fmt: skip
_RERUN = re.compile(r"^(.*?) \(re-run by .*\)$")
_NOTE = re.compile(r"\[(.*)\]$")
_INDEX = re.compile(r" \(\w+ id \d+[^)]*\)$")
"""The number of a source in an index that readers cannot look up."""


def map_collection(path: Path, mapping_path: Path = MAPPING) -> tuple[PublishedNumber, ...]:
    """Map every row of a collection, in its order.

    path: CSV with COLUMNS. Raises BenchmarkError for other columns, for a name that the mapping lacks, and
    for a system of the mapping that the collection lacks, which would be a misspelt one.
    """
    mapping = tomllib.loads(mapping_path.read_text(encoding="utf-8"))
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise BenchmarkError(f"{path}: columns must be {', '.join(COLUMNS)}, found {reader.fieldnames}.")
        rows = list(reader)
    unknown = _systems_of(mapping) - {row["method"] for row in rows}
    if unknown:
        raise BenchmarkError(
            f"{mapping_path} names systems that {path} lacks: {', '.join(sorted(unknown))}. Correct them."
        )
    return tuple(_mapped(row, mapping, f"{path}, row {i}") for i, row in enumerate(rows, 2))


def _mapped(row: Mapping[str, str], mapping: Mapping[str, Any], where: str) -> PublishedNumber:
    system, metric = row["method"], row["metric"]

    def name(table: str, key: str) -> str:
        if key not in mapping[table]:
            known = ", ".join(mapping[table])
            raise BenchmarkError(
                f"{where}: no [{table}] for '{key}', but for {known}. Add it to the mapping."
            )
        return str(mapping[table][key])

    def of_system(table: str, key: str) -> str:
        if key not in mapping[table]:
            known = ", ".join(mapping[table])
            raise BenchmarkError(f"{where}: no [{table}.{key}], but {known}. Add it to the mapping.")
        entry = mapping[table][key]
        lists = {value: systems for value, systems in entry.items() if value != "default"}
        found = next((value for value, systems in lists.items() if system in systems), entry["default"])
        return str(found)

    codes = name("codes", row["binary"])
    correction = _correction(row, mapping)
    return PublishedNumber(
        system=system,
        method=mapping["method"].get(_plain(system), ""),
        year=row["year"],
        venue=row["venue"],
        backbone=row["backbone"],
        width=row["embedding_dim"],
        codes=codes,
        dataset=row["dataset"],
        split=correction.get("split") or of_system("split", row["split"]),
        gallery=of_system("gallery", row["dataset"]),
        direction=name("direction", row["direction"]),
        setting=name("setting", row["setting"]),
        definition=correction.get("definition", {}).get(metric) or of_system("definition", metric),
        value=float(row["value"]),
        source=_INDEX.sub("", row["source"]),
        confidence=row["confidence"],
        flags=SEPARATOR.join(_flags(row, codes, mapping, correction)),
    )


def _plain(system: str) -> str:
    """The system without who ran it again.

    >>> _plain("SaN (re-run by BDT authors, aligned)")
    'SaN'
    """
    found = _RERUN.match(system)
    return found[1] if found else system


def _correction(row: Mapping[str, str], mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    for correction in mapping["correction"]:
        is_meant = row["method"] in correction["systems"] and row["source"].startswith(correction["source"])
        if is_meant and row["metric"] in correction["definition"]:
            return dict(correction)
    return {}


def _flags(
    row: Mapping[str, str], codes: str, mapping: Mapping[str, Any], correction: Mapping[str, Any]
) -> list[str]:
    flags = [correction["flag"]] if correction else []
    flags += [
        flag["text"]
        for flag in mapping["flag"]
        if row["method"] in flag["systems"] and flag.get("codes", codes) == codes
    ]
    if _RERUN.match(row["method"]):
        flags.append("run again by other authors")
    note = _NOTE.search(row["source"])
    return [*flags, *([note[1].replace(SEPARATOR, ", ")] if note else [])]


def _systems_of(mapping: Mapping[str, Any]) -> set[str]:
    """Every system that the mapping names."""
    tables = [own for table in ("split", "gallery", "definition") for own in mapping[table].values()]
    lists = [systems for own in tables for value, systems in own.items() if value != "default"]
    lists += [entry["systems"] for name in ("flag", "correction") for entry in mapping[name]]
    return {system for systems in lists for system in systems} | set(mapping["method"])
