"""Which gallery items belong to which query: its positives, and the items removed before ranking."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metrics.inputs import IntArray, as_names, check_comparable


@dataclass(frozen=True)
class Matches:
    """For each query, the gallery positions that hold the same value.

    Stored once a value, not once a query. group, gallery_group: (Q,) and (N,) index of an item's value.
    positions: (N,) gallery positions, value after value. begins, sizes: (V,) where those of a value begin,
    and how many there are.
    """

    group: IntArray
    gallery_group: IntArray
    positions: IntArray
    begins: IntArray
    sizes: IntArray

    @property
    def counts(self) -> IntArray:
        """(Q,) how many items match each query."""
        counts: IntArray = self.sizes[self.group]
        return counts

    def columns(self, rows: IntArray) -> IntArray:
        """(B, n) gallery positions of queries that match n items each; (1, n) where they are the same."""
        groups = self.group[rows]
        if (groups == groups[0]).all():
            groups = groups[:1]
        columns: IntArray = self.positions[self.begins[groups, None] + np.arange(self.sizes[groups[0]])]
        return columns

    def pairs(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """Indices into `rows` and gallery positions of all matches of these queries, query after query."""
        counts = self.counts[rows]
        index = np.repeat(np.arange(rows.size), counts)
        within = np.arange(index.size) - np.repeat(np.cumsum(counts) - counts, counts)
        return index, self.positions[self.begins[self.group[rows]][index] + within]


def matches(query_values: Sequence[Hashable], gallery_values: Sequence[Hashable]) -> Matches:
    """Match equal values; None matches nothing.

    >>> matches(["b", "a", None], ["a", "b", "b"]).counts
    array([2, 1, 0])
    """
    codes: dict[Hashable, int] = {}
    for value in gallery_values:
        codes.setdefault(value, len(codes))
    of_gallery = np.array([codes[value] for value in gallery_values], dtype=np.int64)
    sizes = np.append(np.bincount(of_gallery, minlength=len(codes)), 0)  # the last value: matches nothing
    codes.pop(None, None)
    group = np.array([codes.get(value, sizes.size - 1) for value in query_values], dtype=np.int64)
    return Matches(group, of_gallery, np.argsort(of_gallery, kind="stable"), np.cumsum(sizes) - sizes, sizes)


def named_matches(what: str, query_side: Any, gallery_side: Any, n_queries: int, n_gallery: int) -> Matches:
    """Match what a caller gave as names of items: "ids", "groups" or "instances"; None for an item without.

    Raises ValueError for the wrong number of names, and where no name of one side could match the other's.
    """
    query_names = as_names(f"query_{what}", query_side, n_queries, "query_emb")
    gallery_names = as_names(f"gallery_{what}", gallery_side, n_gallery, "gallery_emb")
    check_comparable(what, query_names, gallery_names)
    return matches(query_names, gallery_names)


@dataclass(frozen=True)
class Exclusions:
    """The pairs of query and gallery item that are removed before ranking. kinds: one for each kind of id."""

    kinds: tuple[Matches, ...]

    def pairs(self, rows: IntArray, n_gallery: int) -> tuple[IntArray, IntArray]:
        """Indices into `rows` and gallery positions of the removed items, each pair once."""
        found = [kind.pairs(rows) for kind in self.kinds]
        if len(found) == 1:
            return found[0]
        flat = np.unique(np.concatenate([index * n_gallery + columns for index, columns in found]))
        return flat // n_gallery, flat % n_gallery


def exclusions(
    n_queries: int, n_gallery: int, named: dict[str, tuple[Any, Any]], *, exclude_self: bool
) -> Exclusions | None:
    """What to remove, or None.

    named: kind ("ids", "groups") -> what the caller gave for queries and for the gallery. A pair is removed
    when any kind agrees. Raises ValueError when only one side is given, or none although asked for.
    """
    kinds: list[Matches] = []
    for kind, (query_side, gallery_side) in named.items():
        if (query_side is None) != (gallery_side is None):
            raise ValueError(f"query_{kind} and gallery_{kind} go together: give both or neither.")
        if query_side is not None and exclude_self:
            kinds.append(named_matches(kind, query_side, gallery_side, n_queries, n_gallery))
    if exclude_self and not kinds:
        raise ValueError(
            "exclude_self=True needs query_ids and gallery_ids, or query_groups and gallery_groups, "
            "to know which pairs are the same item."
        )
    return Exclusions(tuple(kinds)) if kinds else None
