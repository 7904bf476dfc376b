"""Make the computed columns of the class tables, from published file lists and WordNet 3.0.

    python -m datasets.classes.make --lists DIR --wordnet DIR [--imagenet DIR]

Only needed after a change of a table's classes. `class` and `super_category` are written by hand and kept.
lists: folder of the file lists that the SAKE and ZSE-SBIR repositories publish, one gzip file each, named
`<split>.<list>.txt.gz`; a line is a path and a class number. wordnet: folder with WordNet 3.0's `data.noun`
and `index.noun`, such as Debian's package wordnet-base installs; the offset of a synset in `data.noun` is
its id in the file names of ImageNet photos. imagenet: folder `timm/data/_info` of timm 1.0.31, to make
ilsvrc1k.csv too.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmark.errors import BenchmarkError
from datasets.class_vectors import spoken_name
from datasets.classes import FOLDER, ILSVRC_FILE, PHOTO_SOURCES, column, ilsvrc_labels, ilsvrc_synsets
from datasets.doodle101.contents import read_contents

TUBERLIN_SKETCHES = 80  # a class: Eitz et al., "How do humans sketch objects?", SIGGRAPH 2012
LISTS: dict[str, tuple[str, ...]] = {
    "sketchy": (
        "sketchy25_sake.all_photo_filelist_train",
        "sketchy25_sake.all_photo_filelist_zero",
        "sketchy25_sake.sketch_tx_000000000000_ready_filelist_train",
        "sketchy25_sake.sketch_tx_000000000000_ready_filelist_test",
        "sketchy25_sake.sketch_tx_000000000000_ready_filelist_zero",
    ),
    "tuberlin_ext": ("tuberlin30.ImageResized_ready_filelist_zero",),
    "quickdraw_ext": ("quickdraw30.sketch_zero", "quickdraw30.all_photo_zero"),
    "doodle101": (),  # its lists are committed: datasets/doodle101
}
PART_OF = {  # how a listed path begins: what the file is
    "256x256/sketch": "sketch",
    "256x256/photo": "orig",
    "EXTEND_image_sketchy_ready": "ext",
    "ImageResized_ready": "photo",
    "sketches": "sketch",
    "images": "photo",
}

# The sense of WordNet that fits what is drawn, where it is not the first: lemma and number, None where no
# sense fits. `cannon` fits twice: all photos of Sketchy carry the second. `hedgehog` keeps its first sense,
# porcupine, which most photos of Sketchy carry.
SENSES: dict[str, tuple[str, int] | None] = {
    "banana": ("banana", 2),
    "blimp": ("blimp", 2),
    "book": ("book", 2),
    "cabin": ("cabin", 2),
    "cake": ("cake", 3),
    "calculator": ("calculator", 2),
    "cannon": ("cannon", 2),
    "castle": ("castle", 2),
    "chicken": ("chicken", 2),
    "church": ("church", 2),
    "crane (machine)": ("crane", 4),
    "crown": ("crown", 4),
    "dolphin": ("dolphin", 2),
    "flying bird": None,  # the lemma is a taxon, not a bird in flight
    "grapes": ("grape", 1),
    "hammer": ("hammer", 2),
    "head phones": ("headphone", 1),
    "headphones": ("headphone", 1),
    "hot dog": ("hot_dog", 2),
    "hotdog": ("hotdog", 2),
    "jack o lantern": ("jack-o'-lantern", 2),
    "jellyfish": ("jellyfish", 2),
    "lighter": ("lighter", 2),
    "lobster": ("lobster", 2),
    "mug": ("mug", 4),
    "octopus": ("octopus", 2),
    "pineapple": ("pineapple", 2),
    "present": ("present", 2),
    "pumpkin": ("pumpkin", 2),
    "raccoon": ("raccoon", 2),
    "racket": ("racket", 4),
    "radio": ("radio", 2),
    "ray": ("ray", 7),
    "rollerblades": ("rollerblade", 1),
    "rollerskates": ("roller_skate", 1),
    "saw": ("saw", 2),
    "scorpion": ("scorpion", 3),
    "seal": ("seal", 9),
    "socks": ("sock", 1),
    "table": ("table", 2),
    "tablelamp": ("table_lamp", 1),
    "teacup": ("teacup", 2),
    "tiger": ("tiger", 2),
    "toilet": ("toilet", 2),
    "trousers": ("trouser", 1),
    "turtle": ("turtle", 2),
    "tv": ("tv", 2),
    "van": ("van", 5),
    "volcano": ("volcano", 2),
}


class WordNet:
    """The nouns of WordNet 3.0: senses of a lemma, and what lies above a synset."""

    def __init__(self, folder: Path) -> None:
        self.parents = dict(_parents(folder / "data.noun"))
        self.senses = dict(_senses(folder / "index.noun"))
        self._ancestors: dict[str, frozenset[str]] = {}

    def ancestors(self, synset: str) -> frozenset[str]:
        """Return every synset above this one, itself left out."""
        if synset in self._ancestors:
            return self._ancestors[synset]
        found: set[str] = set()
        waiting = list(self.parents[synset])
        while waiting:
            above = waiting.pop()
            if above not in found:
                found.add(above)
                waiting += self.parents[above]
        self._ancestors[synset] = frozenset(found)
        return self._ancestors[synset]

    def synset(self, class_name: str) -> str:
        """Return the id of the sense that fits a class, "" where no noun synset has its name."""
        name = spoken_name(class_name)
        if name in SENSES:
            sense = SENSES[name]
            return "" if sense is None else self.senses[sense[0]][sense[1] - 1]
        # Lemmas are written with or without separators: `hot-air_balloon`, `speedboat`.
        words = without_brackets(name).split()
        for separators in itertools.product("_-", repeat=len(words) - 1):
            lemma = "".join(map("".join, itertools.zip_longest(words, separators, fillvalue="")))
            if lemma in self.senses:
                return self.senses[lemma][0]
        return self.senses.get("".join(words), ("",))[0]

    def relation(self, synset: str, to: frozenset[str]) -> str:
        """Return how a synset stands to a set of them: synset, ancestor, descendant or none."""
        if synset in to:
            return "synset"
        if any(synset in self.ancestors(other) for other in to):
            return "ancestor"
        return "descendant" if self.ancestors(synset) & to else "none"


def without_brackets(name: str) -> str:
    """Drop a part in brackets.

    >>> without_brackets("mouse (animal)")
    'mouse'
    """
    return re.sub(r"\(.*?\)", "", name).strip()


def is_label(class_name: str, labels: Mapping[str, tuple[str, ...]]) -> bool:
    """Say whether a class is called like an ILSVRC-1k label, but for case, separators and brackets."""
    return without_brackets(spoken_name(class_name)) in {
        spoken_name(label.replace("'", "")) for several in labels.values() for label in several
    }


def listed_files(lists: Path, table: str) -> Iterator[tuple[str, str, str]]:
    """Yield part ("sketch", "orig", "ext" or "photo"), class folder and file name of every listed file."""
    if table == "doodle101":
        for item in read_contents():
            part, class_name, file_name = item.name.split("/")
            yield part, class_name, file_name
    for name in LISTS[table]:
        path = lists / f"{name}.txt.gz"
        if not path.is_file():
            raise BenchmarkError(f"no file list {path}. Name the folder of the published lists with --lists.")
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                # Paths may hold blanks: the class number stands behind the last one.
                relative = line.rsplit(" ", 1)[0]
                part = next(part for start, part in PART_OF.items() if relative.startswith(f"{start}/"))
                class_name, file_name = relative.split("/")[-2:]
                yield part, class_name, file_name


def make(table: str, *, lists: Path, wordnet: WordNet) -> None:
    """Write a table anew; its classes and super-categories stay."""
    path, sources = FOLDER / f"{table}.csv", PHOTO_SOURCES[table]
    with path.open(encoding="utf-8", newline="") as file:
        kept = [(row["class"], row["super_category"]) for row in csv.DictReader(file)]
    n_files: Counter[tuple[str, str]] = Counter()
    n_with_id: Counter[tuple[str, str]] = Counter()
    n_in_ilsvrc: Counter[tuple[str, str]] = Counter()
    for part, class_name, file_name in listed_files(lists, table):
        n_files[part, class_name] += 1
        if part != "sketch" and (found := re.match(r"(n\d{8})_", file_name)):
            n_with_id[part, class_name] += 1
            n_in_ilsvrc[part, class_name] += found[1] in ilsvrc_synsets()
    if unknown := {class_name for _, class_name in n_files} - {class_name for class_name, _ in kept}:
        raise BenchmarkError(f"{path.name} lacks classes of the file lists: {', '.join(sorted(unknown))}.")
    rows = []
    for class_name, super_category in sorted(kept):
        synset = wordnet.synset(class_name)
        n_sketches = TUBERLIN_SKETCHES if table == "tuberlin_ext" else n_files["sketch", class_name]
        row = {"class": class_name, "super_category": super_category, "sketches": n_sketches or ""}
        row |= {column("photos", source): n_files[source, class_name] or "" for source in sources}
        row["ilsvrc_label"] = "yes" if is_label(class_name, ilsvrc_labels()) else "no"
        row["synset"] = synset
        row["ilsvrc_relation"] = wordnet.relation(synset, ilsvrc_synsets()) if synset else ""
        for source in sources:
            # Where no name of a class carries any id, 0 would read as clean: nothing is known.
            known = n_with_id[source, class_name]
            row[column("ilsvrc_photos", source)] = n_in_ilsvrc[source, class_name] if known else ""
        rows.append(row)
    _write(path, rows)


def make_ilsvrc(folder: Path) -> None:
    """Write the ILSVRC-1k synsets and their labels, from the files that timm ships."""
    lines = (folder / "imagenet_synset_to_lemma.txt").read_text(encoding="utf-8").splitlines()
    labels = dict(line.split("\t") for line in lines)
    synsets = (folder / "imagenet_synsets.txt").read_text(encoding="utf-8").split()
    _write(ILSVRC_FILE, [{"synset": synset, "labels": labels[synset]} for synset in synsets])


def _write(path: Path, rows: list[dict[str, str | int]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _parents(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield every synset with those that `is a` and `is an instance of` lead to (format: wndb(5WN))."""
    for fields in _fields(path):
        n_words = int(fields[3], 16)
        at = 4 + 2 * n_words
        pointers = [fields[at + 1 + 4 * i : at + 5 + 4 * i] for i in range(int(fields[at]))]
        yield f"n{fields[0]}", tuple(f"n{to}" for kind, to, *_ in pointers if kind in ("@", "@i"))


def _senses(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield every lemma with its synsets, the most frequent sense first."""
    for fields in _fields(path):
        yield fields[0], tuple(f"n{offset}" for offset in fields[-int(fields[2]) :])


def _fields(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="latin-1") as file:
        for line in file:
            if not line.startswith(" "):  # the licence stands at the top, indented
                yield line.split("|")[0].split()


def _main() -> None:
    parser = argparse.ArgumentParser(description="Make the computed columns of the class tables.")
    parser.add_argument("--lists", type=Path, required=True, help="folder of the published file lists")
    parser.add_argument("--wordnet", type=Path, required=True, help="folder with data.noun and index.noun")
    parser.add_argument("--imagenet", type=Path, help="folder timm/data/_info, to make ilsvrc1k.csv too")
    arguments = parser.parse_args()
    if arguments.imagenet is not None:
        make_ilsvrc(arguments.imagenet)
    wordnet = WordNet(arguments.wordnet)
    for table in LISTS:
        make(table, lists=arguments.lists, wordnet=wordnet)


if __name__ == "__main__":
    _main()
