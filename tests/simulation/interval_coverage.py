"""How often the 95 % intervals hold the true mean: simulated classes in, Markdown tables out.

    OMP_NUM_THREADS=1 .venv/bin/python tests/simulation/interval_coverage.py

Prints the two tables of docs/intervals.md. Seeded. Takes four to five minutes of one core. Not collected by
pytest; test_interval_coverage.py beside it holds two cells.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from metrics.intervals import BootstrapMeans, bootstrap_means, confidence_interval, fold_mean_draws

Values = NDArray[np.float64]
Ends = tuple[Values, Values]

N_REPETITIONS = 4000
N_ALIKE = 50  # repetitions that share class sizes and resamples
LEVEL = 0.95
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)

# Drawn with mean 0 and standard deviation 1.
EFFECTS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Values]] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "exponential": lambda rng, shape: rng.exponential(size=shape) - 1,
    "lognormal": lambda rng, shape: (rng.lognormal(size=shape) - np.e**0.5) / np.sqrt(np.e**2 - np.e),
}


@dataclass(frozen=True)
class Cell:
    """What is simulated. unevenness: standard deviation of the class sizes over their mean, which is 20.

    noise: standard deviation of the queries of a class, where that of the class means is 1. The true mean is
    0. A difference is one of two methods whose class effects differ by draws of `effects` and of a normal.
    """

    effects: str = "normal"
    n_classes: int = 12
    n_folds: int = 1
    balanced: bool = False
    is_difference: bool = False
    unevenness: float = 0.45
    noise: float = 1.5


@dataclass(frozen=True)
class Sample:
    """One fold of several repetitions. values: (N_ALIKE, Q). labels: (Q,)."""

    values: Values
    labels: NDArray[np.int64]
    draws: BootstrapMeans


@dataclass(frozen=True)
class Coverage:
    """Share of repetitions whose interval holds the true mean, with its Monte Carlo standard error."""

    share: float
    error: float

    def __str__(self) -> str:
        return f"{100 * self.share:.1f}"


def coverage(
    cell: Cell, intervals: dict[str, Interval], *, n_repetitions: int, seed: int
) -> dict[str, Coverage]:
    """How often each kind of interval holds the true mean, all of them on the same repetitions."""
    rng = np.random.default_rng(seed)
    shares: dict[str, list[float]] = {name: [] for name in intervals}
    for _ in range(n_repetitions // N_ALIKE):
        folds = [_sample(cell, rng) for _ in range(cell.n_folds)]
        for name, interval in intervals.items():
            low, high = interval(folds, cell, rng)
            shares[name].append(float(((low <= 0) & (high >= 0)).mean()))
    # Repetitions with the same sizes and resamples are not independent of each other: groups of them are.
    n_groups = n_repetitions // N_ALIKE
    return {
        name: Coverage(float(np.mean(own)), float(np.std(own, ddof=1) / np.sqrt(n_groups)))
        for name, own in shares.items()
    }


def _sample(cell: Cell, rng: np.random.Generator) -> Sample:
    sizes = np.full(cell.n_classes, 20)
    if cell.unevenness:
        shape = cell.unevenness**-2
        sizes = np.maximum(2, np.round(rng.gamma(shape, 20 / shape, cell.n_classes))).astype(int)
    labels = np.repeat(np.arange(cell.n_classes), sizes)
    values = _method(cell.effects, labels, cell.noise, rng)
    if cell.is_difference:
        both = _method("normal", labels, cell.noise, rng)
        one, other = (both + 0.3 * _method(own, labels, cell.noise, rng) for own in (cell.effects, "normal"))
        values = one - other
    seed = int(rng.integers(2**32))
    return Sample(values, labels, bootstrap_means(values, labels, seed=seed, balanced=cell.balanced))


def _method(effects: str, labels: NDArray[np.int64], noise: float, rng: np.random.Generator) -> Values:
    of_class = EFFECTS[effects](rng, (N_ALIKE, labels.max() + 1))
    return of_class[:, labels] + noise * rng.standard_normal((N_ALIKE, labels.size))


Interval = Callable[[list[Sample], Cell, np.random.Generator], Ends]


def now(folds: list[Sample], cell: Cell, rng: np.random.Generator) -> Ends:
    """The interval of this benchmark."""
    return confidence_interval(_fold_mean(folds), LEVEL)


def before(folds: list[Sample], cell: Cell, rng: np.random.Generator) -> Ends:
    """Percentiles of means over classes drawn with replacement, then queries within each drawn class."""
    draws = np.mean([_classes_then_queries(fold, cell.balanced, rng) for fold in folds], axis=0)
    return tuple(np.quantile(draws, TAILS, axis=1))


def widened(folds: list[Sample], cell: Cell, rng: np.random.Generator) -> Ends:
    """Percentiles over resampled classes, widened by t and by sqrt(G / (G - 1)) for G classes in a fold."""
    draws = _fold_mean(folds)
    factor = stats.t.ppf(TAILS[1], draws.degrees) / stats.norm.ppf(TAILS[1])
    factor = factor * np.sqrt(cell.n_classes / (cell.n_classes - 1))
    low, high = np.quantile(draws.means, TAILS, axis=1)
    return draws.mean + factor * (low - draws.mean), draws.mean + factor * (high - draws.mean)


def student(folds: list[Sample], cell: Cell, rng: np.random.Generator) -> Ends:
    """Mean plus and minus t times the jackknife standard error over classes."""
    draws = _fold_mean(folds)
    half = stats.t.ppf(TAILS[1], draws.degrees) * draws.error
    return draws.mean - half, draws.mean + half


def bca(folds: list[Sample], cell: Cell, rng: np.random.Generator) -> Ends:
    """Bias-corrected and accelerated percentiles over resampled classes (Efron 1987)."""
    draws = _fold_mean(folds)
    moves = np.concatenate([_jackknife_moves(fold, cell.balanced) for fold in folds], axis=1)
    acceleration = (moves**3).sum(axis=1) / (6 * (moves**2).sum(axis=1) ** 1.5)
    n_draws = draws.means.shape[1]
    below = (draws.means < draws.mean[:, None]).mean(axis=1).clip(1 / n_draws, 1 - 1 / n_draws)
    bias = stats.norm.ppf(below)
    shifted = [bias + stats.norm.ppf(tail) for tail in TAILS]
    shares = [stats.norm.cdf(bias + shift / (1 - acceleration * shift)) for shift in shifted]
    ends = [[np.quantile(own, s) for own, s in zip(draws.means, share, strict=True)] for share in shares]
    return np.array(ends[0]), np.array(ends[1])


def _fold_mean(folds: list[Sample]) -> BootstrapMeans:
    return fold_mean_draws([fold.draws for fold in folds])


def _classes_then_queries(fold: Sample, balanced: bool, rng: np.random.Generator) -> Values:
    """(N_ALIKE, 1000) means: every class drawn brings as many queries as it has, drawn with replacement."""
    n_draws, sizes = 1000, np.bincount(fold.labels)
    times = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=n_draws)
    counts = []
    for n_times, size in zip(times.T, sizes, strict=True):
        draw = np.repeat(np.arange(n_draws), n_times)
        picks = draw[:, None] * size + rng.integers(size, size=(draw.size, size))
        counts.append(np.bincount(picks.ravel(), minlength=n_draws * size).reshape(n_draws, size))
    weights = np.concatenate(counts, axis=1) / (sizes[fold.labels] if balanced else 1)
    return fold.values @ weights.T / weights.sum(axis=1)


def _jackknife_moves(fold: Sample, balanced: bool) -> Values:
    """(N_ALIKE, G): how far the mean lies above that without the class."""
    counts = np.bincount(fold.labels).astype(float)
    sums = np.stack([np.bincount(fold.labels, weights=own) for own in fold.values])
    if balanced:
        sums, counts = sums / counts, np.ones_like(counts)
    without = (sums.sum(axis=1, keepdims=True) - sums) / (counts.sum() - counts)
    return without.mean(axis=1, keepdims=True) - without


STATISTICS = {
    "query mean": Cell(),
    "class-balanced mean": Cell(balanced=True),
    "difference of query means": Cell(is_difference=True),
    "difference of class-balanced means": Cell(is_difference=True, balanced=True),
}
SIZES = {
    **{f"{n}": {"n_classes": n} for n in (12, 13, 25, 30, 100)},
    "4 folds of 13": {"n_classes": 13, "n_folds": 4},
}
CONDITIONS = {
    "as above": {},
    "classes of equal size": {"unevenness": 0.0},
    "classes of very unequal size": {"unevenness": 0.8},
    "noisy queries": {"noise": 6.0},
    "25 classes": {"n_classes": 25},
    "6 classes": {"n_classes": 6},
    "3 classes": {"n_classes": 3},
}
INTERVALS: dict[str, Interval] = {
    "before": before,
    "percentile, widened": widened,
    "BCa": bca,
    "mean ± t × error": student,
    "now": now,
}


def main_table(errors: list[float]) -> Iterator[str]:
    """Coverage of the former and of today's interval, by statistic, class effects and number of classes."""
    yield f"| | class effects | {' | '.join(SIZES)} |"
    yield "|---|---|" + "---:|" * len(SIZES)
    for title, statistic in STATISTICS.items():
        for effects in EFFECTS:
            texts = []
            for size in SIZES.values():
                cell = replace(statistic, effects=effects, **size)
                found = coverage(cell, {"before": before, "now": now}, n_repetitions=N_REPETITIONS, seed=0)
                errors += [own.error for own in found.values()]
                texts.append(f"{found['before']} → **{found['now']}**")
            yield f"| {title} | {effects} | {' | '.join(texts)} |"


def table_of_intervals(errors: list[float]) -> Iterator[str]:
    """Coverage of every kind of interval for the query mean of 12 classes, and where it is harder."""
    yield f"| | class effects | {' | '.join(INTERVALS)} |"
    yield "|---|---|" + "---:|" * len(INTERVALS)
    for title, change in CONDITIONS.items():
        for effects in EFFECTS:
            cell = replace(Cell(effects=effects), **change)
            found = coverage(cell, INTERVALS, n_repetitions=N_REPETITIONS, seed=0)
            errors += [own.error for own in found.values()]
            yield f"| {title} | {effects} | {' | '.join(map(str, found.values()))} |"


def main() -> None:
    """Simulate and print."""
    for table in (main_table, table_of_intervals):
        errors: list[float] = []
        for line in table(errors):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        middle, largest = 100 * np.median(errors), 100 * max(errors)
        sys.stdout.write(
            f"\n{N_REPETITIONS:,} repetitions a cell; Monte Carlo standard error {middle:.1f} points in the "
            f"median cell, {largest:.1f} at most.\n\n"
        )


if __name__ == "__main__":
    main()
