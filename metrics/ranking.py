"""From scores to what every metric needs: where the positives stand, and in which ties.

Only the values of a row are sorted, and only its positives are searched in them: the order of the other
items is never needed. Equal scores form a tie; under `expected` it stays one, under `stable` it is broken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrics.inputs import IntArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class RankedPositives:
    """The positives of several queries, best first, one query after the other.

    Queries without positives are absent. Arrays (B,) have one entry a query, arrays (P,) one a positive.
    The tie of a positive is the set of items with its score, itself included (a set of one without a tie).
    """

    rows: IntArray  # (B,) the row of the score block each query came from
    n_relevant: IntArray  # (B,) positives of the query: R
    query: IntArray  # (P,) the query of each positive, 0 .. B - 1
    n_before: IntArray  # (P,) items with a better score
    n_tied: IntArray  # (P,) items in the tie
    relevant_before: IntArray  # (P,) positives with a better score
    relevant_tied: IntArray  # (P,) positives in the tie

    @property
    def starts(self) -> IntArray:
        """(B,) where each query's positives begin."""
        return np.cumsum(self.n_relevant) - self.n_relevant

    @property
    def index(self) -> IntArray:
        """(P,) 0 for a query's best positive, 1 for its second, and so on."""
        return np.arange(self.query.size) - self.starts[self.query]

    @property
    def in_mixed_tie(self) -> NDArray[np.bool_]:
        """(P,) True where the tie also holds items that are no positives, so that its order matters."""
        return self.n_tied > self.relevant_tied

    def total(self, values: NDArray[Any]) -> FloatArray:
        """(P,) -> (B,): sums over each query's positives, in one fixed order whatever the block."""
        totals = np.bincount(self.query, weights=values, minlength=self.rows.size)
        return np.asarray(totals, dtype=np.float64)


def rank_positives(
    scores: NDArray[Any], ascending: NDArray[Any], columns: Sequence[IntArray]
) -> RankedPositives:
    """Places and ties of the positives of a block.

    scores: (B, N), larger is better, -inf for items removed from the row. ascending: the same rows, sorted.
    columns: for each row, the gallery positions of its positives.
    """
    n = scores.shape[1]
    rows, pieces = [], []
    for row, positions in enumerate(columns):
        best_last = np.sort(scores[row, positions])
        best_last = best_last[best_last.searchsorted(-np.inf, side="right") :]
        if best_last.size == 0:
            continue
        tie_begins, tie_ends = (ascending[row].searchsorted(best_last, side) for side in ("left", "right"))
        own_begins, own_ends = (best_last.searchsorted(best_last, side) for side in ("left", "right"))
        counts = (n - tie_ends, tie_ends - tie_begins, best_last.size - own_ends, own_ends - own_begins)
        rows.append(row)
        pieces.append(np.stack(counts)[:, ::-1])
    together = np.concatenate(pieces, axis=1) if pieces else np.empty((4, 0), dtype=np.int64)
    n_relevant = np.array([piece.shape[1] for piece in pieces], dtype=np.int64)
    query = np.repeat(np.arange(len(rows)), n_relevant)
    return RankedPositives(np.array(rows, dtype=np.int64), n_relevant, query, *together)


def break_ties(
    ranked: RankedPositives, scores: NDArray[Any], columns: Sequence[IntArray], shuffle: IntArray
) -> RankedPositives:
    """The same positives with every tie put in the order of a shuffle of the gallery.

    shuffle: (N,) gallery positions, the first to be preferred in a tie. Rows whose ties hold positives only
    keep their ranks whatever the order, so only the others are sorted in full.
    """
    index, starts = ranked.index, ranked.starts
    ranks = ranked.n_before + index - ranked.relevant_before
    for query in np.unique(ranked.query[ranked.in_mixed_tie]):
        row = ranked.rows[query]
        place = np.empty(shuffle.size, dtype=np.int64)
        place[stable_order(scores[row], shuffle)] = np.arange(shuffle.size)
        own = slice(starts[query], starts[query] + ranked.n_relevant[query])
        # Positives removed from the row lie at -inf, behind all that count.
        ranks[own] = np.sort(place[columns[row]])[: ranked.n_relevant[query]]
    ones = np.ones_like(ranks)
    return RankedPositives(ranked.rows, ranked.n_relevant, ranked.query, ranks, ones, index, ones)


def stable_order(scores: NDArray[Any], shuffle: IntArray) -> IntArray:
    """Gallery positions of one row (N,), best first, equal scores in the order of the shuffle."""
    return shuffle[np.argsort(-scores[shuffle], kind="stable")]


def seeded_shuffle(n: int, seed: int) -> IntArray:
    """The one order of the gallery that breaks ties: it knows nothing of labels, and the seed fixes it."""
    return np.random.default_rng(seed).permutation(n)


def one_tie(n_ranked: IntArray, n_relevant: IntArray) -> RankedPositives:
    """Queries whose items all have one score: what chance looks like. Both (B,), every n_relevant >= 1."""
    query = np.repeat(np.arange(n_relevant.size), n_relevant)
    none = np.zeros_like(query)
    return RankedPositives(
        np.arange(n_relevant.size), n_relevant, query, none, n_ranked[query], none, n_relevant[query]
    )


def mixed_across(ranked: RankedPositives, k: int) -> NDArray[np.bool_]:
    """(B,) True where a tie of positives and others lies across rank k, so that its order moves h_k."""
    across = (ranked.n_before < k) & (k < ranked.n_before + ranked.n_tied) & ranked.in_mixed_tie
    return ranked.total(across) > 0


def nearly_tied_across(
    ranked: RankedPositives, ascending: NDArray[Any], k: int, tolerance: float
) -> NDArray[np.bool_]:
    """(B,) True where a rounding error could carry a positive, or another item, across rank k.

    The items in question lie within `tolerance` (times the score at rank k where that is larger than 1) of
    the score on the other side of the cut. An exact tie alone does not count: it is seen and averaged over.
    """
    n, starts = ascending.shape[1], ranked.starts
    near = np.zeros(ranked.rows.size, dtype=bool)
    if k >= n:
        return near
    inside, outside = (ascending[ranked.rows, n - rank].astype(np.float64) for rank in (k, k + 1))
    width = tolerance * np.maximum(1.0, np.abs(inside))
    for query in np.flatnonzero((outside >= inside - width) & (outside > -np.inf)):
        row = ascending[ranked.rows[query]]
        low = row.searchsorted(inside[query] - width[query], "left")
        high = row.searchsorted(outside[query] + width[query], "right")
        own = ranked.n_before[starts[query] : starts[query] + ranked.n_relevant[query]]
        n_positive = np.count_nonzero((own >= n - high) & (own < n - low))
        near[query] = row[low] < row[high - 1] and 0 < n_positive < high - low
    return near
