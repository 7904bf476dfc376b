"""Which runs may stand in one table: measured under the same terms, the newest of each kind."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from benchmark.errors import BenchmarkError
from benchmark.records import Protocol, Record, StoredRun

# A split is a column of the table; everything else must be equal.
SPLIT_FIELDS = ("split", "split_sha256")
_MADE_BY = ("config", "source_sha256", "class_vectors_sha256")
_FLAGS = {
    "dataset": "--dataset",
    "protocol": "--protocol",
    "setting": "--setting",
    "direction": "--direction",
    "queries": "--queries",
    "relevance": "--relevance",
    "preprocessing": "--preprocessing",
    "backbone": "--backbone",
    "codes": "--codes",
    "metric_engine": "--suite",  # which takes the present engine alone
}


def by_dataset(runs: Iterable[StoredRun]) -> dict[str, list[StoredRun]]:
    """Runs of each data set, sorted by its id: one table each."""
    found: dict[str, list[StoredRun]] = defaultdict(list)
    for run in runs:
        found[run.record.protocol.dataset].append(run)
    return dict(sorted(found.items()))


def by_family(runs: Iterable[StoredRun]) -> dict[str, list[StoredRun]]:
    """Runs on splits that may be averaged, in the order in which the families come: one table each."""
    found: dict[str, list[StoredRun]] = defaultdict(list)
    for run in runs:
        found[run.record.family].append(run)
    return dict(found)


def row_name(record: Record) -> str:
    """What a row of a table is called: the method, with its variant in parentheses.

    >>> from types import SimpleNamespace
    >>> row_name(SimpleNamespace(method="zscmr", variant="smoke"))
    'zscmr (smoke)'
    """
    return f"{record.method} ({record.variant})" if record.variant else record.method


def check_same_terms(runs: Sequence[StoredRun]) -> None:
    """Raise BenchmarkError when runs differ in anything but method, configuration, split and seed.

    Splits must be of one family, such as folds: a mean over class lists of different origin says nothing.
    The message names the first field that differs, its values with the methods behind them, and the flags
    that choose between them.
    """
    terms = [_terms(run.record) for run in runs]
    for field in terms[0]:
        if len({term[field] for term in terms}) > 1:
            values = [(term[field], row_name(run.record)) for term, run in zip(terms, runs, strict=True)]
            raise BenchmarkError(_refusal(field, values))
    families = [(run.record.family, row_name(run.record)) for run in runs]
    if len({family for family, _ in families}) > 1:
        splits = sorted({run.record.protocol.split for run in runs})
        raise BenchmarkError(
            f"these {len(runs)} runs were measured on splits of different origin ({', '.join(splits)}), "
            "whose unseen classes are other classes: no table mixes them. Choose with --splits; "
            "`list splits --dataset` shows how far they overlap."
        )
    for split, of_split in _by_split(runs).items():
        lists = [(run.record.protocol.split_sha256[:12], row_name(run.record)) for run in of_split]
        if len({sha for sha, _ in lists}) > 1:
            raise BenchmarkError(_refusal(f"split_sha256 of split '{split}'", lists))


def newest(runs: Sequence[StoredRun]) -> tuple[dict[str, dict[str, list[StoredRun]]], int]:
    """Choose the runs that count: row name -> split -> runs in the order of their seeds.

    Of several runs with the same split, row and seed the one that started last counts. Seeds are averaged
    only under one configuration, source and set of class vectors: runs under others than the newest complete
    one are superseded too, unless they are newer. Also returns how many runs were superseded.
    """
    latest: dict[tuple[str, str, int], StoredRun] = {}
    for run in sorted(runs, key=lambda run: run.record.started):
        record = run.record
        latest[row_name(record), record.protocol.split, record.seed] = run
    chosen: dict[str, dict[str, list[StoredRun]]] = defaultdict(lambda: defaultdict(list))
    for (name, split, _), run in sorted(latest.items(), key=lambda item: item[0]):
        chosen[name][split].append(run)
    for of_row in chosen.values():
        for split, seeds in of_row.items():
            of_row[split] = _one_configuration(seeds)
    n_chosen = sum(len(seeds) for of_row in chosen.values() for seeds in of_row.values())
    return {name: dict(of_row) for name, of_row in chosen.items()}, len(runs) - n_chosen


def _terms(record: Record) -> dict[str, str]:
    fields = [field for field in Protocol.model_fields if field not in SPLIT_FIELDS]
    terms = {field: str(getattr(record.protocol, field)) for field in fields}
    return {
        **terms,
        "backbone": record.backbone,
        "weights_sha256": record.weights_sha256,
        "backbone_preprocessing": record.backbone_preprocessing,
    }


def _refusal(field: str, values: Sequence[tuple[str, str]]) -> str:
    counts = Counter(value for value, _ in values)
    sides = " and ".join(
        f"{value!r} in {n} ({', '.join(sorted({name for own, name in values if own == value}))})"
        for value, n in counts.most_common()
    )
    flag = _FLAGS.get(field)
    remedy = (
        f"Keep one with {flag}"
        if flag
        else "No flag chooses between them: move the folders of one side out of results/runs"
    )
    return (
        f"these {len(values)} runs were not measured the same way: {field} is {sides}. "
        f"{remedy}, or run the others again under the same terms."
    )


def _by_split(runs: Sequence[StoredRun]) -> dict[str, list[StoredRun]]:
    found: dict[str, list[StoredRun]] = defaultdict(list)
    for run in runs:
        found[run.record.protocol.split].append(run)
    return found


def _one_configuration(seeds: list[StoredRun]) -> list[StoredRun]:
    complete = [run for run in seeds if run.record.status == "complete"]
    if not complete:
        return seeds
    last = max(complete, key=lambda run: run.record.started).record

    def counts(run: StoredRun) -> bool:
        record = run.record
        same = all(getattr(record, name) == getattr(last, name) for name in _MADE_BY)
        return same or (record.status != "complete" and record.started > last.started)

    return [run for run in seeds if counts(run)]
