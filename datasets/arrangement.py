"""Which rows train, query and are searched under a split and the terms of a test. No pixel is looked at."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import BenchmarkError
from datasets.base import DatasetIndex, Items, Roles
from datasets.settings import Terms
from datasets.splits import ZeroShotSplit

Rows = NDArray[np.int64]

HELD_OUT = 0.2
"""Share of the seen items that a generalised setting tests; SEM-PCYC's is of the number of unseen items."""
SAKE_QUERIES = 10


@dataclass(frozen=True)
class Arrangement:
    """Rows of a data set's items, ascending.

    train_sketches, train_photos: rows for `fit`. queries, gallery: rows of the modalities that the direction
    names. query_is_seen: (Q,) whether a query's class was trained on. n_copies_left_out: items of seen
    classes that do not train because a class that is not trained on holds the same picture.
    """

    train_sketches: Rows
    train_photos: Rows
    queries: Rows
    gallery: Rows
    query_is_seen: NDArray[np.bool_]
    n_copies_left_out: int


def arrange(
    index: DatasetIndex,
    roles: Roles,
    split: ZeroShotSplit,
    terms: Terms,
    *,
    train_classes: Sequence[str],
    test_classes: Sequence[str],
) -> Arrangement:
    """Divide the items. Raises BenchmarkError when a class of training or test has no item left.

    Every draw takes the items with the smallest hash of their names: the same on every machine, whatever lies
    beside them. Copies of one picture (`Items.groups`) are drawn together, so that none is left to train on;
    for the same reason no copy of a picture of other classes trains, in whichever class, modality or role it
    lies, and none of a class that is neither trained nor tested is tested.
    """
    sides = {
        "sketch": _Side(index.sketches, roles.train_sketches, roles.test_sketches),
        "photo": _Side(index.photos, roles.train_photos, roles.test_photos),
    }
    seen, unseen = (_labels(index, names) for names in (train_classes, test_classes))
    not_trained = _groups_of(sides.values(), lambda labels: ~np.isin(labels, seen))
    hidden = _groups_of(sides.values(), lambda labels: ~np.isin(labels, [*seen, *unseen]))
    tested = {modality: side.without(hidden, side.tested(unseen)) for modality, side in sides.items()}
    n_copies_left_out = 0
    trainable: dict[str, Rows] = {}
    for modality, side in sides.items():
        rows = np.flatnonzero(side.may_train & np.isin(side.items.labels, seen))
        trainable[modality] = side.without(not_trained, rows)
        n_copies_left_out += len(rows) - len(trainable[modality])
    added = {
        modality: _added(
            side, side.without(hidden, side.tested(seen)), trainable[modality], tested[modality], terms
        )
        for modality, side in sides.items()
    }
    trained = trainable
    if terms.setting in ("gzs/heldout", "gzs/open_search"):
        held_out = frozenset().union(*(side.groups(added[modality]) for modality, side in sides.items()))
        trained = {
            modality: np.setdiff1d(side.without(held_out, trainable[modality]), added[modality])
            for modality, side in sides.items()
        }
    for modality, side in sides.items():
        _require_items(trained[modality], side.items, train_classes, index, split, "training")
        _require_items(tested[modality], side.items, test_classes, index, split, "the test")

    query_modality, gallery_modality = terms.modalities
    seen_queries = added[query_modality] if terms.setting != "gzs/all_seen" else np.array([], np.int64)
    queries = np.union1d(tested[query_modality], seen_queries)
    gallery = np.union1d(tested[gallery_modality], added[gallery_modality])
    if terms.queries_name == "sake10":
        side = sides[query_modality]
        queries = _few_of_each_class(side, queries)
        if terms.is_within_modality:
            gallery = np.setdiff1d(gallery, queries)
    return Arrangement(
        train_sketches=trained["sketch"],
        train_photos=trained["photo"],
        queries=queries,
        gallery=gallery,
        query_is_seen=np.isin(sides[query_modality].items.labels[queries], seen),
        n_copies_left_out=n_copies_left_out,
    )


def require_positives(index: DatasetIndex, found: Arrangement, terms: Terms) -> None:
    """Raise BenchmarkError when instances are to be found and no query has another item of its own."""
    if terms.relevance == "category":
        return
    query_items, gallery_items = (index.items(modality) for modality in terms.modalities)
    pictures_of: dict[str, set[str]] = defaultdict(set)
    for row in found.gallery.tolist():
        pictures_of[(gallery_items.instances or ())[row]].add(_picture(gallery_items, row))
    for row in found.queries.tolist():
        instance = (query_items.instances or ())[row]
        own = {_picture(query_items, row)} if terms.is_within_modality else set()
        if instance and pictures_of[instance] - own:
            return
    raise BenchmarkError(
        f"relevance 'instance' in direction {terms.direction}: no query has another item of its instance in "
        "the gallery. Use --relevance category, or another direction."
    )


