"""`check-data`: whether runs on a data set would be right, said before one is started."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from benchmark.commands import options
from benchmark.commands.options import CacheDir, DataRoot

if TYPE_CHECKING:
    from benchmark.data_check import DataCheck
    from datasets.survey import ClassCount

READY, NOT_READY = 0, 1
N_SHOWN = 10
_SHORT = ("level", "part", "split", "protocol")
"""Columns that are never wrapped."""


def check_data(
    dataset: Annotated[str, typer.Argument(help="Data set id (`list datasets`).", show_default=False)],
    deep: Annotated[
        bool, typer.Option("--deep", help="Decode every picture: finds damage in the middle of files.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: one JSON object on stdout.")] = False,
    data_root: DataRoot = None,
    cache_dir: CacheDir = None,
) -> int:
    """Check a data set before anything is trained on it: names, counts, files, leaks.

    Reads every file once, remembers its content for later runs, and exits with 1 when a run would be wrong:
    missing classes, fewer pictures than published, corrupt files, one picture in a seen and an unseen class.
    Ctrl-C loses little: the same command goes on from there.

    [bold]Examples[/bold]

    run_benchmark.py check-data sketchy_ext --data-root DIR

    run_benchmark.py check-data sketchy_ext --data-root DIR --deep

    run_benchmark.py check-data folder --data-root DIR --json > check.json
    """
    from benchmark.registry import DATASETS

    DATASETS.get(dataset)  # before torch is loaded
    from benchmark.data_check import check_data as check_whole
    from benchmark.data_check import open_dataset
    from benchmark.display import SuiteDisplay

    opened = open_dataset(dataset, data_root, options.cache_folder(cache_dir))
    check = check_whole(opened, stage=SuiteDisplay(options.progress_console()).stage, is_deep=deep)
    if as_json:
        typer.echo(json.dumps(check.as_json(), indent=2))
    else:
        sections = [_findings(check), *_counts(check), _corrupt(check), *_shared(check), _splits(check)]
        _print(sections, f"{check.dataset}: {check.found or ('not found' if check.errors else 'found')}")
        typer.echo(_conclusion(check, _run_command(check, dataset, data_root, cache_dir)))
    return READY if check.is_ready else NOT_READY


@dataclass(frozen=True)
class _Section:
    """A table with a title above and a remark below. Without rows, title and remark say it all."""

    title: str
    columns: tuple[str, ...] = ()
    rows: Sequence[tuple[object, ...]] = ()
    remark: str = ""


def _findings(check: DataCheck) -> _Section:
    rows = [(finding.level, finding.kind, finding.where, finding.text) for finding in check.findings]
    return _Section("Findings" if rows else "Findings: none", ("level", "kind", "where", "what"), rows)


def _counts(check: DataCheck) -> list[_Section]:
    if not check.counts:
        return []
    rows: list[tuple[object, ...]] = []
    remarks = []
    for part in dict.fromkeys(count.part for count in check.counts):
        counts = [count for count in check.counts if count.part == part]
        stated = [count for count in counts if count.n_published is not None]
        differing = [count for count in stated if count.n_found != count.n_published]
        rows += [_count_row(part, count.class_name, [count]) for count in differing[:N_SHOWN]]
        if len(differing) > N_SHOWN:
            rest = differing[N_SHOWN:]
            rows.append(_count_row(part, f"{len(rest)} more that differ (--json lists them)", rest))
        rows.append(_count_row(part, f"all {len(counts)} classes", counts))
        if stated:
            other = "other " if differing else ""
            remarks.append(f"{part}: {len(stated) - len(differing)} {other}classes are as published")
        if len(stated) < len(counts):
            which = f"for {len(counts) - len(stated)} classes " if stated else ""
            remarks.append(f"{part}: {which}no source states a number")
    columns = ("part", "class", "found", "published", "difference")
    return [_Section(_things(check).capitalize(), columns, rows, "; ".join(remarks))]


def _things(check: DataCheck) -> str:
    return "pictures" if check.has_pictures else "rows of features"


def _count_row(part: str, name: str, counts: Sequence[ClassCount]) -> tuple[object, ...]:
    n_found = sum(count.n_found for count in counts)
    if any(count.n_published is None for count in counts):
        return part, name, n_found, "-", "-"
    n_published = sum(count.n_published or 0 for count in counts)
    return part, name, n_found, n_published, f"{n_found - n_published:+d}" if n_found != n_published else "0"


def _corrupt(check: DataCheck) -> _Section:
    if not check.has_pictures:
        how = f"all {check.n_files} rows of features were looked at for nan and infinity"
    elif check.is_deep:
        how = f"all {check.n_files} pictures were decoded"
    else:
        how = f"beginning and end of {check.n_files} files were looked at; --deep decodes every picture"
    rows = [(file.name, file.reason) for file in check.corrupt]
    unit = _unit(check)
    title = f"Corrupt {unit}s"
    if not rows:
        return _Section(f"{title}: none" if check.n_files else f"{title}: not looked for", remark=how)
    return _Section(f"{title}: {len(rows)}", (unit, "why"), rows, how)


def _unit(check: DataCheck) -> str:
    return "file" if check.has_pictures else "row"


def _shared(check: DataCheck) -> list[_Section]:
    """Leaks by split, the first few of each; splits without any in one line."""
    title = f"{_things(check).capitalize()} in seen and unseen classes"
    leaks_of = {
        split_id: [shared for shared in check.shared if shared.split == split_id]
        for split_id in check.split_ids
    }
    sections = []
    for split_id, leaks in leaks_of.items():
        if leaks:
            rows = [(_first(leak.unseen), _first(leak.seen)) for leak in leaks[:N_SHOWN]]
            more = len(leaks) - N_SHOWN
            remark = f"{more} more: --json lists them" if more > 0 else ""
            heading = f"{title}, split {split_id}: {len(leaks)}"
            sections.append(_Section(heading, ("unseen", "seen, with equal content"), rows, remark))
    clean = [split_id for split_id, leaks in leaks_of.items() if not leaks]
    if clean:
        sections.append(_Section(f"{title}, split {', '.join(clean)}: none"))
    return sections


def _first(names: Sequence[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def _splits(check: DataCheck) -> _Section:
    if not check.splits:
        return _Section("Splits: not counted, because of the errors above")
    columns = ("split", "protocol", "unseen", "queries", "gallery", "ILSVRC-1k", "of classes")
    rows = [
        (
            facts.split,
            facts.protocol,
            facts.n_unseen_classes,
            facts.n_queries,
            facts.n_gallery,
            "unknown" if facts.n_ilsvrc_photos is None else facts.n_ilsvrc_photos,
            "-" if facts.n_ilsvrc_classes is None else facts.n_ilsvrc_classes,
        )
        for facts in check.splits
        if facts.protocol == check.protocol
    ]
    n_more = len({facts.protocol for facts in check.splits}) - 1
    more = f"; --json also holds {_n_of(n_more, 'other protocol', 'other protocols')}" if n_more else ""
    remark = (
        "unseen: classes; gallery: photos; ILSVRC-1k: those named by a WordNet id of ILSVRC-1k, whose class "
        "a backbone trained on it knows, and of how many classes they are (a lower bound: names such as "
        f"ext_1.jpg tell no id; unknown: no name does){more}"
    )
    return _Section("Splits", columns, rows, remark)


def _run_command(check: DataCheck, dataset: str, root: Path | None, cache_dir: Path | None) -> str:
    from benchmark.registry import DATASETS

    words = ["run_benchmark.py", "run", "--dataset", dataset]
    for flag, value in (("--data-root", root), ("--cache-dir", cache_dir)):
        words += [] if value is None else [flag, str(value)]
    if check.protocol is not None:
        is_default = check.protocol == DATASETS.get(dataset).card.protocols[0]
        words += [] if is_default else ["--protocol", check.protocol]
        words += ["--splits", check.splits[0].split]
    return shlex.join(words)


def _conclusion(check: DataCheck, command: str) -> str:
    """In words: what was found and what to do next."""
    if check.is_ready:
        n = sum(finding.level == "warning" for finding in check.findings)
        warnings = f", with {_n_of(n, 'warning', 'warnings')}" if n else ""
        return f"Ready{warnings}: `{command}`"
    n_leaks = len({frozenset(shared.unseen + shared.seen) for shared in check.shared})
    if check.split_ids == () and check.n_files == 0:
        return "Nothing can be run on this data yet. Mend what the findings say, then call check-data again."
    unit = _unit(check)
    problems = [
        (len(check.errors), "error", "errors", "", "mend what the findings say"),
        (
            len({count.class_name for count in check.short}),
            "class",
            "classes",
            " with fewer pictures than published",
            "fetch what is missing",
        ),
        (
            len(check.corrupt),
            f"corrupt {unit}",
            f"corrupt {unit}s",
            "",
            f"{'fetch' if check.has_pictures else 'compute'} the corrupt {unit}s again",
        ),
        (
            n_leaks,
            "picture" if check.has_pictures else "feature vector",
            _things(check),
            " in seen and unseen classes",
            "take the wrong one of each equal pair away (runs leave the seen one out; one label is wrong)",
        ),
    ]
    wrong = [(_n_of(n, one, many) + rest, advice) for n, one, many, rest, advice in problems if n]
    advice = "; ".join(text for _, text in wrong)
    return (
        f"{', '.join(text for text, _ in wrong)}: a run on this data would be wrong. "
        f"{advice[0].upper()}{advice[1:]}. Then call check-data again."
    )


def _n_of(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _print(sections: Sequence[_Section], head: str) -> None:
    console = Console()
    say = partial(console.print, markup=False, highlight=False, soft_wrap=True)
    say(head)
    for section in sections:
        say(f"\n{section.title}", style="bold")
        rows = [[str(cell) for cell in row] for row in section.rows]
        if rows and console.is_terminal:
            columns = [Column(name, overflow="fold", no_wrap=name in _SHORT) for name in section.columns]
            table = Table(*columns, show_edge=False)
            for row in rows:
                table.add_row(*map(Text, row))
            console.print(table)
        elif rows:
            # Off a terminal nothing is cut or wrapped: columns separated by tabs.
            for row in [list(section.columns), *rows]:
                typer.echo("\t".join(cell.replace("\n", " ") for cell in row))
        if section.remark:
            say(section.remark)
    typer.echo()
