"""The files of a search: the configuration that won, which `run` reads, and the log of the trials."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmark.configs import resolve_config
from benchmark.environment import describe_environment
from benchmark.identity import source_sha256
from benchmark.prepare import PreparedData
from datasets.files import write_whole
from datasets.splits import ZeroShotSplit
from methods.base import RetrievalMethod


@dataclass(frozen=True)
class Attempt:
    """One fit in a search. score: on the validation classes, None where it failed for `reason`."""

    trial: int
    seed: int
    params: dict[str, Any]
    score: float | None
    reason: str
    seconds: float


@dataclass(frozen=True)
class Search:
    """A finished search. attempts: every fit in order, repeats last. winner_scores: one a seed."""

    method: type[RetrievalMethod]
    split: ZeroShotSplit
    metric: str
    n_trials: int
    seeds: tuple[int, ...]
    attempts: tuple[Attempt, ...]
    winner: Attempt
    winner_scores: tuple[float, ...]
    seconds: float

    @property
    def summary(self) -> str:
        """What came of it, in a line."""
        default = self.attempts[0].score
        of_default = "failed" if default is None else f"{default:.3f}"
        return (
            f"trial {self.winner.trial} gives {self.metric} {fmean(self.winner_scores):.3f} on validation "
            f"classes (mean of {len(self.seeds)} seeds), the defaults {of_default} (seed {self.seeds[0]})"
        )


def write_search(path: Path, found: Search, data: PreparedData) -> None:
    """Write the log beside the configuration, then the configuration: where it stands, both are whole."""
    write_whole(path.with_suffix(".csv"), log_text(found))
    write_whole(path, config_text(found, data))


def log_text(found: Search) -> str:
    """Return the trials as CSV. best_so_far: over the trials; empty for repeats on further seeds."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    names = list(found.method.search_space)
    writer.writerow(["trial", "state", "error", "seed", *names, found.metric, "best_so_far", "seconds"])
    best: float | None = None
    for i, attempt in enumerate(found.attempts):
        score = attempt.score
        if i < found.n_trials and score is not None:
            best = score if best is None else max(best, score)
        writer.writerow(
            [
                attempt.trial,
                "failed" if score is None else "complete",
                # The type alone: a message may name files of the machine.
                attempt.reason.partition(":")[0],
                attempt.seed,
                *(attempt.params[name] for name in names),
                _rounded(score),
                _rounded(best) if i < found.n_trials else "",
                round(attempt.seconds, 2),
            ]
        )
    return buffer.getvalue()


def config_text(found: Search, data: PreparedData) -> str:
    """Return the configuration as TOML: what `run` takes, what was looked at, how, and with what."""
    method, split, suite = found.method, found.split, data.suite
    tables = {
        "config": _config(found, data),
        "tuned_on": {
            "dataset": data.dataset.id,
            "protocol": data.protocol_name,
            "file_list_sha256": data.file_list_sha256,
            "split": split.id,
            "split_sha256": split.sha256,
            "seen_classes": split.seen(data.index.class_names),
            "validation_classes": split.validation,
        },
        "search": {
            "objective": (
                f"{found.metric}, validation sketches against validation photos, "
                "after training on the other seen classes"
            ),
            "trials": found.n_trials,
            "failed_trials": sum(a.score is None for a in found.attempts[: found.n_trials]),
            "seeds": found.seeds,
            "best_trial": found.winner.trial,
            "score": _rounded(fmean(found.winner_scores)),
            "scores": [_rounded(score) for score in found.winner_scores],
            "default_score": _rounded(found.attempts[0].score),
            "seconds": round(found.seconds, 1),
        },
        "made_with": {
            "command": _command(found, data),
            "method_source_sha256": source_sha256(method),
            "backbone": data.backbone.card.id,
            "weights_sha256": data.backbone.weights_sha256(),
            "feature_norm": "raw" if method.card.feature_norm == "raw" else suite.feature_norm,
            "pairs": suite.pairs,
            "width": suite.width,
            **describe_environment(data.where.device),
            "optuna": version("optuna"),
        },
    }
    note = (
        f"# Written by `run_benchmark.py tune`; every trial is in {split.id}.csv. "
        "scores: one a seed; default_score: the first seed.\n"
    )
    return note + "".join(f"\n[{name}]\n{_toml(table)}" for name, table in tables.items())


def _config(found: Search, data: PreparedData) -> dict[str, Any]:
    """Return what was searched, and what differs from the method's defaults."""
    values = resolve_config(
        found.method, "default", found.split, width=data.suite.width, changes=found.winner.params
    ).values
    defaults = vars(found.method.Config())
    return {
        name: value
        for name, value in values.items()
        if name in found.method.search_space or value != defaults[name]
    }


def _command(found: Search, data: PreparedData) -> str:
    root = " --data-root DIR" if data.where.data_root else ""
    return (
        f"run_benchmark.py tune {found.method.card.id} --dataset {data.suite.dataset}{root} "
        f"--splits {found.split.id} --trials {found.n_trials}"
    )


def _toml(table: Mapping[str, Any]) -> str:
    """Write a flat table: JSON's numbers, strings and arrays are TOML's too; None has no form there."""

    def written(name: str, value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, indent=4 if name.endswith("_classes") else None)

    return "".join(f"{name} = {written(name, value)}\n" for name, value in table.items() if value is not None)


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 6)
