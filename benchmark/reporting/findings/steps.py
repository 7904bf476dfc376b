"""How far published records rise from one to the next, in tests that papers call the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median, quantiles

from benchmark.reporting.findings.evidence import PublishedValue


@dataclass(frozen=True)
class Steps:
    """Rises of the best value from one record year to the next. n_protocols: tests that have any."""

    metric: str
    n_protocols: int
    rises: tuple[float, ...]

    @property
    def median(self) -> float:
        """The rise in the middle."""
        return median(self.rises)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The middle half of the rises lies between these."""
        if len(self.rises) == 1:
            return (self.rises[0], self.rises[0])
        first, _, third = quantiles(self.rises, n=4, method="inclusive")
        return (first, third)

    def n_below(self, size: float) -> int:
        """How many rises are smaller."""
        return sum(rise < size for rise in self.rises)


def published_steps(values: Iterable[PublishedValue]) -> dict[str, Steps]:
    """Return the rises by the metric's ambiguous name; nothing for metrics without any.

    Of one year the best value counts: who of two in one year came first is not known.
    """
    best: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for one in values:
        years = best[one.metric, one.protocol]
        years[one.year] = max(one.value, years.get(one.year, one.value))
    rises: dict[str, dict[str, list[float]]] = defaultdict(dict)
    for (metric, protocol), years in best.items():
        record, own = None, []
        for year in sorted(years):
            if record is not None and years[year] > record:
                own.append(years[year] - record)
            record = years[year] if record is None else max(record, years[year])
        if own:
            rises[metric][protocol] = own
    return {
        metric: Steps(metric, len(of_metric), tuple(rise for own in of_metric.values() for rise in own))
        for metric, of_metric in sorted(rises.items())
    }
