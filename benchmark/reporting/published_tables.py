"""Published numbers beside ours, as tables to read and as data."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmark.published.beside import Beside, all_beside
from benchmark.reporting.comparison import Comparison
from benchmark.reporting.footnotes import Note
from benchmark.reporting.table_layout import DASH, DIGITS, Column, Table, texts


def shown_of(found: Sequence[Beside], comparison: Comparison) -> tuple[Beside, ...]:
    """What a table to read shows: numbers on the comparison's data set; without any, the headline ones.

    Headline: mean average precision in the comparison's setting and direction, on whatever data set.
    """
    protocol = comparison.protocol
    near = tuple(one for one in found if one.number.dataset == protocol.dataset)
    if near:
        return near
    return tuple(
        one
        for one in found
        if one.number.metric.startswith("map@")
        and (one.number.setting, one.number.direction) == (protocol.setting, protocol.direction)
    )


def published_tables(found: Sequence[Beside], title: str) -> list[Table]:
    """One table: numbers that differ in nothing but source and value stand in one line."""
    groups: dict[tuple[Any, ...], list[Beside]] = {}
    sources = _numbered([one.number.source for one in found])
    for one in found:
        number = dataclasses.replace(one.number, value=0.0, source="", year="", venue="", backbone="")
        groups.setdefault((one.row.name, number), []).append(one)
    lines = list(groups.values())
    first = [own[0] for own in lines]

    def words(header: str, entries: Iterable[str], importance: int = 0, *, can_wrap: bool = False) -> Column:
        return texts(header, list(entries), importance, is_words=True, can_wrap=can_wrap)

    columns = (
        words("method", (one.row.name for one in first)),
        texts("published", [_values(own) for own in lines]),
        texts("here", [_measured(one) for one in first]),
        texts("here - published", [_difference(own) for own in lines]),
        words("not compared because", (", ".join(one.obstacles) or DASH for one in first), can_wrap=True),
        words("definition", (one.number.definition for one in first), 1),
        words("data", (one.number.dataset for one in first), 1),
        words("unseen classes", (one.number.split for one in first), 1, can_wrap=True),
        words("gallery", (one.number.gallery for one in first), 3),
        words("codes", (_codes(one) for one in first), 2),
        words("source", (_marks(own, sources) for own in lines), 1),
        words("confidence", (one.number.confidence for one in first), 4),
        words("flags", (one.number.flags or DASH for one in first), 5, can_wrap=True),
    )
    return [Table(title, columns)]


def published_notes(found: Sequence[Beside], shown: Sequence[Beside]) -> tuple[Note, ...]:
    """What stands below: whose numbers these are, where they were read, and what is left out."""
    notes = [
        Note(
            "Published",
            "numbers of papers, not measured here; a difference stands only where data set, unseen classes, "
            "gallery, setting, direction, definition, codes and width are known and equal. Backbones may "
            "differ even then. `secondhand` was read in another paper's table.",
        )
    ]
    sources = _numbered([one.number.source for one in shown])
    notes += [Note(f"Source {mark}", source) for source, mark in sources.items()]
    if left := len(found) - len(shown):
        text = f"{left} further numbers of these methods; --format csv and json hold all of them."
        notes.append(Note("Not shown", text))
    return tuple(notes)


def data_of(comparison: Comparison) -> list[dict[str, Any]]:
    """Every number of a method that has a row, for programs."""
    return [
        {
            "row": one.row.name,
            **dataclasses.asdict(one.number),
            "measured_metric": one.metric,
            "measured": one.measured,
            "difference": one.difference,
            "obstacles": ", ".join(one.obstacles),
        }
        for one in all_beside(comparison)
    ]


def csv_text(lines: Sequence[Mapping[str, Any]]) -> str:
    """Lines of `data_of` as CSV; the header alone where there are none."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(lines[0]) if lines else ["row"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def json_text(lines: Sequence[Mapping[str, Any]]) -> str:
    """Lines of `data_of` as JSON."""
    return json.dumps(list(lines), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _numbered(sources: Sequence[str]) -> dict[str, str]:
    return {source: f"[{i}]" for i, source in enumerate(dict.fromkeys(sources), 1)}


def _marks(lines: Sequence[Beside], sources: Mapping[str, str]) -> str:
    return " ".join(dict.fromkeys(sources[one.number.source] for one in lines))


def _values(lines: Sequence[Beside]) -> str:
    return " / ".join(dict.fromkeys(f"{one.number.value:.{DIGITS}f}" for one in lines))


def _measured(one: Beside) -> str:
    return DASH if one.measured is None else f"{one.measured:.{DIGITS}f} ({one.metric})"


def _difference(lines: Sequence[Beside]) -> str:
    known = [one.difference for one in lines if one.difference is not None]
    return " / ".join(dict.fromkeys(f"{value:+.{DIGITS}f}" for value in known))


def _codes(one: Beside) -> str:
    return f"{one.number.codes}, {one.number.width}" if one.number.width else one.number.codes
