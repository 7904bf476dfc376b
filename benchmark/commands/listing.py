"""`list`: what there is to run, with the facts that a reader must know."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmark.commands.list_splits import print_splits, split_entries, splits_entry
from benchmark.commands.options import DataRoot, Plugins
from benchmark.errors import BenchmarkError

Entry = dict[str, Any]


class Kind(StrEnum):
    """What can be listed."""

    METHODS = "methods"
    DATASETS = "datasets"
    SPLITS = "splits"
    METRICS = "metrics"
    SUITES = "suites"
    BACKBONES = "backbones"


def list_things(
    kind: Annotated[Kind, typer.Argument(help="What to list.")] = Kind.METHODS,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: JSON on stdout.")] = False,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", help="With `splits`: overlaps and contact with ImageNet of this data set."),
    ] = None,
    plugin: Plugins = None,
    data_root: DataRoot = None,
) -> None:
    """List methods, data sets, splits, metrics, suites or backbones.

    `list datasets` prints licences and attributions, `list metrics` formulas and sources, `list splits
    --dataset ID` which unseen classes the splits share and how far ImageNet knows them.
    """
    from benchmark.registry import load_plugin

    for path in plugin or ():
        load_plugin(path)
    if dataset is not None:
        if kind is not Kind.SPLITS:
            raise BenchmarkError(f"--dataset belongs to `list splits`, not to `list {kind}`. Leave it out.")
        entry = splits_entry(dataset, data_root)
        if as_json:
            typer.echo(json.dumps(entry, indent=2))
        else:
            print_splits(Console(), entry)
        return
    entries = _ENTRIES[kind](data_root)
    if as_json:
        typer.echo(json.dumps(entries, indent=2))
        return
    console = Console()
    if kind is Kind.DATASETS:
        for entry in entries:
            _print_dataset(console, entry)
    elif console.is_terminal:
        console.print(_rich_table(kind, entries))
    else:
        # Off a terminal nothing is cut or wrapped: one entry a line, columns separated by tabs.
        for row in [list(_COLUMNS[kind]), *(_row(kind, entry) for entry in entries)]:
            typer.echo("\t".join(row))


def method_entries(_: Path | None = None) -> list[Entry]:
    """Return id, status ("runnable" or "skipped"), reason and card of every registered method."""
    from benchmark.errors import NotRunnable
    from benchmark.registry import METHODS

    entries = []
    for method_id in METHODS.ids():
        method = METHODS.get(method_id)
        status, reason = "runnable", None
        try:
            method()
        except NotRunnable as error:
            status, reason = "skipped", str(error)
        card = dataclasses.asdict(method.card)
        entries.append({"id": method_id, "status": status, "reason": reason, "card": card})
    return entries


def dataset_entries(_: Path | None = None) -> list[Entry]:
    """Return the card of every data set."""
    from benchmark.registry import DATASETS

    return [dataclasses.asdict(DATASETS.get(dataset_id).card) for dataset_id in DATASETS.ids()]


def metric_entries(_: Path | None = None) -> list[Entry]:
    """Return formula, source and users of every metric."""
    from metrics.definitions import DEFAULT, FAMILIES, parse

    default = [parse(name) for name in DEFAULT]
    return [
        {
            **dataclasses.asdict(family),
            "default_ids": [metric.id for metric in default if metric.family == family],
        }
        for family in FAMILIES.values()
    ]


def suite_entries(_: Path | None = None) -> list[Entry]:
    """Return every suite of the repository."""
    from benchmark.suite import load_suite, suite_names

    return [grid.model_dump(mode="json") for name in suite_names() for grid in load_suite(name)]


def backbone_entries(_: Path | None = None) -> list[Entry]:
    """Return the card of every backbone."""
    from benchmark.registry import BACKBONES

    return [dataclasses.asdict(BACKBONES.get(backbone_id).card) for backbone_id in BACKBONES.ids()]


_ENTRIES: dict[Kind, Callable[[Path | None], list[Entry]]] = {
    Kind.METHODS: method_entries,
    Kind.DATASETS: dataset_entries,
    Kind.SPLITS: split_entries,
    Kind.METRICS: metric_entries,
    Kind.SUITES: suite_entries,
    Kind.BACKBONES: backbone_entries,
}

_COLUMNS: dict[Kind, dict[str, Callable[[Entry], Any]]] = {
    Kind.METHODS: {
        "id": lambda e: e["id"],
        "title": lambda e: e["card"]["title"],
        "status": lambda e: e["status"] if e["reason"] is None else f"{e['status']}: {e['reason']}",
        "fidelity": lambda e: e["card"]["fidelity"],
        "side information": lambda e: ", ".join(e["card"]["side_information"]) or "none",
        "paper": lambda e: e["card"]["paper"] or "-",
        "deviations": lambda e: len(e["card"]["deviations"]),
    },
    Kind.SPLITS: {
        "data set": lambda e: e["dataset"],
        "split": lambda e: e["id"],
        "unseen classes": lambda e: f"{len(e['unseen'])}: {', '.join(e['unseen'])}",
        "validation": lambda e: len(e["validation"]),
        "origin": lambda e: e["origin"],
        "sha256": lambda e: e["sha256"][:12],
    },
    Kind.METRICS: {
        "id": lambda e: e["pattern"],
        "meaning": lambda e: e["title"],
        "formula": lambda e: e["formula"],
        "source": lambda e: e["source"],
        "used by": lambda e: e["used_by"],
        "in the default set": lambda e: ", ".join(e["default_ids"]) or "-",
    },
    Kind.SUITES: {
        "name": lambda e: e["name"],
        "title": lambda e: e["title"],
        "data set": lambda e: e["dataset"],
        "methods": lambda e: e["methods"] if isinstance(e["methods"], str) else ", ".join(e["methods"]),
        "splits": lambda e: e["splits"] if isinstance(e["splits"], str) else ", ".join(e["splits"]),
        "seeds": lambda e: ", ".join(map(str, e["seeds"])),
    },
    Kind.BACKBONES: {
        "id": lambda e: e["id"],
        "title": lambda e: e["title"],
        "width": lambda e: e["dim"],
        "supervised on": lambda e: e["supervised_on"],
        "licence": lambda e: e["licence"],
        "packages": lambda e: " ".join(e["packages"]),
    },
}


def _row(kind: Kind, entry: Entry) -> list[str]:
    return [str(value(entry)) for value in _COLUMNS[kind].values()]


def _rich_table(kind: Kind, entries: list[Entry]) -> Table:
    table = Table(show_edge=False, row_styles=["", "dim"])
    for i, column in enumerate(_COLUMNS[kind]):
        table.add_column(column, overflow="fold", no_wrap=i == 0)
    for entry in entries:
        table.add_row(*(f"{cell}" for cell in _row(kind, entry)))
    return table


def _print_dataset(console: Console, entry: Entry) -> None:
    def line(text: str, style: str | None = None) -> None:
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=not console.is_terminal)

    line(f"{entry['id']}: {entry['title']}", "bold")
    for name in ("description", "licence", "citation", "obtain", "layout"):
        line(f"  {name}: {entry[name]}")
    line(f"  protocols: {', '.join(entry['protocols'])}")
    for attribution in entry["attributions"]:
        line(f"  attribution: {attribution}")
