"""Write the committed splits of the published data sets: copy published lists, draw the rest once.

    python -m datasets.classes.draw_splits --lists DIR

Splits are files, never drawn at run time; this script records how they came about. lists: folder with the
published lists of unseen classes, one name a line in any spelling, named as in PUBLISHED. Random draws come
from `random.Random` with a text as seed, which gives the same on every machine and Python.
"""

from __future__ import annotations

import argparse
import json
import random
import textwrap
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import BenchmarkError
from datasets.class_vectors import spoken_name
from datasets.classes import ClassFacts, class_facts
from datasets.splits import SPLITS_DIR, ZeroShotSplit, read_split

N_RANDOM = 5
N_RANDOM_UNSEEN = 25
VALIDATION = (
    "Validation: {n} super-categories drawn without repetition and one seen class in each, once, for this "
    "benchmark."
)


@dataclass(frozen=True)
class PublishedList:
    """A list of unseen classes that others test on.

    dataset: the class table, and the folder of `datasets/splits`. file: name in the folder of lists.
    """

    dataset: str
    id: str
    file: str
    origin: str


PUBLISHED = (
    PublishedList(
        "sketchy",
        "sake25",
        "sketchy25_sake.txt",
        "Released with SAKE (ICCV 2019) as `dataset/Sketchy/zeroshot1/cname_cid_zero.txt`; how it was drawn "
        "is stated nowhere. The same set is used by DSN, TCN, MATHM, ZSE-SBIR, ICFRR and UCDR. Trap: tables "
        "print it in one column with sempcyc25, also 100 seen and 25 unseen classes, which shares 4 of the "
        "25.",
    ),
    PublishedList(
        "sketchy",
        "sempcyc25",
        "sketchy25_sempcyc_seed0.txt",
        "Drawn by the code of SEM-PCYC (CVPR 2019, `src/utils.py`, numpy seed 0) and computed anew from it; "
        "also used by PCMSN and PDFD, IIAE, LCALE and MDVAE. Traps: 12 of the 25 are called valid there, "
        "and SEM-PCYC chooses its checkpoint on these 12 before it tests on all 25, PCMSN and PDFD on "
        "unseen classes too; that code renames `hot-air_balloon` and `jack-o-lantern`.",
    ),
    PublishedList(
        "sketchy",
        "yelamarthi21",
        "sketchy21_yelamarthi.txt",
        "Yelamarthi et al. (ECCV 2018), read in SEM-PCYC's `test_classes_eccv_2018.txt`; the same set is "
        "used by doodle2search, ZSE-SBIR (`zeroshot0`), TCN and MATHM (`zeroshot2`), UCDR, AMF, Sketch_LVM, "
        "MA-ZS-SBIR and BDT. Traps: called disjoint from ImageNet-1k, yet photos of songbird carry ids of "
        "it; three definitions of AP@200 are published on it; skyscraper has 161 extended photos, fewer "
        "than P@200 looks at.",
    ),
    PublishedList(
        "sketchy",
        "zscmr_code25",
        "sketchy25_zscmr_code_last25.txt",
        "The last 25 names of the alphabet, which the released code of ZSCMR (CVPR Workshops 2020, "
        "`Unified_XY_triads.py`) tests on: it trains on the first 80 % of 75,481 sketches ordered by class. "
        "Traps: that boundary, row 60,384, falls inside snake, which counts as seen here; the paper does "
        "not list its classes; the released scripts fine-tune the backbone on all 125.",
    ),
    PublishedList(
        "tuberlin_ext",
        "sake30",
        "tuberlin30_sake.txt",
        "Released with SAKE (ICCV 2019) among its TU-Berlin lists as `cname_cid_zero.txt`; the same set is "
        "used by ZSE-SBIR, MATHM and UCDR. Trap: tables print it in one column with sempcyc30, which shares "
        "only rollerblades.",
    ),
    PublishedList(
        "tuberlin_ext",
        "sempcyc30",
        "tuberlin30_sempcyc_seed0.txt",
        "Drawn by the code of SEM-PCYC (CVPR 2019, `src/utils.py`, numpy seed 0) and computed anew from it; "
        "also used by PCMSN and PDFD, and by MA-ZS-SBIR (`data/tuberlin/test_tuberlin.csv`). Traps: 15 of "
        "the 30 are called valid there, and SEM-PCYC chooses its checkpoint on these, PCMSN and PDFD on "
        "unseen classes too; names are spelt with underscores there.",
    ),
    PublishedList(
        "tuberlin_ext",
        "bdt64",
        "tuberlin64_bdt.txt",
        "The 64 classes of BDT (manuscript and `src/package/dataset/utils.py` in Jiangtong-Li/ZS-SBIR), "
        "chosen as disjoint from ImageNet and with more than 400 photos each; nobody else is known to use "
        "it. Trap: it leaves 186 seen classes, so it cannot stand beside the 30-class lists.",
    ),
    PublishedList(
        "quickdraw_ext",
        "doodle30",
        "quickdraw30.txt",
        "Dey et al. (CVPR 2019), shipped with doodle2search; the same set is used by ZSE-SBIR and TCN. "
        "Trap: doodle2search and TCN spell `palm_tree`, the folders `palm tree`, and doodle2search matches "
        "by text, so that with the shipped files palm tree would stay among the training classes (read, not "
        "run).",
    ),
)
RANDOM_ORIGIN = (
    "List {i} of 0 to {last}, made for this benchmark to show how far a number depends on the list: {n} of "
    "the {n_classes} classes, every such set equally likely, drawn once and without regard to the other "
    "lists, so that lists may share classes. Nobody has published on it."
)


