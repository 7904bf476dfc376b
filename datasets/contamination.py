"""How far "unseen" is unseen: contact of a split's classes with ImageNet, and classes that splits share.

A backbone that was trained on ILSVRC-1k has seen the unseen classes that stand in it. What is counted here
is a lower bound: file names of the form `ext_N` carry no WordNet id, and an id that only lies below an
ILSVRC-1k synset is not counted.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from datasets.classes import RELATIONS, class_facts
from datasets.splits import ZeroShotSplit


@dataclass(frozen=True)
class ClassExposure:
    """One unseen class. n_exposed: by gallery, photos with an ILSVRC-1k id; the rest as in `ClassFacts`."""

    class_name: str
    ilsvrc_label: bool
    ilsvrc_relation: str
    n_exposed: Mapping[str, int | None]

    @property
    def is_exposed(self) -> bool:
        """Whether ILSVRC-1k may know the class: by a label, by WordNet in either direction, by a photo.

        Rather too often than too seldom: what is left are classes that none of the three finds.
        """
        is_related = self.ilsvrc_relation in ("synset", "ancestor", "descendant")
        return self.ilsvrc_label or is_related or any(self.n_exposed.values())


@dataclass(frozen=True)
class GalleryExposure:
    """One gallery of a split. None where the numbers of some class are not at hand.

    n_photos: photos of the unseen classes. n_exposed: those with an ILSVRC-1k id. n_classes_exposed: classes
    with at least one. n_classes_counted: classes whose numbers are at hand, of n_classes.
    """

    gallery: str
    n_photos: int | None
    n_exposed: int | None
    n_classes_exposed: int | None
    n_classes_counted: int
    n_classes: int


@dataclass(frozen=True)
class Contamination:
    """Contact of a split's unseen classes with ILSVRC-1k. n_relations: unseen classes by `RELATIONS`."""

    split: str
    classes: tuple[ClassExposure, ...]
    galleries: tuple[GalleryExposure, ...]
    n_labels: int
    n_relations: Mapping[str, int]


@dataclass(frozen=True)
class Overlap:
    """Unseen classes that two splits share, sorted."""

    one: str
    other: str
    shared: tuple[str, ...]


def contamination(split: ZeroShotSplit, table: str, galleries: Mapping[str, Sequence[str]]) -> Contamination:
    """Return the contact of a split's unseen classes with ILSVRC-1k.

    table: the data set's class table. galleries: by name, the parts of its photos that each holds
    (`SketchPhotoDataset.galleries`). Raises BenchmarkError for an unknown table or a class it lacks.
    """
    split.check_against([facts.class_name for facts in class_facts(table)])
    unseen = [facts for facts in class_facts(table) if facts.class_name in split.unseen]
    classes = tuple(
        ClassExposure(
            facts.class_name,
            facts.ilsvrc_label,
            facts.ilsvrc_relation,
            {gallery: _sum(facts.n_ilsvrc_photos, sources) for gallery, sources in galleries.items()},
        )
        for facts in unseen
    )
    relations = Counter(facts.ilsvrc_relation for facts in unseen)
    return Contamination(
        split.id,
        classes,
        tuple(
            _exposure(
                gallery,
                [_sum(facts.n_photos, sources) for facts in unseen],
                [one.n_exposed[gallery] for one in classes],
            )
            for gallery, sources in galleries.items()
        ),
        n_labels=sum(facts.ilsvrc_label for facts in unseen),
        n_relations={relation: relations[relation] for relation in RELATIONS},
    )


def overlaps(splits: Sequence[ZeroShotSplit]) -> tuple[Overlap, ...]:
    """Return what every two splits share, in the order given."""
    return tuple(
        Overlap(one.id, other.id, tuple(sorted(set(one.unseen) & set(other.unseen))))
        for one, other in itertools.combinations(splits, 2)
    )


def total_sentence(split_id: str, exposure: GalleryExposure) -> str:
    """Return the total of one gallery in a sentence.

    >>> total_sentence("sake25", GalleryExposure("orig", 2_500, 1_040, 12, 25, 25))
    'sake25, orig: 1,040 of 2,500 gallery photos carry an ILSVRC-1k id, in 12 of 25 classes (lower bound)'
    """
    head = f"{split_id}, {exposure.gallery}:"
    if exposure.n_exposed is None or exposure.n_photos is None:
        return (
            f"{head} unknown how many gallery photos carry an ILSVRC-1k id (counts at hand for "
            f"{exposure.n_classes_counted} of {exposure.n_classes} classes)"
        )
    bound = "lower bound: names ext_N carry none" if "ext" in exposure.gallery.split("+") else "lower bound"
    return (
        f"{head} {exposure.n_exposed:,} of {exposure.n_photos:,} gallery photos carry an ILSVRC-1k id, in "
        f"{exposure.n_classes_exposed} of {exposure.n_classes} classes ({bound})"
    )


def _exposure(gallery: str, photos: Sequence[int | None], exposed: Sequence[int | None]) -> GalleryExposure:
    known = [n for n in exposed if n is not None]
    is_whole = len(known) == len(exposed)
    photos_known = [n for n in photos if n is not None]
    return GalleryExposure(
        gallery,
        n_photos=sum(photos_known) if len(photos_known) == len(photos) else None,
        n_exposed=sum(known) if is_whole else None,
        n_classes_exposed=sum(n > 0 for n in known) if is_whole else None,
        n_classes_counted=len(known),
        n_classes=len(exposed),
    )


def _sum(counts: Mapping[str, int | None], sources: Sequence[str]) -> int | None:
    """Return the sum over sources, None where one of them is not known."""
    total = 0
    for source in sources:
        n = counts[source]
        if n is None:
            return None
        total += n
    return total
