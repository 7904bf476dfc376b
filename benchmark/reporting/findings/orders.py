"""Whether two lists of scores put the same methods in the same order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from benchmark.reporting.pairwise import Pairwise
from metrics.significance import TOLERANCE

Values = NDArray[np.float64]
N_HALVINGS = 500


@dataclass(frozen=True)
class Order:
    """Pairs of methods: n_same stand in the same order in both lists, n_opposite change it; the rest tie."""

    n_methods: int
    n_pairs: int
    n_same: int
    n_opposite: int

    @property
    def tau(self) -> float:
        """Kendall's rank correlation (tau-a): 1 the same order, 0 unrelated, -1 reversed."""
        return (self.n_same - self.n_opposite) / self.n_pairs if self.n_pairs else 0.0


@dataclass(frozen=True)
class Halves:
    """Mean rank correlation between random halves of the classes: of one data set, the other, and across."""

    within: tuple[float, float]
    across: float


def order(one: Sequence[float] | Values, other: Sequence[float] | Values) -> Order:
    """Compare two lists of scores of the same methods. Differences below TOLERANCE are ties."""
    signs = [_signs(np.asarray(values, dtype=np.float64)) for values in (one, other)]
    products = signs[0] * signs[1]
    return Order(len(one), products.size, int((products > 0).sum()), int((products < 0).sum()))


def shared_order(one: Pairwise, other: Pairwise) -> Order:
    """Compare the order of the methods that two data sets share, the reference among them."""
    scores = [means(found) for found in (one, other)]
    names = [name for name in scores[0] if name in scores[1]]
    return order(*([own[name] for name in names] for own in scores))


def means(found: Pairwise) -> dict[str, float]:
    """Mean of every row, best first but for the reference, which comes last."""
    own = {pair.row.name: pair.cell.value for pair in found.pairs}
    return {**own, found.reference.name: found.reference_cell.value}


def halves(one: Pairwise, other: Pairwise, *, seed: int = 0) -> Halves:
    """Rank the shared methods by random halves of the classes, splits halved within themselves.

    All three correlations are between halves, so that they differ by the data set and not by the number of
    classes. Raises ValueError for a split of fewer than two classes.
    """
    names = [name for name in means(one) if name in means(other)]
    tables = [_class_values(found, names) for found in (one, other)]
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(N_HALVINGS):
        (first, second), (third, fourth) = (_halved(of_splits, rng) for of_splits in tables)
        found.append([order(first, second).tau, order(third, fourth).tau, order(first, third).tau])
    own, others, across = (fmean(column) for column in zip(*found, strict=True))
    return Halves((own, others), across)


def _signs(values: Values) -> Values:
    i, j = np.triu_indices(values.size, k=1)
    gaps = values[i] - values[j]
    return np.where(np.abs(gaps) > TOLERANCE, np.sign(gaps), 0.0)


def _class_values(found: Pairwise, names: Sequence[str]) -> list[Values]:
    """One (methods, classes) table of class means for each split."""
    rows: dict[str, Mapping[tuple[str, str], float]] = {
        pair.row.name: {(e.split, e.class_name): e.value for e in pair.effects} for pair in found.pairs
    }
    effects = found.pairs[0].effects
    rows[found.reference.name] = {(e.split, e.class_name): e.reference_value for e in effects}
    columns: dict[str, list[Sequence[float]]] = defaultdict(list)
    for key in sorted(rows[found.reference.name]):
        columns[key[0]].append([rows[name].get(key, np.nan) for name in names])
    return [np.array(of_split).T for of_split in columns.values()]


def _halved(of_splits: Sequence[Values], rng: np.random.Generator) -> tuple[Values, Values]:
    """Means over splits of the means over a random half of their classes, and over the other half."""
    sides: tuple[list[Values], list[Values]] = ([], [])
    for table in of_splits:
        n = table.shape[1]
        if n < 2:
            raise ValueError("a split of one class has no halves")
        shuffled = rng.permutation(n)
        for side, chosen in zip(sides, (shuffled[: n // 2], shuffled[n // 2 :]), strict=True):
            side.append(np.nanmean(table[:, chosen], axis=1))
    return np.mean(sides[0], axis=0), np.mean(sides[1], axis=0)
