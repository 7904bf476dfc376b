"""Facts about the classes of published data sets: super-category, published counts, contact with ILSVRC-1k.

One table a set of classes, made by `make.py` from file lists and WordNet 3.0; the names are in
the spelling of the class folders. The 1,000 ILSVRC-1k synsets and their labels are those that timm 1.0.31
ships (`imagenet_synsets.txt`, `imagenet_synset_to_lemma.txt`).
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmark.errors import BenchmarkError

FOLDER = Path(__file__).parent
ILSVRC_FILE = FOLDER / "ilsvrc1k.csv"
PHOTO_SOURCES = MappingProxyType(
    {
        "sketchy": ("orig", "ext"),
        "tuberlin_ext": ("photo",),
        "quickdraw_ext": ("photo",),
        "doodle101": ("photo",),
    }
)
"""Class tables, and the parts that the photos of each come in."""

SUPER_CATEGORIES = MappingProxyType(
    {
        "bird": "birds",
        "body": "people, figures and parts of the body",
        "building": "buildings, their parts, and what stands in a street",
        "clothing": "what is worn or carried about",
        "device": "electronic and optical devices",
        "food": "food, fruit and vegetables",
        "household": "furniture, tableware and other things of a home",
        "instrument": "musical instruments and bells",
        "mammal": "mammals on land and in the air",
        "nature": "plants, parts of plants and animals, landscape and sky",
        "reptile": "reptiles and amphibians, the dragon among them",
        "sea animal": "fishes, sea mammals and other animals of the water",
        "small animal": "insects, spiders and snails",
        "tool": "tools, weapons and sports gear",
        "vehicle": "vehicles on land, on water and in the air, and their wheels",
    }
)
"""Super-categories, assigned by hand for this benchmark, and what falls under each."""

RELATIONS = ("synset", "ancestor", "descendant", "none", "")
"""How a class's WordNet synset stands to ILSVRC-1k; "" where no noun synset has the class's name."""


@dataclass(frozen=True)
class ClassFacts:
    """What is known about one class; None stands for a number that no source states.

    super_category: a key of SUPER_CATEGORIES. n_photos: by source, "orig" and "ext" for Sketchy, "photo"
    elsewhere. ilsvrc_label: whether the name is a label of an ILSVRC-1k class, which says nothing about
    homonyms: the label `mouse` is the computer mouse. ilsvrc_relation: `synset` (the class's WordNet synset
    is in ILSVRC-1k), `ancestor` (one of ILSVRC-1k lies below it), `descendant` (it lies below one), `none`,
    or "" where no noun synset has the name. n_ilsvrc_photos: by source, how many photos carry the id of an
    ILSVRC-1k synset in their file name; None also where no name carries any id. synset: the one behind the
    relation, such as `n02219486`, "" where there is none.
    """

    class_name: str
    super_category: str
    n_sketches: int | None
    n_photos: Mapping[str, int | None]
    ilsvrc_label: bool
    ilsvrc_relation: str
    n_ilsvrc_photos: Mapping[str, int | None]
    synset: str = ""


@functools.cache
def class_facts(table: str) -> tuple[ClassFacts, ...]:
    """Return the facts of a table's classes, sorted by name. Raises BenchmarkError naming the known tables.

    >>> [facts.ilsvrc_relation for facts in class_facts("sketchy")[:3]]
    ['ancestor', 'none', 'synset']
    """
    if table not in PHOTO_SOURCES:
        raise BenchmarkError(f"no class table '{table}'. Known: {', '.join(sorted(PHOTO_SOURCES))}.")
    with (FOLDER / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(_facts(row, PHOTO_SOURCES[table]) for row in csv.DictReader(file))


@functools.cache
def ilsvrc_labels() -> Mapping[str, tuple[str, ...]]:
    """Return the labels of every ILSVRC-1k class by its WordNet 3.0 id, such as `n01440764`."""
    with ILSVRC_FILE.open(encoding="utf-8", newline="") as file:
        rows = {row["synset"]: tuple(row["labels"].split(", ")) for row in csv.DictReader(file)}
    return MappingProxyType(rows)


@functools.cache
def ilsvrc_synsets() -> frozenset[str]:
    """Return the WordNet 3.0 ids of the 1,000 ILSVRC-1k classes."""
    return frozenset(ilsvrc_labels())


def column(name: str, source: str) -> str:
    """Return the name of a count's column: `photos_orig`, or `photos` where all photos are of one part.

    >>> column("photos", "orig"), column("ilsvrc_photos", "photo")
    ('photos_orig', 'ilsvrc_photos')
    """
    return name if source == "photo" else f"{name}_{source}"


def _facts(row: dict[str, str], sources: tuple[str, ...]) -> ClassFacts:
    def counts(name: str) -> Mapping[str, int | None]:
        return MappingProxyType({source: _count(row[column(name, source)]) for source in sources})

    return ClassFacts(
        class_name=row["class"],
        super_category=row["super_category"],
        n_sketches=_count(row["sketches"]),
        n_photos=counts("photos"),
        ilsvrc_label=row["ilsvrc_label"] == "yes",
        ilsvrc_relation=row["ilsvrc_relation"],
        n_ilsvrc_photos=counts("ilsvrc_photos"),
        synset=row["synset"],
    )


def _count(text: str) -> int | None:
    return int(text) if text else None
