"""From a suite to its runs, each with the identity under which a finished one is found again."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from benchmark.configs import ResolvedConfig, resolve_config
from benchmark.errors import BenchmarkError
from benchmark.identity import run_id, run_identity, source_sha256
from benchmark.prepare import PreparedData
from benchmark.records import Protocol
from benchmark.registry import METHODS
from benchmark.suite import Suite, suite_rows
from datasets.class_vectors import CLASS_VECTORS_ID
from datasets.splits import ZeroShotSplit
from methods.base import RetrievalMethod


@dataclass(frozen=True)
class GridCell:
    """A method on a split with its configuration: what can be checked before any picture is read."""

    method: type[RetrievalMethod]
    variant: str
    split: ZeroShotSplit
    config: ResolvedConfig
    is_finetuned: bool


@dataclass(frozen=True)
class PlannedRun(GridCell):
    """A cell with a seed, its protocol and its identity, ready to be executed.

    identity_with: the identity that it would have with another `source_sha256` of its method.
    """

    seed: int
    protocol: Protocol
    source_sha256: str
    identity: str
    identity_with: Callable[..., str] = field(compare=False, repr=False)

    @property
    def run_id(self) -> str:
        """Name of the run's folder."""
        return run_id(self.seed, self.identity)

    @property
    def label(self) -> str:
        """What a person calls the run."""
        name = f"{self.method.card.id} ({self.variant})" if self.variant else self.method.card.id
        return f"{name}, {self.split.id}, seed {self.seed}"


def grid(suite: Suite, splits: Iterable[ZeroShotSplit]) -> tuple[GridCell, ...]:
    """List methods and variants split by split, so that the first comparison is there early.

    Raises BenchmarkError for unknown methods, for configurations that may not be used, and for an empty
    grid.
    """
    cells = []
    for split, row in itertools.product(splits, list(suite_rows(suite, METHODS.ids()))):
        method: type[RetrievalMethod] = METHODS.get(row.method)
        # Where a suite says how long codes are, so are those that a method learns.
        is_sized = suite.codes.is_itq and method.card.codes == "own"
        width = suite.bits if is_sized else suite.width
        config = resolve_config(method, suite.config, split, width=width, changes=row.changes)
        # A method that reads pictures has nothing of a backbone, before or after.
        is_finetuned = row.is_finetuned and method.card.input == "features"
        cells.append(GridCell(method, row.variant or config.variant, split, config, is_finetuned))
    if not cells:
        raise BenchmarkError(f"suite '{suite.name}' holds no run: it names no method or no split.")
    return tuple(cells)


def plan(cells: Iterable[GridCell], data: PreparedData) -> tuple[PlannedRun, ...]:
    """Turn cells into runs, one a seed; without randomness in method or codes, the first seed alone."""
    runs = []
    weights, seeds = data.backbone.weights_file(), data.suite.seeds
    for cell in cells:
        protocol, source = data.protocol(cell.split), source_sha256(cell.method)
        is_random = cell.method.card.is_random or data.codes.kind.is_itq
        for seed in dict.fromkeys(seeds) if is_random else seeds[:1]:
            identity_with = partial(
                run_identity,
                protocol,
                method=cell.method.card.id,
                variant=cell.variant,
                config=cell.config.values,
                tuned_for=cell.config.tuned_for,
                validation_classes=cell.split.validation,
                backbone=data.backbone.card.id,
                preprocessing=data.backbone.steps(data.preprocessing),
                weights_sha256=_with_name(weights.sha256, weights.origin, data.suite.weights == "published"),
                class_vectors_sha256=_named_vectors(cell, data),
                finetuning=_keys(cell, data),
                seed=seed,
            )
            runs.append(
                PlannedRun(
                    method=cell.method,
                    variant=cell.variant,
                    split=cell.split,
                    config=cell.config,
                    is_finetuned=cell.is_finetuned,
                    seed=seed,
                    protocol=protocol,
                    source_sha256=source,
                    identity=identity_with(source_sha256=source),
                    identity_with=identity_with,
                )
            )
    return tuple(runs)


def _keys(cell: GridCell, data: PreparedData) -> tuple[str, ...]:
    """Names of the fine-tuned weights that a run reads, sketches first; known before they are made."""
    if not cell.is_finetuned:
        return ()
    return tuple(tuning.key for tuning in data.features.fine_tunings(cell.split).values())


def _named_vectors(cell: GridCell, data: PreparedData) -> str | None:
    sha256 = data.class_vectors_sha256(cell.method.card)
    if sha256 is None:
        return None
    return _with_name(sha256, data.class_vectors.kind, data.suite.class_vectors == CLASS_VECTORS_ID)


def _with_name(sha256: str, name: str, is_usual: bool) -> str:
    """Add to the hash of a file of one's own its name: tables choose rows by it."""
    return sha256 if is_usual else f"{sha256} {name}"
