"""A stored run as a small JSON object and back: what many runs share is kept once, values are rounded.

Of a run, `record.json` loses nothing but digits; per-query values are kept as multiples of 1/60000, which
many fractions of small numbers are, so that none moves by more than 0.00001. Rankings, logs and models are
not kept.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from benchmark.records import PerQuery, Rankings, Record, StoredRun, digest

UNITS = 60_000
"""Per-query values are multiples of one by this; it fits into 16 bits."""
_NO_VALUE = 0xFFFF
_DIGITS = {"phases_s": 4, "pr_curve": 4, "chance_pr_curve": 6, "peak_mib": 1, "peak_device_mib": 1}
_SCORE_DIGITS = 6
_OF_SCORE = ("value", "ci_low", "ci_high", "class_balanced")
_INLINE = ("run_id", "identity", "started", "phases_s", "pr_curve")
"""Fields that no two runs share."""
_REBUILT = ("scores", "per_class", "fingerprint")
_N_SHORT = 24


@dataclass
class Facts:
    """What runs share, by a hash of the content: a new method moves no line of the others."""

    known: dict[str, Any] = field(default_factory=dict)

    def keep(self, value: Any) -> str:
        """Store a value and return its key, longer where a shorter one is another value's."""
        whole = digest(value)
        for n_digits in range(8, len(whole) + 1, 8):
            if self.known.setdefault(whole[:n_digits], value) == value:
                break
        return whole[:n_digits]


@dataclass(frozen=True)
class ReferenceRun(StoredRun):
    """A run of the reference results: its record and per-query values, rounded; no rankings.

    classes: label of a query -> name of its class.
    """

    values: PerQuery
    classes: Mapping[str, str]

    def per_query(self) -> PerQuery:
        """Return the values; raises BenchmarkError for a run that did not finish, as for any stored run."""
        if self.record.status not in ("complete", "partial"):
            return super().per_query()
        return self.values

    def rankings(self) -> Rankings:
        """Raise BenchmarkError: they are not kept."""
        raise BenchmarkError(
            f"reference results keep no rankings ({self.folder}). `run_benchmark.py run --suite full` makes "
            "runs that have them."
        )


def packed(run: StoredRun, facts: Facts) -> dict[str, Any]:
    """Turn a run into a JSON object of what is its own; what it shares goes into `facts`."""
    record = run.record.model_dump()
    defaults = {name: info.default for name, info in Record.model_fields.items()}
    own: dict[str, Any] = {}
    shared: dict[str, str] = {}
    for name, value in record.items():
        if name in _REBUILT or value == defaults[name]:
            continue
        rounded = _rounded(value, _DIGITS.get(name))
        is_short = not isinstance(rounded, (dict, list)) and len(str(rounded)) <= _N_SHORT
        if is_short or name in _INLINE:
            own[name] = rounded
        else:
            shared[name] = facts.keep(rounded)
    if run.record.scores:
        scores = run.record.scores
        own["scores"] = {
            metric: [round(getattr(score, part), _SCORE_DIGITS) for part in _OF_SCORE]
            for metric, score in scores.items()
        }
        terms = {m: [round(s.chance, 9), s.n_queries_used] for m, s in scores.items()}
        per_query = run.per_query()
        own["per_query"] = _encoded(per_query.values)
        shared["of_scores"] = facts.keep(terms)
        shared["queries"] = facts.keep(_queries(run, per_query))
        shared["metrics"] = facts.keep(per_query.metric_ids.tolist())
    return {**own, "shared": shared}


def unpacked(content: Mapping[str, Any], facts: Mapping[str, Any], file: Path) -> ReferenceRun:
    """Turn such an object back into a run. Raises KeyError, TypeError or ValueError for another form."""
    own = {name: value for name, value in content.items() if name not in ("shared", "suites", "per_query")}
    shared = {name: facts[key] for name, key in content["shared"].items()}
    values, classes = _no_values(), {}
    if "scores" in own:
        queries, metrics = shared.pop("queries"), shared.pop("metrics")
        values = _per_query(content["per_query"], queries, metrics)
        terms = shared.pop("of_scores")
        own["scores"] = {
            metric: {
                **dict(zip(_OF_SCORE, numbers, strict=True)),
                "chance": terms[metric][0],
                "n_queries_used": terms[metric][1],
            }
            for metric, numbers in own["scores"].items()
        }
        classes = queries["classes"]
        own["per_class"] = _per_class(values, classes)
    record = Record.model_validate({**own, **shared, "fingerprint": ""})
    record = record.model_copy(update={"fingerprint": record.protocol.fingerprint})
    return ReferenceRun(file / record.method / record.run_id, record, values, classes)


