"""What lies on a disk under a data set's root: what was found, and everything that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from benchmark.errors import BenchmarkError

if TYPE_CHECKING:
    from datasets.base import DatasetIndex

Level = Literal["error", "warning", "note"]
"""error: a run would be refused or wrong. warning: it differs from the published data. note: good to know."""


@dataclass(frozen=True)
class Finding:
    """One thing that a person should know. kind: in a word or two. where: class, file or folder.

    text: what was seen, what is expected, what to do.
    """

    level: Level
    kind: str
    where: str
    text: str


@dataclass(frozen=True)
class ClassCount:
    """Pictures of one class in one part of a data set, such as "sketch", "photo" or "photo ext".

    n_published: None where no source states it.
    """

    class_name: str
    part: str
    n_found: int
    n_published: int | None = None


@dataclass(frozen=True)
class Survey:
    """Everything that looking at the folders tells, without reading a picture.

    found: where the data set lies and how that was recognised. index: None where it could not be made.
    """

    found: str
    index: DatasetIndex | None
    counts: tuple[ClassCount, ...]
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that forbid a run."""
        return tuple(finding for finding in self.findings if finding.level == "error")

    def require_index(self) -> DatasetIndex:
        """Return the index. Raises BenchmarkError with the first error and the number of others."""
        if self.index is not None and not self.errors:
            return self.index
        first, *others = self.errors
        more = f" Errors beside this one: {len(others)}; `check-data` lists them all." if others else ""
        raise BenchmarkError(f"{first.text}{more}")
