"""Which stored runs a table or a plot is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from benchmark.errors import BenchmarkError
from benchmark.records import Record, StoredRun
from benchmark.suite import Suite


@dataclass(frozen=True)
class Selection:
    """Conditions on records; None leaves a field free. rows: (method, variant) pairs.

    Without rows, variants stay out: a smoke run or an ablation is no row of its method's own.
    """

    dataset: str | None = None
    protocol: str | None = None
    splits: tuple[str, ...] | None = None
    methods: tuple[str, ...] | None = None
    backbone: str | None = None
    rows: frozenset[tuple[str, str]] | None = None
    seeds: tuple[int, ...] | None = None

    @classmethod
    def of_suite(cls, suite: Suite) -> Self:
        """Return what a suite would run."""
        named = suite.config if suite.config in ("paper", "smoke") else ""
        rows = None
        if suite.methods != "all":
            # A method without a configuration of that name runs under its own.
            rows = frozenset(
                [(method, variant) for method in suite.methods for variant in {"", named}]
                + [(variant.method, variant.name) for variant in suite.variants]
            )
        return cls(
            dataset=suite.dataset,
            protocol=suite.protocol,
            splits=None if suite.splits == "all" else suite.splits,
            backbone=suite.backbone,
            rows=rows,
            seeds=suite.seeds,
        )

    def holds(self, record: Record) -> bool:
        """Tell whether a record is one of these."""
        protocol = record.protocol
        row = (record.method, record.variant)
        is_row = row in self.rows if self.rows is not None else not record.variant
        return is_row and all(
            wanted is None or found == wanted or (isinstance(wanted, tuple) and found in wanted)
            for wanted, found in (
                (self.dataset, protocol.dataset),
                (self.protocol, protocol.protocol),
                (self.splits, protocol.split),
                (self.methods, record.method),
                (self.backbone, record.backbone),
                (self.seeds, record.seed),
            )
        )

    def of(self, runs: Iterable[StoredRun]) -> tuple[StoredRun, ...]:
        """Return the selected runs. Raises BenchmarkError saying what there is when none is left."""
        found = tuple(runs)
        chosen = tuple(run for run in found if self.holds(run.record))
        if not chosen:
            there = sorted({f"{run.record.protocol.dataset} ({run.record.method})" for run in found})
            raise BenchmarkError(
                f"no stored run fits. There are runs of: {', '.join(there) or 'nothing yet'}. "
                "`run_benchmark.py run` makes them; --suite, --dataset, --methods and --splits choose."
            )
        return chosen
