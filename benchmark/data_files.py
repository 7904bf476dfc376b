"""What reading a data set's files shows: which are broken, and which have the same content.

Every file is read once; its digest is remembered, so that the runs that follow need not read it again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from datasets.base import SketchPhotoDataset
from datasets.progress import Progress
from datasets.splits import ZeroShotSplit
from datasets.survey import Finding, Level
from datasets.threads import n_threads
from datasets.wholeness import Look, is_named_as, look_at

FILES_AT_ONCE = 2048
"""Looked at, then read: so few that the second reading finds them in memory."""


@dataclass(frozen=True)
class SharedContent:
    """Names of files of equal content on both sides of a split."""

    split: str
    unseen: tuple[str, ...]
    seen: tuple[str, ...]


@dataclass
class Reading:
    """By position of the file. odd, misnamed: positions of files that are usable all the same."""

    digests: dict[int, str]
    faults: dict[int, str]
    odd: list[int]
    misnamed: list[int]


def read(
    dataset: SketchPhotoDataset, files: Sequence[Path], known_faults: dict[Path, str], progress: Progress
) -> Reading:
    """Look at the ends of every file and take the digests of those that are whole."""
    found = Reading({}, {}, [], [])
    with ThreadPoolExecutor(n_threads()) as pool:
        for start in range(0, len(files), FILES_AT_ONCE):
            part = files[start : start + FILES_AT_ONCE]
            looks = _looks(pool, part)
            # Few files have odd ends, and some decode all the same: the decoder has the last word.
            suspects = [path for path, look in zip(part, looks, strict=True) if look.broken]
            faults = known_faults | (dataset.ledger.faults(suspects) if suspects else {})
            whole = []
            for row, (path, look) in enumerate(zip(part, looks, strict=True), start=start):
                if path in faults:
                    found.faults[row] = look.broken or faults[path]
                    continue
                whole.append(row)
                if look.broken:
                    found.odd.append(row)
                elif not is_named_as(path, look.content):
                    found.misnamed.append(row)
            digests = dataset.ledger.digests([files[row] for row in whole])
            found.digests.update(zip(whole, digests, strict=True))
            progress(start + len(part), len(files))
    return found


def _looks(pool: ThreadPoolExecutor, files: Sequence[Path]) -> list[Look]:
    tasks = [files[start : start + 64] for start in range(0, len(files), 64)]
    return [look for part in pool.map(lambda task: [*map(look_at, task)], tasks) for look in part]


@dataclass(frozen=True)
class Contents:
    """Where equal contents lie. repeated: positions of files, a group for every content of several files.

    names, labels: by position. class_names: by label. unit, what: what an item is, and what it shows.
    """

    repeated: Sequence[Sequence[int]]
    names: Sequence[str]
    labels: Sequence[int]
    class_names: Sequence[str]
    unit: str = "file"
    what: str = "picture"

    @classmethod
    def of(
        cls,
        digests: dict[int, str],
        names: Sequence[str],
        labels: Sequence[int],
        class_names: Sequence[str],
        *,
        unit: str = "file",
        what: str = "picture",
    ) -> Contents:
        """Group files by digest."""
        rows: dict[str, list[int]] = defaultdict(list)
        for row, digest in digests.items():
            rows[digest].append(row)
        repeated = [group for group in rows.values() if len(group) > 1]
        return cls(repeated, names, labels, class_names, unit, what)

    def across(self, split: ZeroShotSplit) -> Iterator[SharedContent]:
        """Contents on both sides of a split: what is unseen was trained on."""
        unseen = {label for label, name in enumerate(self.class_names) if name in split.unseen}
        for group in self.repeated:
            inside = tuple(self.names[row] for row in group if self.labels[row] in unseen)
            outside = tuple(self.names[row] for row in group if self.labels[row] not in unseen)
            if inside and outside:
                yield SharedContent(split.id, inside, outside)

    def findings(self) -> Iterator[Finding]:
        """A warning about pictures of several classes, a note about those repeated within one."""
        within = [group for group in self.repeated if len({self.labels[row] for row in group}) == 1]
        several = [group for group in self.repeated if len({self.labels[row] for row in group}) > 1]
        yield from noted(
            [row for group in several for row in group],
            self.names,
            "several classes",
            f"show {_counted(len(several), self.what)} of more than one class: no ranking can be right about "
            "them",
            level="warning",
            unit=self.unit,
        )
        rows = [row for group in within for row in group]
        yield from noted(
            rows,
            self.names,
            "repeated picture",
            f"show {_counted(len(within), self.what)}, within one class each: "
            f"{len(rows) - len(within)} are copies",
            unit=self.unit,
        )


def noted(
    rows: Sequence[int],
    names: Sequence[str],
    kind: str,
    text: str,
    level: Level = "note",
    unit: str = "file",
) -> Iterator[Finding]:
    """One finding about several files, with two examples; none where there are no files."""
    if rows:
        examples = " and ".join(names[row] for row in rows[:2])
        yield Finding(
            level,
            kind,
            _counted(len(rows), unit),
            f"{text} ({'such as ' if len(rows) > 2 else ''}{examples})",
        )


def _counted(n: int, noun: str) -> str:
    return f"1 {noun}" if n == 1 else f"{n} {noun}s"
