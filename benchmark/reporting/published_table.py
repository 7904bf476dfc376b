"""Published numbers beside ours as a table, and what stands below it."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.reporting.comparison import Comparison
from benchmark.reporting.footnotes import Note
from benchmark.reporting.published import Beside, by_method, flags_by_method
from benchmark.reporting.table_layout import DASH, DIGITS, Column, Table, Text

LONG_TEXTS = 9
"""Importance from which on columns hold sentences."""


def published_table(found: Sequence[Beside], title: str, *, is_short: bool = False) -> Table:
    """Lay numbers out, one a row. is_short: of the reasons for no difference, the first and how many more."""
    rows = [(one, one.number) for one in found]
    reasons = [_reason(one, is_short) for one in found]

    def words(
        header: str, texts: Sequence[str], importance: int, *, can_wrap: bool = False, below: int = 18
    ) -> Column:
        entries = tuple(map(Text, texts))
        return Column(header, entries, importance, is_words=True, can_wrap=can_wrap, wraps_below=below)

    return Table(
        title,
        (
            words("method", [one.row.name if one.row else number.method for one, number in rows], 0),
            # The first reason says the data set where it is another one.
            words("data set", [number.dataset for _, number in rows], 8),
            words("class list", [number.split for _, number in rows], 1, can_wrap=True, below=20),
            words("metric", [number.definition for _, number in rows], 0),
            Column("published", tuple(Text(f"{number.value:.{DIGITS}f}") for _, number in rows)),
            Column("here", tuple(_here(one) for one in found)),
            Column(
                "difference",
                tuple(_difference(one) for one in found),
                importance=0 if any(one.difference is not None for one in found) else 7,
            ),
            words("no difference because", reasons, 0, can_wrap=True, below=34),
            words("as", [number.codes_text for _, number in rows], 2),
            words("year", [number.year for _, number in rows], 6),
            words("gallery", [number.gallery for _, number in rows], 8),
            words("backbone", [number.backbone for _, number in rows], LONG_TEXTS, can_wrap=True),
            words("published as", [number.name for _, number in rows], 7, can_wrap=True),
            words("source", [number.source_title for _, number in rows], LONG_TEXTS, can_wrap=True),
            words("flags", [number.flags for _, number in rows], LONG_TEXTS + 1, can_wrap=True),
        ),
    )


def published_notes(
    comparison: Comparison, found: Sequence[Beside] = (), *, n_others: int = 0, is_short: bool = False
) -> tuple[Note, ...]:
    """What stands below the table of some numbers. n_others: numbers of our methods that it does not show."""
    protocol = comparison.protocol
    here = (
        f"{protocol.dataset}, {protocol.protocol}, {', '.join(comparison.splits)}; backbone "
        f"{comparison.backbone}. Where another definition than the published one was measured, it stands "
        "beside the value."
    )
    difference = (
        "here - published, only where data set, class list, gallery, setting, direction and definition are "
        "known and those of here, and so are codes, width and backbone where they are stated."
    )
    lists = (
        "100/25 names two published lists that share 4 classes, sake25 and sempcyc25, and 220/30 two that "
        "share one, sake30 and sempcyc30; a list that a source leaves open is unknown."
    )
    others = (
        f"{n_others:,} numbers of these methods: other metrics (--metrics), directions, settings or data "
        "sets. --format csv and json hold them; without --methods, those of all methods."
    )
    short = is_short and any(len(one.obstacles) > 1 for one in found)
    written = (
        ("Here", here),
        ("Difference", difference + (" +2: two more reasons; --format markdown has them." if short else "")),
        ("Class lists", lists),
        ("Sources", by_method(found, lambda one: [one.number.source_title]) if is_short else ""),
        ("Flags", flags_by_method(found) if is_short else ""),
        ("Not shown", others if n_others else ""),
    )
    return tuple(Note(label, text) for label, text in written if text)


def _here(one: Beside) -> Text:
    if one.measured is None:
        return Text(DASH)
    return Text(f"{one.measured:.{DIGITS}f}", "" if one.metric == one.number.definition else one.metric or "")


def _difference(one: Beside) -> Text:
    return Text("" if one.difference is None else f"{one.difference:+.{DIGITS}f}")


def _reason(one: Beside, is_short: bool) -> str:
    if not is_short or len(one.obstacles) < 2:
        return one.reason
    return f"{one.obstacles[0].text} +{len(one.obstacles) - 1}"
