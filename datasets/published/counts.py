"""Pictures of each class beside the published numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from datasets.published.parts import first_few
from datasets.published.scan import ScannedPart
from datasets.survey import ClassCount, Finding

Published = Mapping[str, Mapping[str, int | None]]
"""Part key -> class -> number, None where no source states it."""

Totals = Mapping[str, tuple[int, int]]
"""Part key -> least and greatest published total, where sources differ or no classes are counted."""


def class_counts(
    scanned: Sequence[ScannedPart], class_names: Sequence[str], published: Published
) -> tuple[ClassCount, ...]:
    """Number of pictures of each class in each part, 0 where there are none."""
    return tuple(
        ClassCount(
            name,
            one.part.label,
            sum(len(folder.names) for folder in one.by_class.get(name, ())),
            published.get(one.part.key, {}).get(name),
        )
        for one in scanned
        for name in class_names
    )


def lacking(
    scanned: Sequence[ScannedPart], counts: Sequence[ClassCount], totals: Totals
) -> dict[str, tuple[int, int]]:
    """Noun of a part -> pictures in use and published, where fewer are in use than any source states.

    In use are those of the parts, from which file lists may have taken some; counts: of the disk.
    """
    found = {}
    for one in scanned:
        mine = [count for count in counts if count.part == one.part.label]
        n_found = sum(len(folder.names) for folders in one.by_class.values() for folder in folders)
        n_published = totals.get(one.part.key, (0, 0))[0]
        if all(count.n_published is not None for count in mine):
            n_published = sum(count.n_published or 0 for count in mine)
        if n_found < n_published:
            found[one.part.noun] = (n_found, n_published)
    return found


def count_findings(
    scanned: Sequence[ScannedPart], counts: Sequence[ClassCount], totals: Totals
) -> Iterator[Finding]:
    """One warning a part for classes with fewer, and one for classes with more pictures than published."""
    for one in scanned:
        mine = [count for count in counts if count.part == one.part.label]
        for word, differs in (("fewer", -1), ("more", 1)):
            classes = [
                f"{count.class_name} {count.n_found:,} of {count.n_published:,}"
                for count in mine
                if count.n_published is not None and count.n_found
                if (count.n_found - count.n_published) * differs > 0
            ]
            if classes:
                have = "class has" if len(classes) == 1 else "classes have"
                yield Finding(
                    "warning",
                    f"{word} pictures",
                    one.part.label,
                    f"{len(classes)} {have} {word} {one.part.noun} than published: {first_few(classes)}.",
                )
        if one.part.key in totals:
            low, high = totals[one.part.key]
            n = sum(count.n_found for count in mine)
            if not low <= n <= high:
                published = f"{low:,}" if low == high else f"{low:,} to {high:,}"
                yield Finding(
                    "warning",
                    "total",
                    one.part.label,
                    f"{n:,} {one.part.noun} in all; published copies have {published}.",
                )
