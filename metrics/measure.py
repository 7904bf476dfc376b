"""From a block of costs to the values of its queries: the inner loop of `evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.arrays import Array, like, sort_rows, to_host
from metrics.costs import Block, check_costs, remove
from metrics.definitions import Metric, Relevance
from metrics.functions import compute
from metrics.inputs import IntArray
from metrics.matches import Exclusions, Matches
from metrics.near_ties import nearly_tied
from metrics.pr_curve import N_POINTS, precision_at_recalls
from metrics.ranking import (
    RankedPositives,
    bound,
    break_ties,
    count_positives,
    levels,
    mixed_across,
    place_positives,
)

N_ROWS = 128  # what is made of so many rows of costs fits a core's cache; fewer cost more calls


@dataclass(frozen=True)
class Task:
    """What is the same for every block: what to measure, who is relevant to whom, and how ties are read."""

    wanted: tuple[Metric, ...]
    ties: str
    seed: int
    relevant: Mapping[Relevance, Matches]
    n_positives: Mapping[Relevance, IntArray]  # (Q,) after exclusions
    excluded: Exclusions | None
    shuffle: IntArray
    is_named: bool  # costs come from a named distance


@dataclass(frozen=True)
class Values:
    """Where the values of all queries go; every query is written once."""

    per_query: Mapping[str, NDArray[np.float64]]
    pr: NDArray[np.float64]
    mixed: Mapping[int, NDArray[np.bool_]]
    near: NDArray[np.bool_]


def empty_values(wanted: tuple[Metric, ...], n_queries: int) -> Values:
    """Room for the values of so many queries: nan, and no ties, until they are measured."""
    return Values(
        per_query={metric.id: np.full(n_queries, np.nan) for metric in wanted},
        pr=np.full((n_queries, N_POINTS), np.nan),
        mixed={metric.k: np.zeros(n_queries, dtype=bool) for metric in wanted if metric.k is not None},
        near=np.zeros(n_queries, dtype=bool),
    )


@contextmanager
def measuring(task: Task, values: Values) -> Iterator[Measurer]:
    """Measure with as many threads as torch may use on the CPU."""
    import torch

    n_threads = torch.get_num_threads()
    if n_threads == 1:
        yield Measurer(task, values, map)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        yield Measurer(task, values, pool.map)


@dataclass(frozen=True)
class Measurer:
    """Takes blocks of costs and fills in the values of their queries."""

    task: Task
    values: Values
    in_parallel: Callable[[Callable[[Block], None], Iterator[Block]], Iterator[None]]

    def measure(self, block: Block) -> None:
        """Measure one block, whose costs are overwritten. Raises ValueError for costs that are not finite."""
        if not isinstance(block.costs, np.ndarray):
            self._part(block)
            return
        parts = (
            Block(block.rows[i : i + N_ROWS], block.costs[i : i + N_ROWS], block.n_levels)
            for i in range(0, len(block.rows), N_ROWS)
        )
        for _ in self.in_parallel(self._part, parts):
            pass

    def _part(self, block: Block) -> None:
        rows, costs, n_levels = block
        if self.task.excluded is not None:
            check_costs(costs, is_named=self.task.is_named)
            remove(block, *self.task.excluded.pairs(rows, costs.shape[1]))
        # Before the rows are sorted and their items can no longer be told apart.
        groups = [group for relevance in self.task.relevant for group in self._groups(relevance, rows, costs)]
        kept = costs + 0 if self.task.ties == "stable" and n_levels is None else costs
        everything = sort_rows(costs) if n_levels is None else levels(costs, n_levels)
        if n_levels is None and self.task.excluded is None:
            check_costs(everything[:, :: max(1, costs.shape[1] - 1)], is_named=self.task.is_named)
        for group in groups:
            self._group(group, everything, kept, n_levels)

    def _groups(self, relevance: Relevance, rows: IntArray, costs: Array) -> Iterator[_Group]:
        """Queries with equally many positives, those removed included, go through the rest together."""
        relevant, n_left = self.task.relevant[relevance], self.task.n_positives[relevance]
        keys = relevant.counts[rows] * (len(relevant.positions) + 1) + n_left[rows]
        for key in np.unique(keys[n_left[rows] > 0]):
            index = np.flatnonzero(keys == key)
            where, columns = _where(index), relevant.columns(rows[index])
            if len(columns) == 1:
                picked = costs[where][:, like(costs, columns[0])]
            else:
                picked = costs[like(costs, index)[:, None], like(costs, columns)]
            columns = np.broadcast_to(columns, picked.shape)
            yield _Group(relevance, rows[index], where, columns, picked, int(n_left[rows[index[0]]]))

    def _group(self, group: _Group, everything: Array, kept: Array, n_levels: int | None) -> None:
        task, values, queries = self.task, self.values, group.queries
        items = everything[group.where]
        if n_levels is None:
            places = place_positives(items, sort_rows(group.costs)[:, : group.n_positives])
            if "float" in str(items.dtype):  # whole numbers suffer no rounding
                values.near[queries] |= to_host(nearly_tied(places, sorted(self._cuts(group.relevance))))
            parts = places.ranked(task.seed)
        else:
            parts = count_positives(items, levels(group.costs, n_levels), group.n_positives, task.seed)
        for part, ranked in parts:
            if task.ties == "stable":
                own = to_host(part)
                in_order = break_ties(ranked, kept[group.where][part], group.columns[own], task.shuffle)
                self._write(group.relevance, queries[own], ranked, in_order, "expected")
            else:
                self._write(group.relevance, queries[to_host(part)], ranked, ranked, task.ties)

    def _write(
        self,
        relevance: Relevance,
        queries: IntArray,
        with_ties: RankedPositives,
        ranked: RankedPositives,
        ties: str,
    ) -> None:
        values = self.values
        if with_ties.has_ties:
            for k in self._cuts(relevance):
                values.mixed[k][queries] |= to_host(mixed_across(with_ties, k))
        for metric in self.task.wanted:
            if metric.family.relevance == relevance:
                values.per_query[metric.id][queries] = to_host(compute(metric, ranked, ties))
        if relevance == "class":
            values.pr[queries] = to_host(precision_at_recalls(_of_curve(ranked, ties)))

    def _cuts(self, relevance: Relevance) -> set[int]:
        of_relevance = (metric for metric in self.task.wanted if metric.family.relevance == relevance)
        return {metric.k for metric in of_relevance if metric.k is not None}


@dataclass(frozen=True)
class _Group:
    relevance: Relevance
    queries: IntArray  # (G,)
    where: slice | list[int]  # their rows in the block
    columns: IntArray  # (G, P) gallery positions of their positives, removed ones included
    costs: Array  # (G, P)
    n_positives: int  # without removed ones


def _where(index: IntArray) -> slice | list[int]:
    """Rows as an index that copies nothing where they stand together."""
    first, last = int(index[0]), int(index[-1])
    return slice(first, last + 1) if last - first + 1 == index.size else index.tolist()


def _of_curve(ranked: RankedPositives, ties: str) -> RankedPositives:
    """A curve reads a tie as one threshold, unless the rule puts its items in an order."""
    return ranked if ties in ("expected", "grouped") else bound(ranked, best=ties == "optimistic")
