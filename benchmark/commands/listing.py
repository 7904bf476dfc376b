"""`list`: what there is to run, with the facts that a reader must know."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from operator import itemgetter
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
    SETTINGS = "settings"
    PREPROCESSING = "preprocessing"


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
    """List methods, data sets, splits, metrics, suites, backbones, settings or preprocessing.

    `list datasets` prints licences and attributions, `list metrics` formulas and sources, `list splits
    --dataset ID` which unseen classes the splits share and how far ImageNet knows them, `list settings` what
    can be tested and how, `list preprocessing` the presets and who published with them.
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
    """Return every suite of the repository with its grids."""
    from benchmark.suite import load_suite, suite_names

    suites = {name: load_suite(name) for name in suite_names()}
    return [
        {"name": name, "title": grids[0].title, "grids": [grid.model_dump(mode="json") for grid in grids]}
        for name, grids in suites.items()
    ]


def backbone_entries(_: Path | None = None) -> list[Entry]:
    """Return the card of every backbone, and whether it can run here: status and reason as of methods."""
    from benchmark.registry import BACKBONES

    entries = []
    for family in BACKBONES.ids():
        backbone = BACKBONES.get(family)
        reason = backbone.lacks()
        status = "skipped" if reason else "runnable"
        entries += [
            {**dataclasses.asdict(card), "status": status, "reason": reason or None}
            for card in backbone.listed()
        ]
    return entries


def setting_entries(_: Path | None = None) -> list[Entry]:
    """Return every setting, direction, choice of queries and relevance, with what it means."""
    from datasets.settings import DIRECTIONS, PLURALS, QUERIES, RELEVANCES, SETTINGS

    directions = {
        name: f"{PLURALS[queries]} query {PLURALS[gallery]}"
        for name, (queries, gallery) in DIRECTIONS.items()
    }
    meanings: dict[str, Mapping[Any, str]] = {
        "setting": {name: facts.meaning for name, facts in SETTINGS.items()},
        "direction": directions,
        "queries": QUERIES,
        "relevance": RELEVANCES,
    }
    return [
        {"flag": f"--{flag}", "id": name, "meaning": meaning}
        for flag, of_flag in meanings.items()
        for name, meaning in of_flag.items()
    ]


def preprocessing_entries(_: Path | None = None) -> list[Entry]:
    """Return every preset, what it does to either modality, and who published with it."""
    from datasets.preprocessing import PRESETS

    return [
        {
            **dataclasses.asdict(preset),
            "sketches": preset.of_pictures("sketch"),
            "photos": preset.of_pictures("photo"),
        }
        for preset in PRESETS.values()
    ]


def _of_grids(suite: Entry, field: str) -> str:
    """The different values that a field has in the grids of a suite."""
    values = [grid[field] for grid in suite["grids"]]
    listed = [own if isinstance(own, list) else [own] for own in values]
    return ", ".join(dict.fromkeys(str(value) for own in listed for value in own))


_ENTRIES: dict[Kind, Callable[[Path | None], list[Entry]]] = {
    Kind.METHODS: method_entries,
    Kind.DATASETS: dataset_entries,
    Kind.SPLITS: split_entries,
    Kind.METRICS: metric_entries,
    Kind.SUITES: suite_entries,
    Kind.BACKBONES: backbone_entries,
    Kind.SETTINGS: setting_entries,
    Kind.PREPROCESSING: preprocessing_entries,
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
        "grids": lambda e: len(e["grids"]),
        "data sets": lambda e: _of_grids(e, "dataset"),
        "methods": lambda e: _of_grids(e, "methods"),
        "splits": lambda e: _of_grids(e, "splits"),
        "settings": lambda e: _of_grids(e, "setting"),
        "directions": lambda e: _of_grids(e, "direction"),
        "seeds": lambda e: _of_grids(e, "seeds"),
    },
    Kind.BACKBONES: {
        "id": lambda e: e["id"],
        "title": lambda e: e["title"],
        "width": lambda e: e["dim"] or "-",
        "status": lambda e: e["status"] if e["reason"] is None else f"{e['status']}: {e['reason']}",
        "supervised on": lambda e: e["supervised_on"],
        "licence": lambda e: e["licence"],
        "packages": lambda e: " ".join(e["packages"]),
    },
    Kind.SETTINGS: {name: itemgetter(name) for name in ("flag", "id", "meaning")},
    Kind.PREPROCESSING: {
        name: itemgetter(name) for name in ("id", "sketches", "photos", "normalisation", "published")
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
