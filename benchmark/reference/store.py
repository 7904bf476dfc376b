"""`results/reference/<dataset>.json`: the runs of the reference suites on one data set, in one small file."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.records import StoredRun
from benchmark.reference.compact import Facts, packed, unpacked
from benchmark.reference.rulers import Readings, packed_readings, unpacked_readings
from benchmark.suite import load_suite
from datasets.files import write_whole

SCHEMA = 1
MAIN = "full"
SUITES = (MAIN, "zscmr-ablation", "codes")
"""The suites whose runs are reference results."""
ROOT = Path(__file__).parents[2]
FOLDER = Path("results", "reference")
_REMEDY = (
    "Restore it from the repository, or make it again with `run_benchmark.py reference --from-runs` from "
    f"finished runs of the suites {', '.join(SUITES)}."
)


class UnreadableReferenceError(BenchmarkError):
    """A file of reference results that is damaged or of another form: nothing is lost by making it anew."""


@dataclass(frozen=True, eq=False)
class Reference:
    """The reference results of a data set.

    suites: name of a suite -> its runs, which `compare` and `pairwise` take as they take runs on disk.
    readings: rows of the suite `full` under many definitions. of_older_source: identities of the runs
    that an older version of their method's code made. sha256: of the file; files of equal content are equal,
    so that what was computed of one serves for the other.
    """

    dataset: str
    suites: Mapping[str, tuple[StoredRun, ...]]
    readings: Readings
    of_older_source: frozenset[str]
    sha256: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and other.sha256 == self.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    @property
    def runs(self) -> tuple[StoredRun, ...]:
        """The runs of suite `full`: every method on every split."""
        return self.of_suite(MAIN)

    def of_suite(self, name: str) -> tuple[StoredRun, ...]:
        """Return the runs of one of the suites. Raises BenchmarkError where there are none."""
        if not self.suites.get(name):
            raise BenchmarkError(
                f"the reference results of '{self.dataset}' hold no run of suite '{name}', but of "
                f"{', '.join(self.suites)}. `run_benchmark.py run --suite {name}` makes the runs, "
                "`run_benchmark.py reference --from-runs` takes them over."
            )
        return self.suites[name]


def reference_datasets() -> tuple[str, ...]:
    """Ids of the data sets that have reference results: those of suite `full`."""
    return tuple(dict.fromkeys(grid.dataset for grid in load_suite(MAIN)))


def reference_path(dataset: str, root: Path = ROOT) -> Path:
    """Where the reference results of a data set lie."""
    return root / FOLDER / f"{dataset}.json"


def read_references(root: Path = ROOT) -> dict[str, Reference]:
    """Read the reference results of all data sets. Raises BenchmarkError as `read_reference` does."""
    return {dataset: read_reference(reference_path(dataset, root)) for dataset in reference_datasets()}


def read_reference(source: Path | str) -> Reference:
    """Read reference results. source: a file, or the id of a data set of this repository.

    Raises BenchmarkError for a file that is not there, damaged, of another form or of a newer schema.
    """
    path = source if isinstance(source, Path) else reference_path(source)
    try:
        text = path.read_bytes()
        content = json.loads(text)
        if content["schema"] > SCHEMA:
            raise BenchmarkError(
                f"{path} has schema {content['schema']}, and this version reads up to {SCHEMA}. "
                "Update the benchmark, or restore the file that belongs to it."
            )
        suites: dict[str, list[StoredRun]] = {}
        for one in content["runs"]:
            run = unpacked(one, content["facts"], path)
            for name in one["suites"]:
                suites.setdefault(name, []).append(run)
        return Reference(
            content["dataset"],
            {name: tuple(suites[name]) for name in SUITES if name in suites},
            unpacked_readings(content["readings"]),
            frozenset(content["of_older_source"]),
            hashlib.sha256(text).hexdigest(),
        )
    except FileNotFoundError as error:
        known = ", ".join(reference_datasets())
        raise BenchmarkError(f"no reference results in {path}. Data sets that have some: {known}.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        what = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise UnreadableReferenceError(
            f"{path} cannot be read as reference results ({what}). {_REMEDY}"
        ) from error


def write_reference(
    path: Path,
    suites: Mapping[str, Sequence[StoredRun]],
    readings: Readings = MappingProxyType({}),
    *,
    of_older_source: Collection[str] = (),
) -> Path:
    """Write the runs of one data set, by suite, so that a reader sees the old file or the new one.

    A run of several suites is kept once. of_older_source: identities of runs of which readers are told; those
    of other data sets do no harm. Raises BenchmarkError for runs of several data sets and for a suite that is
    none of SUITES.
    """
    if unknown := set(suites) - set(SUITES):
        raise BenchmarkError(f"no reference suite {', '.join(sorted(unknown))}. Known: {', '.join(SUITES)}.")
    runs: dict[str, StoredRun] = {}
    names: dict[str, list[str]] = {}
    for name in SUITES:
        for run in suites.get(name, ()):
            runs[run.record.identity] = run
            names.setdefault(run.record.identity, []).append(name)
    found = sorted({run.record.protocol.dataset for run in runs.values()})
    if len(found) != 1:
        raise BenchmarkError(
            f"a file of reference results is of one data set, got {', '.join(found) or 'no run'}."
        )
    facts = Facts()
    lines = [
        {"suites": names[run.record.identity], **packed(run, facts)}
        for run in sorted(runs.values(), key=_order)
    ]
    content = {
        "dataset": found[0],
        "facts": dict(sorted(facts.known.items())),
        "of_older_source": sorted(set(of_older_source) & set(runs)),
        "readings": packed_readings(readings),
        "runs": lines,
        "schema": SCHEMA,
    }
    return write_whole(path, _text(content))


def _order(run: StoredRun) -> tuple[str, ...]:
    record = run.record
    return (record.protocol.codes, record.method, record.variant, record.protocol.split, f"{record.seed:09}")


def _text(content: Mapping[str, Any]) -> str:
    """JSON with one fact or run a line, so that a difference of two versions can be read."""

    def compact(value: Any) -> str:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)

    parts = []
    for name, value in content.items():
        if isinstance(value, dict):
            lines = ",\n".join(f"{compact(key)}:{compact(own)}" for key, own in value.items())
            parts.append(f'"{name}":{{\n{lines}\n}}')
        elif isinstance(value, list):
            parts.append(f'"{name}":[\n' + ",\n".join(map(compact, value)) + "\n]")
        else:
            parts.append(f'"{name}":{compact(value)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"
