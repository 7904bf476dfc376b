"""Which runs may stand in one table: measured under the same terms, the newest of each kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from benchmark.errors import BenchmarkError
from benchmark.records import Protocol, Record, StoredRun

# A split is a column of the table; everything else must be equal.
SPLIT_FIELDS = ("split", "split_sha256")
_MADE_BY = ("config", "source_sha256", "class_vectors_sha256", "networks")
_FOLLOWERS = {
    "dataset": ("protocol", "file_list_sha256"),
    "direction": ("queries", "exclusions"),
    "backbone": ("weights_sha256", "backbone_preprocessing", "supervised_on"),
    "weights_sha256": ("supervised_on",),
    "preprocessing": ("backbone_preprocessing",),
}
"""Fields that differ because another one does."""
_FLAGS = {
    "dataset": "--dataset",
    "protocol": "--protocol",
    "setting": "--setting",
    "direction": "--direction",
    "queries": "--queries",
    "relevance": "--relevance",
    "preprocessing": "--preprocessing",
    "backbone": "--backbone",
    "weights_sha256": "--weights",
    "finetune": "--finetune",
    "codes": "--codes",
    "metric_engine": "--suite",  # which takes the present engine alone
}
N_FOLDERS = 4


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
    """What a row of a table is called: the method, with its variant and its own class vectors in parentheses.

    >>> from types import SimpleNamespace
    >>> row_name(SimpleNamespace(method="zscmr", variant="smoke", own_vectors=""))
    'zscmr (smoke)'
    >>> row_name(SimpleNamespace(method="zscmr", variant="", own_vectors="glove.6B.300d.txt"))
    'zscmr (glove.6B.300d.txt)'
    """
    return _named(record.method, record.variant, record.own_vectors)


def reference_row(wanted: str, records: Iterable[Record]) -> str:
    """Return the row that is meant by a name without class vectors, where one row alone can be.

    The reference of a suite names a method, and its runs may have been made with a file of vectors.
    """
    rows = {row_name(record): _named(record.method, record.variant) for record in records}
    meant = [row for row, plain in rows.items() if plain == wanted]
    return meant[0] if wanted not in rows and len(meant) == 1 else wanted


def _named(method: str, *details: str) -> str:
    given = ", ".join(filter(None, details))
    return f"{method} ({given})" if given else method


def check_same_terms(runs: Sequence[StoredRun]) -> None:
    """Raise BenchmarkError when runs differ in anything but method, configuration, split and seed.

    Splits must be of one family, such as folds: a mean over class lists of different origin says nothing.
    The message names the fields that differ, their values with the methods behind them, and what chooses
    between them.
    """
    terms = [_terms(run.record) for run in runs]
    fields = dict.fromkeys(field for term in terms for field in term)
    differing = [field for field in fields if len({term[field] for term in terms if field in term}) > 1]
    implied = {follower for field in differing for follower in _FOLLOWERS.get(field, ())}
    if own := [field for field in differing if field not in implied]:
        raise BenchmarkError(_refusal({field: [term.get(field) for term in terms] for field in own}, runs))
    families = [(run.record.family, row_name(run.record)) for run in runs]
    if len({family for family, _ in families}) > 1:
        splits = sorted({run.record.protocol.split for run in runs})
        raise BenchmarkError(
            f"these {len(runs)} runs were measured on splits of different origin ({', '.join(splits)}), "
            "whose unseen classes are other classes: no table mixes them. Choose with --splits; "
            "`list splits --dataset` shows how far they overlap."
        )
    for split, of_split in _by_split(runs).items():
        lists = [run.record.protocol.split_sha256[:12] for run in of_split]
        if len(set(lists)) > 1:
            raise BenchmarkError(_refusal({f"split_sha256 of split '{split}'": lists}, of_split))


def newest(runs: Sequence[StoredRun]) -> tuple[dict[str, dict[str, list[StoredRun]]], int]:
    """Choose the runs that count: row name -> split -> runs in the order of their seeds.

    Of several runs with the same split, row and seed the one that started last counts. Seeds are averaged
    only under one configuration, source and set of class vectors: runs under others than the newest complete
    one are superseded too, unless they are newer. Also returns how many runs were superseded. Raises
    BenchmarkError when rows of one split read networks that were fine-tuned otherwise, as by another recipe.
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
    kept = [run for of_row in chosen.values() for seeds in of_row.values() for run in seeds]
    _check_same_networks(kept)
    return {name: dict(of_row) for name, of_row in chosen.items()}, len(runs) - len(kept)


def _check_same_networks(runs: Sequence[StoredRun]) -> None:
    for split, of_split in _by_split(run for run in runs if run.record.networks).items():
        weights = [", ".join(sha256[:12] for sha256 in run.record.networks) for run in of_split]
        if len(set(weights)) > 1:
            refusal = _refusal({f"networks fine-tuned for '{split}'": weights}, of_split)
            raise BenchmarkError(f"{refusal} Or run the suite again with --rerun all.")


def _terms(record: Record) -> dict[str, str]:
    fields = [field for field in Protocol.model_fields if field not in SPLIT_FIELDS]
    terms = {field: str(getattr(record.protocol, field)) for field in fields}
    return {
        **terms,
        "backbone": record.backbone,
        "weights_sha256": record.weights_sha256,
        "supervised_on": record.supervised_on,
        **({"finetune": record.finetune} if record.reads_features else {}),
        "backbone_preprocessing": record.backbone_preprocessing,
    }


def _refusal(values_of: Mapping[str, Sequence[str | None]], runs: Sequence[StoredRun]) -> str:
    """values_of: field that differs -> its value in each of the runs, None where it does not matter."""
    sides, flags, odd = [], [], []
    for field, values in values_of.items():
        rows_of: dict[str, list[StoredRun]] = defaultdict(list)
        for value, run in zip(values, runs, strict=True):
            if value is not None:
                rows_of[value].append(run)
        by_number = sorted(rows_of.items(), key=lambda side: -len(side[1]))
        texts = [
            f"{value!r} in {len(own)} ({', '.join(sorted({row_name(run.record) for run in own}))})"
            for value, own in by_number
        ]
        sides.append(f"{field} is {' and '.join(texts)}")
        if field in _FLAGS:
            flags.append(_FLAGS[field])
        else:
            odd += [run.folder for _, own in by_number[1:] for run in own]
    remedies = []
    if flags:
        remedies.append(f"Keep one{' of each' if len(flags) > 1 else ''} with {' and '.join(flags)}")
    if odd:
        folders = dict.fromkeys(map(str, odd))
        shown = ", ".join([*folders][:N_FOLDERS]) + (" and others" if len(folders) > N_FOLDERS else "")
        choice = "No flag chooses between them" if not flags else "Where no flag chooses"
        remedies.append(f"{choice}: move the folders of one side out of results/runs, such as {shown}")
    return (
        f"these {len(runs)} runs were not measured the same way: {'; '.join(sides)}. "
        f"{'. '.join(remedies)}, or run the others again under the same terms."
    )


def _by_split(runs: Iterable[StoredRun]) -> dict[str, list[StoredRun]]:
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
