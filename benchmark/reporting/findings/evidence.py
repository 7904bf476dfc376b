"""What the findings page is made from; nothing here or in the modules beside it reads or writes a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from benchmark.errors import BenchmarkError
from benchmark.records import StoredRun
from benchmark.reporting.comparison import Comparison, compare
from benchmark.reporting.joining import by_dataset, row_name
from benchmark.reporting.pairwise import Pairwise, pairwise
from metrics.protocols import Averaging

METRIC = "map@all"
REFERENCE = "centred"
UNTRAINED = "frozen"
PAPER = "zscmr"
"""The method that is taken apart, where the runs hold variants of it."""


@dataclass(frozen=True)
class UnderDefinition:
    """What one ranking scores under one complete definition: the mean over queries, or over classes."""

    metric: str
    value: float
    averaging: Averaging = "query"


@dataclass(frozen=True)
class PublishedValue:
    """A number of a paper.

    protocol: what papers call the same test. metric: by its ambiguous name, `map@200` or `map@all`.
    """

    protocol: str
    metric: str
    year: int
    value: float
    method: str


@dataclass(frozen=True)
class Evidence:
    """The finished runs of one data set. readings: row -> its ranking under every definition at hand."""

    runs: Sequence[StoredRun]
    readings: Mapping[str, Sequence[UnderDefinition]] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """One data set, compared. main: whole methods against the reference, on real-valued embeddings.

    untrained: the paper's method against the backbone as it is, None where one is lacking. ablation: variants
    of the paper's method against it whole, None without variants. coded: tables of the
    same data set under other codes.
    """

    main: Pairwise
    untrained: Pairwise | None
    ablation: Pairwise | None
    coded: tuple[Comparison, ...]
    readings: Mapping[str, Sequence[UnderDefinition]]

    @property
    def dataset(self) -> str:
        """Id of the data set."""
        return self.main.comparison.protocol.dataset

    @property
    def n_classes(self) -> int:
        """Unseen classes of all splits together."""
        return max(pair.n_classes for pair in self.main.pairs)


def study(evidence: Evidence) -> Study:
    """Compare the runs of one data set.

    Raises BenchmarkError for runs of several data sets or of none, where the reference or every other method
    is lacking, and where runs were not measured under the same terms.
    """
    names = ", ".join(by_dataset(evidence.runs)) or "none"
    if len(by_dataset(evidence.runs)) != 1:
        raise BenchmarkError(f"findings take the runs of one data set at a time, got {names}.")
    real = [run for run in evidence.runs if _codes(run) == "real"]
    whole = [run for run in real if _is_whole(run)]
    variants = [run for run in real if run.record.method == PAPER]
    has_both = {PAPER, UNTRAINED} <= {run.record.method for run in whole}
    coded = sorted((run for run in evidence.runs if _codes(run) != "real" and _is_whole(run)), key=_codes)
    return Study(
        main=pairwise(whole, reference=REFERENCE, metric=METRIC),
        untrained=pairwise(whole, row=PAPER, reference=UNTRAINED, metric=METRIC) if has_both else None,
        ablation=(
            pairwise(variants, reference=PAPER, metric=METRIC)
            if any(map(_is_whole, variants)) and not all(map(_is_whole, variants))
            else None
        ),
        coded=tuple(
            compare(list(runs), reference=REFERENCE, metric_ids=[METRIC])
            for _, runs in groupby(coded, key=_codes)
        ),
        readings=evidence.readings,
    )


def _is_whole(run: StoredRun) -> bool:
    """Whether a row is the method as it is: no variant, no vectors of its own."""
    return row_name(run.record) == run.record.method


def _codes(run: StoredRun) -> str:
    return run.record.protocol.codes
