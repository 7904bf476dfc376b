"""`list splits`: the splits of the data sets, what they share, and how far ImageNet knows their classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from datasets.splits import ZeroShotSplit

Entry = dict[str, Any]
UNKNOWN = "unknown"
RELATION_MEANING = (
    "Relation of a class's WordNet synset to ILSVRC-1k: synset (it is in it), ancestor (some of it lies "
    "below), descendant (it lies below some of it), none, no synset (WordNet has no such noun). A label says "
    "nothing about homonyms: the label mouse is the computer mouse."
)


def split_entries(data_root: Path | None = None) -> list[Entry]:
    """Return every committed split, and that of a folder data set when its root is given."""
    from benchmark.registry import DATASETS

    splits = [split for dataset in DATASETS.ids() for split in _committed(dataset)]
    if data_root is not None:
        splits += _in_folder(data_root)
    return [_entry(split) for split in splits]


def splits_entry(dataset: str, data_root: Path | None = None) -> Entry:
    """Return the splits of one data set with their overlaps and their contact with ILSVRC-1k.

    contamination: one entry a split, None for a data set without a table of class facts. Raises
    BenchmarkError for an unknown data set.
    """
    from benchmark.registry import DATASETS
    from datasets.contamination import contamination, overlaps, total_sentence

    kind = DATASETS.get(dataset)
    splits = _committed(dataset)
    if kind.is_named_by_root and data_root is not None:
        splits += _in_folder(data_root, dataset)
    table = kind.class_table
    contact = None
    if table is not None:
        contact = []
        for split in splits:
            found = contamination(split, table, kind.galleries())
            totals = [total_sentence(split.id, gallery) for gallery in found.galleries]
            contact.append({**dataclasses.asdict(found), "totals": totals})
    return {
        "dataset": dataset,
        "class_table": table,
        "splits": [_entry(split) for split in splits],
        "overlaps": [
            {**dataclasses.asdict(overlap), "n_shared": len(overlap.shared)} for overlap in overlaps(splits)
        ],
        "contamination": contact,
    }


def print_splits(console: Console, entry: Entry) -> None:
    """Print what `splits_entry` returns: tables for people, lines of tab-separated columns off a terminal."""
    splits, dataset = entry["splits"], entry["dataset"]
    if not splits:
        typer.echo(f"Data set '{dataset}' has no committed split. A folder brings its own: add --data-root.")
        return
    _print_table(
        console,
        f"Splits of {dataset}",
        ["split", "unseen", "validation", "origin", "sha256"],
        [
            [s["id"], len(s["unseen"]), ", ".join(s["validation"]), s["origin"], s["sha256"][:12]]
            for s in splits
        ],
    )
    if len(splits) > 1:
        _print_overlaps(console, entry)
    if entry["contamination"] is None:
        typer.echo(f"\nNo facts on the classes of '{dataset}': their contact with ImageNet is {UNKNOWN}.")
        return
    typer.echo(f"\n{RELATION_MEANING}")
    for contact in entry["contamination"]:
        _print_contact(console, contact)


def _print_overlaps(console: Console, entry: Entry) -> None:
    ids = [split["id"] for split in entry["splits"]]
    n_shared = {(split["id"], split["id"]): len(split["unseen"]) for split in entry["splits"]}
    for overlap in entry["overlaps"]:
        n_shared[overlap["one"], overlap["other"]] = overlap["n_shared"]
        n_shared[overlap["other"], overlap["one"]] = overlap["n_shared"]
    # Ids as column heads would be folded into bits on a terminal: there the columns are numbered.
    is_numbered = console.is_terminal
    heads = [str(i) for i in range(1, len(ids) + 1)] if is_numbered else ids
    _print_table(
        console,
        "Unseen classes that two splits share",
        ["split", *heads],
        [
            [f"{head} {one}" if is_numbered else one, *(n_shared[one, other] for other in ids)]
            for head, one in zip(heads, ids, strict=True)
        ],
    )
    named = [
        [overlap["one"], overlap["other"], overlap["n_shared"], ", ".join(overlap["shared"])]
        for overlap in entry["overlaps"]
        if overlap["shared"]
    ]
    if named:
        _print_table(console, "Their names", ["split", "split", "shared", "classes"], named)


def _print_contact(console: Console, contact: Entry) -> None:
    galleries = [gallery["gallery"] for gallery in contact["galleries"]]
    _print_table(
        console,
        f"{contact['split']}: contact of the unseen classes with ILSVRC-1k",
        ["class", "label", "relation", *(f"photos with an id, {name}" for name in galleries)],
        [
            [
                one["class_name"],
                "yes" if one["ilsvrc_label"] else "no",
                _relation(one["ilsvrc_relation"]),
                *(UNKNOWN if (n := one["n_exposed"][name]) is None else f"{n:,}" for name in galleries),
            ]
            for one in contact["classes"]
        ],
    )
    n_classes = len(contact["classes"])
    relations = ", ".join(f"{n} {_relation(name)}" for name, n in contact["n_relations"].items() if n)
    typer.echo(f"{contact['split']}: {contact['n_labels']} of {n_classes} names are labels; {relations}")
    for total in contact["totals"]:
        typer.echo(total)


def _relation(name: str) -> str:
    return name or "no synset"


def _print_table(console: Console, title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    typer.echo(f"\n{title}")
    if not console.is_terminal:
        for row in [head, *rows]:
            typer.echo("\t".join(map(str, row)))
        return
    table = Table(show_edge=False, row_styles=["", "dim"])
    for i, name in enumerate(head):
        table.add_column(name, overflow="fold", no_wrap=i == 0)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))  # as text: brackets in names are no markup
    console.print(table)


def _committed(dataset: str) -> list[ZeroShotSplit]:
    from benchmark.registry import DATASETS
    from datasets.splits import committed_split, committed_split_ids

    kind = DATASETS.get(dataset)
    folder = kind.folder_of_splits()
    return [committed_split(dataset, split_id, folder=folder) for split_id in committed_split_ids(folder)]


def _in_folder(data_root: Path, dataset: str = "folder") -> list[ZeroShotSplit]:
    from benchmark.registry import DATASETS

    folder = DATASETS.get(dataset)(root=data_root, cache_dir=data_root)
    return [folder.split(split_id) for split_id in folder.split_ids()]


def _entry(split: ZeroShotSplit) -> Entry:
    return {**dataclasses.asdict(split), "sha256": split.sha256}
