"""About how long a run takes: by one of its method here, by the reference results, or by other methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmark.errors import BenchmarkError
from benchmark.plan import PlannedRun
from benchmark.prepare import PreparedData
from benchmark.records import Record, digest, stored_runs

PAIR_S = 6e-8
"""Seconds a pair of query and photo: 13 to 17 s for 15,229 x 17,101 at 64-d to 1280-d, two busy cores."""
_NOTHING_KNOWN_S = 3.0


@dataclass(frozen=True)
class Guess:
    """Seconds of a run, and in words what they are judged by; "" for a run of the same configuration here."""

    seconds: float
    basis: str = ""


OTHER_METHODS = "judged by other methods"


@dataclass(frozen=True)
class Sizes:
    """What a run on a split works on. n_train: sketches and photos together."""

    n_train: int
    n_queries: int
    n_gallery: int


def sizes_of(data: PreparedData) -> dict[str, Sizes]:
    """Sizes of every split of a suite."""
    found = {}
    for split in data.splits():
        own = data.arrangement(split)
        n_train = len(own.train_sketches) + len(own.train_photos)
        found[split.id] = Sizes(n_train, len(own.queries), len(own.gallery))
    return found


def guesses(planned: Sequence[PlannedRun], data: PreparedData) -> dict[str, Guess]:
    """Guess the time of every planned run, by identity.

    A method that never ran here takes what it took for the reference results, on another machine; one that is
    not among them, such as a plugin, the mean of the others.
    """
    sizes = sizes_of(data)
    known = [run.record for run in stored_runs(data.where.runs_dir) if run.record.counts]
    ran_here = {record.method for record in known}
    published = _published() if any(run.method.card.id not in ran_here for run in planned) else []
    found: dict[str, Guess] = {}
    for run in planned:
        guess = _of_method(run, sizes[run.split.id], known)
        if guess is None and (by_others := _of_method(run, sizes[run.split.id], published)):
            guess = Guess(by_others.seconds, "judged by the reference results, of another machine")
        if guess is not None:
            found[run.identity] = guess
    mean = _mean(found, published, sizes)
    return {run.identity: found.get(run.identity, Guess(mean, OTHER_METHODS)) for run in planned}


def _mean(found: Mapping[str, Guess], published: Sequence[Record], sizes: Mapping[str, Sizes]) -> float:
    if found:
        return fmean(guess.seconds for guess in found.values())
    times = [_scaled_s(record, own) for own in sizes.values() for record in published]
    return fmean(times) if times else _NOTHING_KNOWN_S


def _published() -> list[Record]:
    from benchmark.reference.store import read_references

    try:
        references = read_references().values()
    except BenchmarkError:
        return []  # a guess is no reason to stop
    return [run.record for reference in references for run in reference.runs if run.record.counts]


def _of_method(run: PlannedRun, sizes: Sizes, known: Sequence[Record]) -> Guess | None:
    """By a run of the same configuration, else by one on the same data set, else by the last one."""
    config = digest(run.config.values)

    def likeness(record: Record) -> tuple[bool, bool, str]:
        is_same_dataset = record.protocol.dataset == run.protocol.dataset
        return digest(record.config) == config, is_same_dataset, record.started

    nearest = max((own for own in known if own.method == run.method.card.id), key=likeness, default=None)
    if nearest is None:
        return None
    is_alike = digest(nearest.config) == config
    return Guess(_scaled_s(nearest, sizes), "" if is_alike else "judged by another configuration")


def _scaled_s(record: Record, sizes: Sizes) -> float:
    """Fitting by training items, embedding by test items.

    Fits that work on class means or covariances grow slower than that. Evaluation is what it took, and the
    pairs of query and photo that there are more.
    """
    counts = record.counts
    assert counts is not None  # the caller chose records with counts
    of_items = sizes.n_train / max(1, counts.n_train_sketches + counts.n_train_photos)
    more_pairs = max(0, sizes.n_queries * sizes.n_gallery - counts.n_queries * counts.n_gallery)
    of_phase = {"fit": of_items, "read_seen": of_items, "fit_codes": of_items, "evaluate": 1.0}
    of_test = (sizes.n_queries + sizes.n_gallery) / max(1, counts.n_queries + counts.n_gallery)
    scaled = sum(seconds * of_phase.get(phase, of_test) for phase, seconds in record.phases_s.items())
    return scaled + PAIR_S * more_pairs
