"""How far one ranking's value moves, and how often two methods change places, when the definition is changed.

Only definitions that published evaluation code computes are taken (`metrics.protocols`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, median

from benchmark.records import StoredRun
from benchmark.reporting.findings.evidence import UnderDefinition
from benchmark.reporting.joining import newest
from benchmark.rescore import rescore
from metrics.definitions import FAMILIES, parse
from metrics.protocols import PROTOCOLS, Averaging
from metrics.significance import TOLERANCE

Definition = tuple[str, Averaging]
"""Complete id of a metric, and what its mean is over."""

CUT = 200
_SHARE = 1 / 3
"""The cut of mAP@200 over the positives of a class of Sketchy: 200 of 598 (12,553 photos of 21 classes)."""


@dataclass(frozen=True)
class Ruler:
    """One ambiguous name, such as `map@200`, on one data set.

    definitions: those that every row has, sorted. values: row -> one value for each. n_pairs, n_flips: pairs
    of rows, and those whose order is not the same under all definitions. widest_flip: the pair that changes
    places by the largest margin on its smaller side, with both margins; None without a flip.
    """

    name: str
    definitions: tuple[Definition, ...]
    values: Mapping[str, tuple[float, ...]]
    n_pairs: int
    n_flips: int
    widest_flip: tuple[str, str, float, float] | None

    @property
    def cut(self) -> int | None:
        """The k of `map@k`, None for the whole ranking."""
        return parse(self.definitions[0][0]).k

    @property
    def ranges(self) -> dict[str, float]:
        """How far each row's value moves."""
        return {row: max(own) - min(own) for row, own in self.values.items()}

    @property
    def median_range(self) -> float:
        """The range of the row in the middle."""
        return median(self.ranges.values())

    @property
    def dominant(self) -> tuple[Definition, float] | None:
        """Without which less than a third of the range is left, and what is left; None without such."""
        if len(self.definitions) < 3:
            return None
        left = {}
        for position, own in enumerate(self.definitions):
            rests = [[*values[:position], *values[position + 1 :]] for values in self.values.values()]
            left[own] = median(max(rest) - min(rest) for rest in rests)
        found = min(left.items(), key=lambda item: item[1])
        return found if found[1] < self.median_range / 3 else None


def rulers(readings: Mapping[str, Sequence[UnderDefinition]]) -> tuple[Ruler, ...]:
    """Return every name of mean average precision under which the rows have two published definitions."""
    of_row = {
        row: {(one.metric, one.averaging): one.value for one in own if is_published(one)}
        for row, own in readings.items()
    }
    shared = set.intersection(*(set(own) for own in of_row.values())) if of_row else set()
    names = sorted({metric.split("/")[0] for metric, _ in shared}, key=_by_cut)
    found = []
    for name in names:
        own = tuple(sorted(key for key in shared if key[0].split("/")[0] == name))
        if len(own) > 1:
            found.append(_ruler(name, own, {row: tuple(v[key] for key in own) for row, v in of_row.items()}))
    return tuple(found)


def headline(found: Sequence[Ruler], n_positives: float) -> Ruler | None:
    """The largest cut that a class can fill, else the smallest, else whatever there is."""
    cut = sorted((ruler for ruler in found if ruler.cut), key=lambda ruler: ruler.cut or 0)
    filled = [ruler for ruler in cut if (ruler.cut or 0) <= n_positives]
    return next(iter(filled[-1:] or cut[:1] or found), None)


def wanted_ids(n_positives: float, n_gallery: int) -> tuple[str, ...]:
    """Return the ids that stored rankings determine and a page compares: at 200, and at a third of a class.

    n_positives: photos of a class, about. n_gallery: photos of the smallest gallery.
    """
    cuts = [k for k in (CUT, max(10, round(n_positives * _SHARE / 10) * 10)) if k <= n_gallery]
    patterns = sorted({pattern for pattern, _ in _published() if pattern.startswith("map@k")})
    return tuple(dict.fromkeys(FAMILIES[pattern].id_for(k) for k in cuts for pattern in patterns))


def measured(runs: Iterable[StoredRun], metric_ids: Sequence[str]) -> dict[str, tuple[UnderDefinition, ...]]:
    """Return what the rows score under these ids, means over seeds and then over splits.

    Reads the runs' rankings. Raises BenchmarkError as `rescore` does.
    """
    chosen, _ = newest(list(runs))
    found = {}
    for row, of_row in chosen.items():
        scores = [[rescore(run, metric_ids) for run in seeds] for seeds in of_row.values()]
        own = []
        for metric in metric_ids:
            of_splits = [[one[metric].score for one in seeds] for seeds in scores]
            by_query = fmean(fmean(score.value for score in seeds) for seeds in of_splits)
            by_class = fmean(fmean(score.class_balanced for score in seeds) for seeds in of_splits)
            own += [UnderDefinition(metric, by_query), UnderDefinition(metric, by_class, "class")]
        found[row] = tuple(own)
    return found


def is_published(one: UnderDefinition) -> bool:
    """Whether published evaluation code computes mean average precision in this way, at whatever cut."""
    pattern = parse(one.metric).family.pattern
    return pattern.startswith("map@") and (pattern, one.averaging) in _published()


@cache
def _published() -> frozenset[tuple[str, Averaging]]:
    readings = itertools.chain.from_iterable(protocol.readings for protocol in PROTOCOLS.values())
    return frozenset((parse(one.metric).family.pattern, one.averaging) for one in readings)


def _ruler(name: str, definitions: tuple[Definition, ...], values: Mapping[str, tuple[float, ...]]) -> Ruler:
    flips = []
    pairs = list(itertools.combinations(values, 2))
    for one, other in pairs:
        gaps = [a - b for a, b in zip(values[one], values[other], strict=True)]
        if max(gaps) > TOLERANCE and min(gaps) < -TOLERANCE:
            flips.append((one, other, max(gaps), -min(gaps)))
    widest = max(flips, key=lambda flip: min(flip[2:]), default=None)
    return Ruler(name, definitions, values, len(pairs), len(flips), widest)


def _by_cut(name: str) -> tuple[bool, int]:
    cut = name.partition("@")[2]
    return (cut != "all", int(cut) if cut.isdigit() else 0)
