"""The tables of metrics/README.md are those of the definitions, with the numbers of one seeded ranking.

`PYTHONPATH=. python tests/metrics/test_readme.py` writes them anew.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

import numpy as np

from metrics import chance, evaluate
from metrics.definitions import FAMILIES, TIE_RULES
from metrics.protocols import PROTOCOLS, UNKNOWN

README = Path(__file__).parents[2] / "metrics" / "README.md"
CUT = 200
_MEANS = {"query": "queries", "class": "classes"}
OF_TIES = ("map@all", "map@200/hits", "p@200")


@functools.cache
def example():
    """240 queries and a gallery of 3,000 items, 80 to 470 a class, of 12 classes."""
    draw = np.random.RandomState(0)  # unlike that of default_rng, its stream is promised never to change
    centres = draw.normal(size=(12, 16))
    sides = []
    for n_smallest, n_more in ((9, 2), (80, 30)):
        counts = n_smallest + n_more * np.arange(12)
        counts[-1] += (240 if n_smallest == 9 else 3000) - counts.sum()
        labels = np.repeat(np.arange(12), counts)
        sides += [centres[labels] + 1.6 * draw.normal(size=(labels.size, 16)), labels]
    return tuple(sides)


def codes():
    """The same example as codes of 16 bits, full of ties."""
    query_emb, query_labels, gallery_emb, gallery_labels = example()
    return np.where(query_emb > 0, 1, -1), query_labels, np.where(gallery_emb > 0, 1, -1), gallery_labels


def _table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def definitions_table():
    """Formula, source, users, and what each definition gives on the example and on a random order of it."""
    families = [family for family in FAMILIES.values() if family.relevance == "class" and not family.is_curve]
    found = evaluate(*example(), metrics=[family.id_for(CUT) for family in families])
    rows = []
    for family in FAMILIES.values():
        numbers = ["–", "–"]
        if family in families:
            id_ = family.id_for(CUT)
            numbers = [f"{value:.3f}" for value in (found.summary[id_], chance(3000, found.n_relevant, id_))]
        rows.append([f"`{family.pattern}`", f"`{family.formula}`", family.source, family.used_by, *numbers])
    table = _table(["id", "one query's value", "source", "used by", "example, k = 200", "chance"], rows)
    spread = [f"{value:.3f}" for id_, value in found.summary.items() if id_.startswith(f"map@{CUT}/")]
    moved = f'Nothing but the ruler takes "mAP@200" of this one ranking from {min(spread)} to {max(spread)}.'
    return f"{table}\n\n{moved}"


def ties_table():
    """What each tie rule gives on the codes."""
    rows = []
    for ties, meaning in TIE_RULES.items():
        ids = OF_TIES[:1] if ties == "grouped" else OF_TIES
        found = evaluate(*codes(), metrics=list(ids), ties=ties, distance="hamming").summary
        rows.append(
            [f"`{ties}`", meaning, *(f"{found[id_]:.3f}" if id_ in found else "–" for id_ in OF_TIES)]
        )
    return _table(["`ties`", "meaning", *(f"`{id_}`" for id_ in OF_TIES)], rows)


def protocols_table():
    """The readings of each published evaluation with their values on the example."""
    rows = []
    for protocol in PROTOCOLS.values():
        found = {}
        for ties in {reading.ties for reading in protocol.readings}:
            ids = [reading.metric for reading in protocol.readings if reading.ties == ties]
            found[ties] = evaluate(*example(), metrics=ids, ties=ties, distance=protocol.distance)
        shown = []
        for reading in protocol.readings:
            means = {"query": found[reading.ties].summary, "class": found[reading.ties].class_balanced}
            mean = f", mean over {_MEANS[reading.averaging]}," if protocol.averaging == UNKNOWN else ""
            value = means[reading.averaging][reading.metric]
            shown.append(f"`{reading.metric}` {reading.ties}{mean} {value:.3f}")
        rows.append([f"`{protocol.id}`", protocol.repository, protocol.distance, "; ".join(shown)])
    return _table(["protocol", "code", "ranks by", "readings and their values on the example"], rows)


TABLES = {"definitions": definitions_table, "ties": ties_table, "protocols": protocols_table}


def with_tables(text):
    """A README with every block between its two marks made anew."""
    for name, table in TABLES.items():
        block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = block.sub(lambda found, table=table: f"{found[1]}{table()}\n{found[2]}", text)
    return text


def test_tables_of_the_readme_are_those_of_the_definitions_and_the_example():
    text = README.read_text(encoding="utf-8")
    assert all(f"<!-- {name} -->\n" in text for name in TABLES)
    assert text == with_tables(text)


def test_every_reading_of_the_example_can_be_told_from_the_others_by_its_name():
    found = evaluate(
        *example(), metrics=[f"map@200/{reading}" for reading in ("r", "k", "min_k_r", "hits", "voc")]
    )
    printed = [f"{value:.3f}" for value in found.summary.values()]
    assert len(set(printed)) == len(printed)


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
