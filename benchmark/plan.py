"""From a suite to its runs, each with the identity under which a finished one is found again."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from benchmark.configs import ResolvedConfig, resolve_config
from benchmark.identity import run_id, run_identity, source_sha256
from benchmark.prepare import PreparedData
from benchmark.records import Protocol
from benchmark.registry import METHODS
from benchmark.suite import Suite, suite_rows
from datasets.splits import ZeroShotSplit
from methods.base import RetrievalMethod


@dataclass(frozen=True)
class PlannedRun:
    """One cell of a suite's grid: method, variant, split and seed, ready to be executed."""

    method: type[RetrievalMethod]
    variant: str
    split: ZeroShotSplit
    seed: int
    config: ResolvedConfig
    protocol: Protocol
    source_sha256: str
    identity: str

    @property
    def run_id(self) -> str:
        """Name of the run's folder."""
        return run_id(self.seed, self.identity)

    @property
    def label(self) -> str:
        """What a person calls the run."""
        name = f"{self.method.card.id} ({self.variant})" if self.variant else self.method.card.id
        return f"{name}, {self.split.id}, seed {self.seed}"


def plan(suite: Suite, data: PreparedData) -> tuple[PlannedRun, ...]:
    """List the runs of a suite, split by split, so that the first comparison is there early.

    Raises BenchmarkError for unknown methods and splits, and for configurations that may not be used.
    """
    rows = list(suite_rows(suite, METHODS.ids()))
    weights = data.backbone.weights_sha256()
    runs = []
    for split, row in itertools.product(data.splits(), rows):
        method: type[RetrievalMethod] = METHODS.get(row.method)
        config = resolve_config(method, suite.config, split, width=suite.width, changes=row.changes)
        source, protocol = source_sha256(method), data.protocol(split)
        identity: dict[str, Any] = {
            "method": method.card.id,
            "source_sha256": source,
            "config": config.values,
            "backbone": suite.backbone,
            "weights_sha256": weights,
        }
        for seed in suite.seeds if method.card.is_random else suite.seeds[:1]:
            sha = run_identity(protocol, seed=seed, **identity)
            variant = row.variant or config.variant
            runs.append(PlannedRun(method, variant, split, seed, config, protocol, source, sha))
    return tuple(runs)
