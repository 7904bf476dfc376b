"""Published numbers beside a comparison of ours, and for each what keeps it from being compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmark.published.numbers import UNKNOWN, PublishedNumber, read_published
from benchmark.reporting.comparison import Comparison, Row

WHOLE = ("", "default", "paper")
"""Variants that are the method as it is, under a configuration of a name."""


@dataclass(frozen=True)
class Beside:
    """A published number and the row of ours that it stands beside.

    metric: the id that `measured` is of: the definition of the number, or what papers call by that name where
    the definition is unknown or was not measured. measured: None without a mean of it. obstacles: why the two
    cannot be compared; none where every stated term agrees.
    """

    row: Row
    number: PublishedNumber
    metric: str
    measured: float | None
    obstacles: tuple[str, ...]

    @property
    def difference(self) -> float | None:
        """Ours less theirs, None where the two cannot be compared."""
        if self.obstacles or self.measured is None:
            return None
        return self.measured - self.number.value


def all_beside(
    comparison: Comparison, numbers: Sequence[PublishedNumber] | None = None
) -> tuple[Beside, ...]:
    """Every published number of a method that has a row; rows as they stand, numbers as in the file."""
    found = []
    for row in comparison.rows:
        if row.variant not in WHOLE:
            continue
        for number in read_published() if numbers is None else numbers:
            if number.method == row.method:
                metric = number.definition if number.definition in row.mean else number.metric
                cell = row.mean.get(metric)
                obstacles = tuple(_obstacles(number, comparison, row))
                found.append(Beside(row, number, metric, cell.value if cell else None, obstacles))
    return tuple(found)


def beside(comparison: Comparison, numbers: Sequence[PublishedNumber] | None = None) -> tuple[Beside, ...]:
    """Those that an ordinary table shows: of equal data, setting, direction, codes and width.

    None where queries or relevance are not the usual ones, or the gallery is subsampled.
    """
    protocol = comparison.protocol
    if not _is_usual(comparison) or "/" in protocol.protocol:
        return ()
    terms = (protocol.dataset, protocol.setting, protocol.direction, _codes(comparison), str(protocol.width))
    return tuple(
        one
        for one in all_beside(comparison, numbers)
        if (one.number.dataset, one.number.setting, one.number.direction, one.number.codes, one.number.width)
        == terms
        and one.number.gallery in (protocol.protocol, UNKNOWN)
    )


def _obstacles(number: PublishedNumber, comparison: Comparison, row: Row) -> Iterator[str]:
    protocol = comparison.protocol
    if number.dataset != protocol.dataset:
        yield f"another data set, {number.dataset}"
    else:
        yield from _of_one_dataset(number, comparison)
    if number.setting != protocol.setting:
        yield f"setting {number.setting}"
    if number.direction != protocol.direction:
        yield number.direction
    if not number.is_defined:
        yield f"definition of {number.metric} unknown"
    elif number.definition not in comparison.metric_ids:
        yield f"{number.definition} not measured here"
    if number.codes != _codes(comparison):
        yield f"{number.codes} codes"
    if number.width and row.embedding_width and number.width != str(row.embedding_width):
        yield f"width {number.width}, here {row.embedding_width}"
    if not _is_usual(comparison):
        yield f"here queries {protocol.queries}, relevance {protocol.relevance}"


def _of_one_dataset(number: PublishedNumber, comparison: Comparison) -> Iterator[str]:
    if " " in number.split:
        yield number.split
    elif (number.split,) != comparison.splits:
        yield f"split {number.split}"
    if number.gallery == UNKNOWN:
        yield "gallery unknown"
    elif number.gallery != comparison.protocol.protocol:
        yield f"gallery {number.gallery}"


def _is_usual(comparison: Comparison) -> bool:
    return comparison.protocol.relevance == "category" and comparison.protocol.queries in ("all", "loo")


def _codes(comparison: Comparison) -> str:
    return "real" if comparison.protocol.codes.startswith("real") else "binary"