def _rounded(value: Any, digits: int | None) -> Any:
    if digits is None or value is None:
        return value
    if isinstance(value, dict):
        return {name: round(number, digits) for name, number in value.items()}
    return [round(number, digits) for number in value] if isinstance(value, list) else round(value, digits)


def _encoded(values: NDArray[np.float32]) -> str:
    """(M, Q) -> text: multiples of 1 / UNITS as 16-bit numbers, deflated, in base 85."""
    if values.size and (np.nanmin(values) < 0 or np.nanmax(values) > 1):
        raise BenchmarkError(
            f"per-query values from {np.nanmin(values)} to {np.nanmax(values)} cannot be stored: "
            "reference results hold metrics from 0 to 1."
        )
    units = np.where(np.isfinite(values), np.round(values.astype(np.float64) * UNITS), _NO_VALUE).astype(
        "<u2"
    )
    return base64.b85encode(zlib.compress(units.tobytes(), 9)).decode()


def _decoded(text: str, n_metrics: int, n_queries: int) -> NDArray[np.float32]:
    units = np.frombuffer(zlib.decompress(base64.b85decode(text)), dtype="<u2").reshape(n_metrics, n_queries)
    values: NDArray[np.float32] = np.where(units == _NO_VALUE, np.nan, units / UNITS).astype(np.float32)
    return values


def _queries(run: StoredRun, per_query: PerQuery) -> dict[str, Any]:
    arrays = {
        info.name: getattr(per_query, info.name)
        for info in fields(PerQuery)
        if info.name not in ("values", "metric_ids")
    }
    return {
        "classes": dict(_classes(run, per_query)),
        **{name: array.tolist() for name, array in arrays.items() if array is not None},
    }


def _classes(run: StoredRun, per_query: PerQuery) -> Mapping[str, str]:
    if isinstance(run, ReferenceRun):
        return run.classes
    # Labels count the sorted names of all classes: those of classes with queries are in the same order.
    names = sorted(next(iter(run.record.per_class.values()), {}))
    labels = np.unique(per_query.labels).tolist()
    if names and len(names) != len(labels):
        raise BenchmarkError(
            f"run {run.record.run_id} of '{run.record.method}' names {len(names)} classes and has queries of "
            f"{len(labels)}: its files are not of one run. Run it again with --rerun all."
        )
    return dict(zip(map(str, labels), names, strict=True)) if names else {}


def _per_query(text: str, queries: Mapping[str, Any], metrics: list[str]) -> PerQuery:
    counts = {name: np.array(queries[name]) for name in ("n_relevant", "n_ranked") if name in queries}
    labels = np.array(queries["labels"], dtype=np.int64)
    return PerQuery(
        metric_ids=np.array(metrics),
        values=_decoded(text, len(metrics), len(labels)),
        labels=labels,
        names=np.array(queries["names"]),
        **counts,
    )


def _per_class(values: PerQuery, classes: Mapping[str, str]) -> dict[str, dict[str, float | None]]:
    """Class means of the values as they are stored here."""
    found: dict[str, dict[str, float | None]] = {}
    for metric, of_queries in zip(values.metric_ids.tolist(), values.values.astype(np.float64), strict=True):
        own = {name: of_queries[values.labels == int(label)] for label, name in classes.items()}
        means = {name: part[np.isfinite(part)] for name, part in own.items()}
        found[metric] = {name: float(part.mean()) if part.size else None for name, part in means.items()}
    return found


def _no_values() -> PerQuery:
    none = np.array([], dtype=np.int64)
    return PerQuery(
        np.array([], dtype=np.str_), np.zeros((0, 0), dtype=np.float32), none, none.astype(np.str_)
    )
