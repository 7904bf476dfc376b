"""Which stored runs a table or a plot is about."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from benchmark.codes.term import Codes
from benchmark.configs import row_variants
from benchmark.dataset_ids import is_of_kind
from benchmark.errors import BenchmarkError
from benchmark.records import Record, StoredRun
from benchmark.registry import DATASETS
from benchmark.suite import BEFORE_FINE_TUNING, Suite, methods_of
from datasets.backbones import whole_id
from datasets.class_vectors import CLASS_VECTORS_ID
from metrics import ENGINE_VERSION


@dataclass(frozen=True)
class Selection:
    """Conditions on records; None leaves a field free.

    dataset: an id; "folder" and "precomputed" stand for every root. rows: (method, variant) pairs.
    preprocessing: a preset's id. codes: as in a record, such as "itq, 64 bits". metric_engine: records of an
    older one are of other numbers. weights: "published", "random", or the name of a file. class_vectors: as
    in a suite; runs of methods that are given none are always among these. finetune: as in a suite; runs of
    methods that read pictures are among both.
    """

    dataset: str | None = None
    protocol: str | None = None
    setting: str | None = None
    direction: str | None = None
    queries: str | None = None
    relevance: str | None = None
    preprocessing: str | None = None
    splits: tuple[str, ...] | None = None
    methods: tuple[str, ...] | None = None
    backbone: str | None = None
    weights: str | None = None
    finetune: str | None = None
    codes: str | None = None
    metric_engine: str | None = None
    class_vectors: str | None = None
    rows: frozenset[tuple[str, str]] | None = None
    seeds: tuple[int, ...] | None = None

    @classmethod
    def of_suite(cls, suite: Suite, runs: Iterable[StoredRun]) -> Self:
        """Return what a suite would run. Its methods are those of the runs where it says "all"."""
        methods = methods_of(suite, tuple(sorted({run.record.method for run in runs})))
        rows = {
            (method, variant)
            for method in methods
            for variant in row_variants(method, suite.config, suite.dataset)
        }
        named = {(variant.method, variant.name) for variant in suite.variants}
        if suite.finetune == "seen":
            named.add(("frozen", BEFORE_FINE_TUNING))
        kind = DATASETS.get(suite.dataset)
        return cls(
            dataset=suite.dataset,
            protocol=suite.protocol or kind.card.protocols[0],
            setting=suite.setting,
            direction=suite.direction,
            queries=suite.terms.queries_name,
            relevance=suite.relevance,
            preprocessing=None if kind.brings_features else suite.preprocessing,
            splits=suite.splits if isinstance(suite.splits, tuple) else None,
            backbone=None if kind.brings_features else whole_id(suite.backbone),
            weights=None if kind.brings_features else _weights_choice(suite.weights),
            finetune=suite.finetune,
            codes=str(Codes(suite.codes, suite.bits)),
            metric_engine=ENGINE_VERSION,
            class_vectors=suite.class_vectors,
            rows=frozenset(rows | named),
            seeds=suite.seeds,
        )

    def holds(self, record: Record) -> bool:
        """Tell whether a record is one of these."""
        protocol = record.protocol
        conditions: tuple[tuple[Collection[object] | None, object], ...] = (
            (self.protocol and (self.protocol,), protocol.protocol),
            (self.setting and (self.setting,), protocol.setting),
            (self.direction and (self.direction,), protocol.direction),
            (self.queries and (self.queries,), protocol.queries),
            (self.relevance and (self.relevance,), protocol.relevance),
            (self.preprocessing and (self.preprocessing,), protocol.preset),
            (self.splits, protocol.split),
            (self.methods, record.method),
            (self.codes and (self.codes,), protocol.codes),
            (self.metric_engine and (self.metric_engine,), protocol.metric_engine),
            (self.backbone and (self.backbone,), record.backbone),
            (self.weights and (self.weights,), record.weights_choice),
            ((self.finetune and record.reads_features and (self.finetune,)) or None, record.finetune),
            (self.rows, (record.method, record.variant)),
            (self.seeds, record.seed),
            (self._vectors(record), record.own_vectors),
        )
        is_dataset = self.dataset is None or is_of_kind(protocol.dataset, self.dataset)
        return is_dataset and all(wanted is None or found in wanted for wanted, found in conditions)

    def _vectors(self, record: Record) -> tuple[str, ...] | None:
        """Names of class vectors that a record may have, None for any."""
        if self.class_vectors is None or record.class_vectors_sha256 is None:
            return None
        return ("",) if self.class_vectors == CLASS_VECTORS_ID else (Path(self.class_vectors).name,)

    def of(self, runs: Iterable[StoredRun]) -> tuple[StoredRun, ...]:
        """Return the selected runs. Raises BenchmarkError saying what there is when none is left."""
        found = tuple(runs)
        chosen = tuple(run for run in found if self.holds(run.record))
        if not chosen:
            older = [run for run in found if replace(self, metric_engine=None).holds(run.record)]
            if older:
                engines = ", ".join(sorted({run.record.protocol.metric_engine for run in older}))
                raise BenchmarkError(
                    f"the {len(older)} stored runs that fit were measured by metric engine {engines}, not by "
                    f"{self.metric_engine}. `run_benchmark.py run` with the same flags measures them again; "
                    "--dataset shows them as they are."
                )
            there = sorted({f"{run.record.protocol.dataset} ({run.record.method})" for run in found})
            raise BenchmarkError(
                f"no stored run fits{self._asked()}. There are runs of: {', '.join(there) or 'nothing yet'}. "
                "`run_benchmark.py run` makes them; --suite (`default` where no flag says otherwise), "
                "--dataset, --methods and --splits choose."
            )
        return chosen

    def _asked(self) -> str:
        """Say which data set and methods were looked for, as far as they are given."""
        methods = sorted(self.methods or {method for method, _ in self.rows or ()})
        words = [*([self.dataset] if self.dataset else []), *([", ".join(methods)] if methods else [])]
        return f": looked for {' with '.join(words)}" if words else ""

    def missing(self, runs: Iterable[StoredRun]) -> list[str]:
        """Name what a suite's selection asks for and these runs, which it chose, do not hold."""
        records, keys = {}, set()
        for record in (run.record for run in runs):
            row = (record.method, record.variant)
            records[row] = record
            keys.add((*row, record.protocol.split, record.seed))
        splits, seeds = self.splits or sorted({key[2] for key in keys}), self.seeds or (0,)
        gaps = []
        for row in sorted(self.rows or ()):
            name = f"{row[0]} ({row[1]})" if row[1] else row[0]
            if row not in records:
                gaps.append(name)
                continue
            wanted = itertools.product(splits, seeds if records[row].depends_on_seed else seeds[:1])
            lacking = [f"{split} seed {seed}" for split, seed in wanted if (*row, split, seed) not in keys]
            if lacking:
                gaps.append(f"{name} on {', '.join(lacking)}")
        return gaps


def _weights_choice(weights: str) -> str:
    """Return the choice of a suite as records know it: of a file, the name alone."""
    return weights if weights in ("published", "random") else Path(weights).name