def canonical_names(names: Collection[str], facts: Sequence[ClassFacts]) -> tuple[str, ...]:
    """Return names in the spelling of the class table, sorted. Raises BenchmarkError for an unknown one."""
    spelling = {spoken_name(fact.class_name): fact.class_name for fact in facts}
    unknown = sorted(name for name in names if spoken_name(name) not in spelling)
    if unknown:
        raise BenchmarkError(f"no class is called {', '.join(unknown)}, whatever the separators.")
    return tuple(sorted(spelling[spoken_name(name)] for name in names))


def draw_unseen(dataset: str, split_id: str, facts: Sequence[ClassFacts]) -> tuple[str, ...]:
    """Draw the unseen classes of a random split, every set of 25 equally likely; sorted."""
    rng = random.Random(f"{dataset}/{split_id}/unseen")
    return tuple(sorted(rng.sample([fact.class_name for fact in facts], N_RANDOM_UNSEEN)))


def draw_validation(
    dataset: str, split_id: str, facts: Sequence[ClassFacts], unseen: Collection[str]
) -> tuple[str, ...]:
    """Draw 10 seen classes, of as many super-categories; 5 where fewer than 80 are seen. Sorted."""
    seen: dict[str, list[str]] = {}
    for fact in facts:
        if fact.class_name not in unseen:
            seen.setdefault(fact.super_category, []).append(fact.class_name)
    n = 10 if len(facts) - len(unseen) >= 80 else 5
    rng = random.Random(f"{dataset}/{split_id}/validation")
    return tuple(sorted(rng.choice(seen[category]) for category in rng.sample(sorted(seen), n)))


def all_splits(lists: Path) -> list[ZeroShotSplit]:
    """Return every split that this script writes."""
    splits = []
    for published in PUBLISHED:
        path = lists / published.file
        if not path.is_file():
            raise BenchmarkError(f"no list {path}. Name the folder of the published lists with --lists.")
        names = path.read_text(encoding="utf-8").split("\n")
        facts = class_facts(published.dataset)
        unseen = canonical_names([name for name in names if name], facts)
        splits.append(_split(published.dataset, published.id, unseen, published.origin))
    return splits + random_splits("sketchy")


def random_splits(dataset: str) -> list[ZeroShotSplit]:
    """Return the random splits of a data set."""
    facts = class_facts(dataset)
    splits = []
    for i in range(N_RANDOM):
        split_id = f"random25_{i}"
        origin = RANDOM_ORIGIN.format(i=i, last=N_RANDOM - 1, n=N_RANDOM_UNSEEN, n_classes=len(facts))
        unseen = draw_unseen(dataset, split_id, facts)
        splits.append(_split(dataset, split_id, unseen, origin, family="random25"))
    return splits


def write_split(split: ZeroShotSplit, folder: Path) -> Path:
    """Write a split file and return its path.

    Raises BenchmarkError where the file is there and names other unseen classes: a split's id is permanent.
    """
    path = folder / f"{split.id}.toml"
    if path.exists() and read_split(path, dataset=split.dataset, split_id=split.id).unseen != split.unseen:
        raise BenchmarkError(f"{path} names other unseen classes: give the new list a new name.")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(split_text(split), encoding="utf-8")
    return path


def split_text(split: ZeroShotSplit) -> str:
    """Return the TOML of a split file."""
    origin = " \\\n".join(textwrap.wrap(split.origin, 108, break_on_hyphens=False, break_long_words=False))
    lines = [f"family = {json.dumps(split.family)}"] if split.family else []
    lines += [f'origin = """\\\n{origin}"""', f"sha256 = {json.dumps(split.sha256)}"]
    for key, names in (("unseen", split.unseen), ("validation", split.validation)):
        lines += [f"{key} = [", *(f"    {json.dumps(name)}," for name in names), "]"]
    return "\n".join(lines) + "\n"


def _split(
    dataset: str, split_id: str, unseen: tuple[str, ...], origin: str, family: str = ""
) -> ZeroShotSplit:
    validation = draw_validation(dataset, split_id, class_facts(dataset), unseen)
    origin = f"{origin} {VALIDATION.format(n=len(validation))}"
    return ZeroShotSplit(dataset, split_id, unseen, validation, origin, family)


def _main() -> None:
    parser = argparse.ArgumentParser(description="Write the committed splits of the published data sets.")
    parser.add_argument("--lists", type=Path, required=True, help="folder of the published class lists")
    for split in all_splits(parser.parse_args().lists):
        write_split(split, SPLITS_DIR / split.dataset)


if __name__ == "__main__":
    _main()
