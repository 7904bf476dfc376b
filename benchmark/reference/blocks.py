"""The parts of the README that hold results: each stands between two marks, and is written from references.

<!-- reference:NAME -->
…
<!-- /reference -->
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from benchmark.errors import BenchmarkError
from benchmark.reference.store import MAIN, Reference
from benchmark.reference.views import (
    comparison_of,
    devices_in_words,
    in_words,
    older_in_words,
    pairwise_of,
    part_of,
    with_outcomes,
    with_titles,
)
from benchmark.reporting.table_layout import DASH, Table, Text, score_table
from benchmark.reporting.tables import markdown_table

References = Mapping[str, Reference]
"""Id of a data set -> its reference results."""
_BLOCK = re.compile(r"(<!-- reference:(\S+) -->\n).*?(<!-- /reference -->)", re.DOTALL)
_METRICS = ("map@all", "p@100")


def _default(references: References) -> str:
    """The table that `make benchmark` prints, one seed."""
    comparison = part_of(references["emoji54"], "default")
    metrics = [metric for metric in ("map@all", "p@10", "hit@1", "acc@1") if metric in comparison.metric_ids]
    table = markdown_table(_without_spread(score_table(comparison, metrics)))
    return f"{table}\n\n{devices_in_words(comparison)}"


def _systems(dataset: str) -> Callable[[References], str]:
    """All methods on one data set, in few columns, and what may be concluded."""

    def text(references: References) -> str:
        comparison = comparison_of(references[dataset])
        found = pairwise_of(references[dataset])
        metrics = [metric for metric in _METRICS if metric in comparison.metric_ids]
        table = with_titles(score_table(comparison, metrics), comparison)
        older = older_in_words(references[dataset], MAIN)
        parts = (in_words(found), devices_in_words(comparison), older)
        words = " ".join(filter(None, parts))
        return f"{markdown_table(with_outcomes(table, found))}\n\n{words}"

    return text


def _side_by_side(suite: str) -> Callable[[References], str]:
    """The rows of a suite with map@all and its difference on every data set, and what may be concluded."""

    def text(references: References) -> str:
        tables = {
            dataset: score_table(comparison_of(reference, suite), ["map@all"]).columns
            for dataset, reference in references.items()
        }
        # In the order of the first data set; rows that it lacks come behind, and chance is last.
        names_of = [names.entries for names, *_ in tables.values()]
        chance = names_of[0][-1]
        rows = (*dict.fromkeys(name for names in names_of for name in names[:-1]), chance)
        columns = [replace(next(iter(tables.values()))[0], entries=rows)]
        words = []
        for dataset, reference in references.items():
            names, *scores = tables[dataset]
            for column in scores[:2]:
                found = dict(zip(names.entries, column.entries, strict=True))
                entries = tuple(found.get(name, Text(DASH)) for name in rows)
                columns.append(replace(column, header=f"{dataset}, {column.header}", entries=entries))
            parts = (f"{dataset}.", in_words(pairwise_of(reference, suite)), older_in_words(reference, suite))
            words.append(" ".join(filter(None, parts)))
        return "\n\n".join((markdown_table(Table("", tuple(columns))), *words))

    return text


def _without_spread(table: Table) -> Table:
    return replace(table, columns=tuple(one for one in table.columns if one.header != "± seeds"))


BLOCKS: Mapping[str, Callable[[References], str]] = {
    "default": _default,
    "emoji54": _systems("emoji54"),
    "doodle101": _systems("doodle101"),
    "zscmr-ablation": _side_by_side("zscmr-ablation"),
    "codes": _side_by_side("codes"),
}
"""Name of a block -> what stands in it."""


def with_blocks(text: str, references: References, name: str) -> str:
    """Return a document with every block made anew. name: of the document, for messages.

    Raises BenchmarkError unless every block stands in it once, between its marks.
    """
    found = [match[2] for match in _BLOCK.finditer(text)]
    n_starts, n_ends = text.count("<!-- reference:"), text.count("<!-- /reference -->")
    if n_starts != n_ends or n_starts != len(found):
        raise BenchmarkError(
            f"{name} has {n_starts} marks '<!-- reference:NAME -->', each on a line of its own, and {n_ends} "
            f"marks '<!-- /reference -->', of which {len(found)} belong together. Give each start its end."
        )
    counts = Counter(dict.fromkeys(BLOCKS, 0))
    counts.update(found)
    wrong = [f"{one} ({n} times)" for one, n in counts.items() if n != 1 or one not in BLOCKS]
    if wrong:
        raise BenchmarkError(
            f"{name} must hold each of {', '.join(BLOCKS)} once, as '<!-- reference:NAME -->'. Not so: "
            f"{', '.join(wrong)}."
        )
    return _BLOCK.sub(lambda match: f"{match[1]}\n{BLOCKS[match[2]](references)}\n\n{match[3]}", text)