@dataclass(frozen=True)
class _Side:
    """One modality: its items and what they may do."""

    items: Items
    may_train: NDArray[np.bool_]
    may_test: NDArray[np.bool_]

    def tested(self, labels: NDArray[np.int64]) -> Rows:
        """Rows of these classes that may be tested."""
        return np.flatnonzero(self.may_test & np.isin(self.items.labels, labels))

    def without(self, groups: frozenset[str], rows: Rows) -> Rows:
        """The rows whose picture is of none of these content groups."""
        if not groups or self.items.groups is None:
            return rows
        return np.array([row for row in rows.tolist() if self.items.groups[row] not in groups], np.int64)

    def groups(self, rows: Rows) -> frozenset[str]:
        """Content groups of the rows, those that are alone left out."""
        if self.items.groups is None:
            return frozenset()
        return frozenset(self.items.groups[row] for row in rows.tolist()) - {""}

    def in_drawn_order(self, rows: Rows, purpose: str) -> Rows:
        """The rows in the order in which a draw takes them: by the hash of purpose and picture."""

        def key(row: int) -> bytes:
            return hashlib.sha256(f"{purpose} {_picture(self.items, row)}".encode()).digest()

        return np.array(sorted(rows.tolist(), key=key), dtype=np.int64)


def _groups_of(
    sides: Iterable[_Side], are_meant: Callable[[NDArray[np.int64]], NDArray[np.bool_]]
) -> frozenset[str]:
    """Content groups with an item of the classes that are meant, whatever it may do."""
    found = (side.groups(np.flatnonzero(are_meant(side.items.labels))) for side in sides)
    return frozenset().union(*found)


def _added(side: _Side, rows: Rows, trainable: Rows, unseen_rows: Rows, terms: Terms) -> Rows:
    """Rows of seen classes that the setting adds to the unseen ones. rows: those that may be tested."""
    match terms.setting:
        case "gzs/all_seen":
            return rows
        case "gzs/heldout":
            drawn = side.in_drawn_order(rows, terms.setting)
            return np.sort(np.concatenate([_share(of_class) for of_class in _by_class(side, drawn)]))
        case "gzs/open_search":
            return np.sort(_share_of_all(side, side.in_drawn_order(rows, terms.setting), trainable))
        case "gzs/sem_pcyc":
            drawn = side.in_drawn_order(np.intersect1d(rows, trainable), terms.setting)
            return np.sort(drawn[: int(HELD_OUT * len(unseen_rows))])
    return np.array([], dtype=np.int64)


def _share(drawn: Rows) -> Rows:
    return drawn[: max(1, round(HELD_OUT * len(drawn)))]


def _share_of_all(side: _Side, drawn: Rows, trainable: Rows) -> Rows:
    """The first items drawn, whatever their class, but never the last picture a class has to train on."""
    left: dict[int, set[str]] = defaultdict(set)
    for row in trainable.tolist():
        left[int(side.items.labels[row])].add(_picture(side.items, row))
    n_wanted = int(HELD_OUT * len(drawn))
    taken: list[int] = []
    for row in drawn.tolist():
        if len(taken) == n_wanted:
            break
        pictures, own = left[int(side.items.labels[row])], _picture(side.items, row)
        if len(pictures) - (own in pictures):
            taken.append(row)
            pictures.discard(own)
    return np.array(taken, dtype=np.int64)


def _few_of_each_class(side: _Side, queries: Rows) -> Rows:
    """Ten pictures of each class, at most half of them; of several copies the first one queries."""
    drawn = side.in_drawn_order(queries, "sake10")
    few: list[int] = []
    for of_class in _by_class(side, drawn):
        first_of: dict[str, int] = {}
        for row in of_class.tolist():
            first_of.setdefault(_picture(side.items, row), row)
        few += [*first_of.values()][: max(1, min(SAKE_QUERIES, len(first_of) // 2))]
    return np.array(sorted(few), dtype=np.int64)


def _by_class(side: _Side, rows: Rows) -> list[Rows]:
    found: dict[int, list[int]] = defaultdict(list)
    for row in rows.tolist():
        found[int(side.items.labels[row])].append(row)
    return [np.array(of_class, dtype=np.int64) for of_class in found.values()]


def _picture(items: Items, row: int) -> str:
    """What a row shows: equal for copies of one picture."""
    return (items.groups[row] if items.groups is not None else "") or items.names[row]


def _labels(index: DatasetIndex, names: Sequence[str]) -> NDArray[np.int64]:
    position = {name: label for label, name in enumerate(index.class_names)}
    return np.array([position[name] for name in names], dtype=np.int64)


def _require_items(
    rows: Rows, items: Items, classes: Sequence[str], index: DatasetIndex, split: ZeroShotSplit, what: str
) -> None:
    present = {index.class_names[label] for label in np.unique(items.labels[rows])}
    empty = [name for name in classes if name not in present]
    if empty:
        raise BenchmarkError(
            f"no usable picture is left for {what} in {', '.join(empty)} (split '{split.id}'). "
            "Every class of a split needs sketches and photos, other than copies of those in other classes."
        )
