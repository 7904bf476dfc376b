"""From costs to what every metric needs: where the positives stand, and in which ties.

Only the values of a row are sorted, and only its positives are searched in them: the order of the other
items is never needed. Costs of few levels are counted instead. Equal costs form a tie.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from metrics.arrays import (
    Array,
    as_float,
    histogram_rows,
    like,
    namespace,
    repeat_entries,
    search_rows,
    sort_rows,
    stable_argsort_rows,
    take_rows,
)
from metrics.inputs import IntArray

_COUNTS = ("n_before", "n_tied", "relevant_before", "relevant_tied")


@dataclass(frozen=True)
class RankedPositives:
    """The positives of B queries that have R positives each, best first, with the ties they stand in.

    An entry is one positive (E = R), or one tie with the positives in it (E levels, some of them empty). A
    tie is the set of items of one cost, positives and others; an item without a tie is a tie of one.
    All arrays are float64, (B, E) or broadcast to it.
    """

    n_relevant: int  # R
    n_before: Array  # items in better ties
    n_tied: Array  # items in the tie
    relevant_before: Array  # positives in better ties
    relevant_tied: Array  # positives in the tie
    weight: Array | None = None  # positives that an entry stands for; None: one each
    seed: int = 0  # of the orders that are drawn where no closed form exists

    @property
    def has_ties(self) -> bool:
        """False where it is known that no positive has the cost of another item."""
        return bool(self.n_tied.shape == self.n_before.shape)

    @property
    def mixed(self) -> Array:
        """(B, E) True where a tie holds positives and others, so that its order matters."""
        if not self.has_ties:
            return self.n_before < 0
        return (self.n_tied > self.relevant_tied) & (self.relevant_tied > 0)

    def total(self, values: Array) -> Array:
        """(B, E) values of entries -> (B,) sums over positives."""
        return (values if self.weight is None else values * self.weight).sum(1)

    def one_by_one(self) -> RankedPositives:
        """The same with one entry a positive."""
        if self.weight is None:
            return self
        each = {name: repeat_entries(getattr(self, name), self.weight) for name in _COUNTS}
        return replace(self, **each, weight=None)

    def some(self, queries: Array) -> RankedPositives:
        """A part of the queries, by mask or index."""
        own = {name: getattr(self, name) for name in (*_COUNTS, "weight")}
        n_queries = len(self.n_before)
        part = {
            name: counts if counts is None or len(counts) != n_queries else counts[queries]
            for name, counts in own.items()
        }
        return replace(self, **part)


def in_order(n_before: Array) -> RankedPositives:
    """Positives whose order is known, from the number of items before each of them: (B, R), best first."""
    return _untied(n_before, 0)


def _untied(n_before: Array, seed: int) -> RankedPositives:
    one = like(n_before, np.ones((1, 1)))
    index = like(n_before, np.arange(n_before.shape[1], dtype=np.float64)[None, :])
    return RankedPositives(n_before.shape[1], n_before, one, index, one, seed=seed)


@dataclass(frozen=True)
class Places:
    """Where the positives of B queries stand among all items.

    ascending: (B, N) sorted costs of all items. positives: (B, R) sorted costs of the positives. begins:
    (B, R) items before each positive's tie. tied: (B, R) True where the tie holds another item.
    """

    ascending: Array
    positives: Array
    begins: Array
    tied: Array

    def ranked(self, seed: int) -> Iterator[tuple[Array, RankedPositives]]:
        """The queries without ties, then those with some: masks (B,), and what is known of their positives.

        Ties are rare among real numbers, and what has none is measured several times faster.
        """
        with_ties = self.tied.any(1)
        for queries in (~with_ties, with_ties):
            if queries.any():
                yield (
                    queries,
                    self._ranked(queries, seed)
                    if queries is with_ties
                    else _untied(as_float(self.begins[queries]), seed),
                )

    def _ranked(self, queries: Array, seed: int) -> RankedPositives:
        tied, begins = self.tied[queries], as_float(self.begins[queries])
        untied = _untied(begins, seed)
        n_tied, relevant_tied, index = begins * 0 + 1, begins * 0 + 1, begins * 0 + untied.relevant_before
        ends = search_rows(self.ascending, self.positives, "right", self.tied)
        own_begins, own_ends = (
            search_rows(self.positives, self.positives, side, self.tied)[queries]
            for side in ("left", "right")
        )
        n_tied[tied] = as_float((ends - self.begins)[queries][tied])
        index[tied] = as_float(own_begins[tied])
        relevant_tied[tied] = as_float((own_ends - own_begins)[tied])
        return replace(untied, n_tied=n_tied, relevant_before=index, relevant_tied=relevant_tied)


def place_positives(ascending: Array, positives: Array) -> Places:
    """Find the positives (B, R) among all items (B, N) by their costs; rows of both ascend."""
    last = ascending.shape[1] - 1
    begins = search_rows(ascending, positives, "left")
    after = namespace(begins).minimum(begins + 1, like(begins, last))
    tied = (take_rows(ascending, after) == positives) & (begins < last)
    return Places(ascending, positives, begins, tied)


def count_positives(
    all_levels: Array, positive_levels: Array, n_relevant: int, seed: int
) -> Iterator[tuple[Array, RankedPositives]]:
    """Rank positives by how many items, and how many positives, have each cost: both (B, levels).

    Yields like `Places.ranked`, all queries at once.
    """
    n_tied, relevant_tied = as_float(all_levels), as_float(positive_levels)
    n_before, relevant_before = n_tied.cumsum(1) - n_tied, relevant_tied.cumsum(1) - relevant_tied
    ranked = RankedPositives(
        n_relevant, n_before, n_tied, relevant_before, relevant_tied, weight=relevant_tied, seed=seed
    )
    yield n_tied[:, 0] >= 0, ranked


def levels(costs: Array, n_levels: int) -> Array:
    """(B, levels) items of each cost; a cost of n_levels marks a removed item and is not counted."""
    return histogram_rows(costs, n_levels + 1)[:, :n_levels]


def bound(ranked: RankedPositives, *, best: bool) -> RankedPositives:
    """The order in which the positives of each tie come first, or last."""
    each = ranked.one_by_one()
    index = like(each.n_before, np.arange(each.n_relevant, dtype=np.float64))
    skipped = 0 if best else each.n_tied - each.relevant_tied
    return in_order(each.n_before + skipped + index - each.relevant_before)


def break_ties(
    ranked: RankedPositives, costs: Array, columns: IntArray, shuffle: IntArray
) -> RankedPositives:
    """The order in which every tie follows a shuffle of the gallery.

    costs: (B, N), unsorted. columns: (B, R or more) gallery positions of the positives, removed ones too.
    shuffle: (N,) gallery positions, the first preferred in a tie. Rows whose ties hold positives only keep
    their ranks whatever the order, so only the others are sorted in full.
    """
    each = ranked.one_by_one()
    index = like(each.n_before, np.arange(each.n_relevant, dtype=np.float64))
    n_before = each.n_before + index - each.relevant_before
    moved = ranked.mixed.any(1)
    if moved.any():
        order = stable_argsort_rows(costs[moved][:, like(costs, shuffle)])
        rank = stable_argsort_rows(order)  # the inverse of each row's permutation
        own = take_rows(rank, like(costs, np.argsort(shuffle)[columns])[moved])
        # Removed positives stand behind all that count.
        n_before[moved] = as_float(sort_rows(own))[:, : each.n_relevant]
    return in_order(n_before)


def seeded_shuffle(n: int, seed: int) -> IntArray:
    """The one order of the gallery that breaks ties: it knows nothing of labels, and the seed fixes it."""
    return np.random.default_rng(seed).permutation(n)


def one_tie(n_ranked: IntArray, n_relevant: int) -> RankedPositives:
    """Queries whose items all have one cost: what chance looks like. n_ranked: (B,) items of each."""
    n_tied = np.asarray(n_ranked, dtype=np.float64)[:, None]
    zero, relevant = np.zeros_like(n_tied), np.full_like(n_tied, n_relevant)
    return RankedPositives(n_relevant, zero, n_tied, zero, relevant, weight=relevant)


def mixed_across(ranked: RankedPositives, k: int) -> Array:
    """(B,) True where a tie of positives and others lies across rank k, so that its order moves h_k."""
    across = (ranked.n_before < k) & (ranked.n_before + ranked.n_tied > k) & ranked.mixed
    return across.any(1)
