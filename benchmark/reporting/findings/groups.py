"""Methods taken together: those with side information and those without, seeds and classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from benchmark.reporting.fold_values import Interval
from benchmark.reporting.pairwise import Pair, Pairwise
from metrics.intervals import bootstrap_means, confidence_interval, fold_mean_draws

_QUANTILE = 1.96  # half the width of a 95 % interval in standard errors, about


@dataclass(frozen=True)
class Groups:
    """Methods with and without side information, and the difference of the two means over classes."""

    with_any: tuple[Pair, ...]
    without: tuple[Pair, ...]
    difference: Interval


@dataclass(frozen=True)
class Spread:
    """seeds: standard deviation of one run over seeds, pooled over methods. n_seeds: the fewest and the most.

    classes: standard error of the difference to the reference over classes, pooled over the same methods.
    """

    n_methods: int
    n_seeds: tuple[int, int]
    seeds: float
    classes: float


def side_information(found: Pairwise) -> Groups | None:
    """Compare tuned methods that read features, by whether their card lists side information.

    Rows that learn nothing, rank by the rest of the gallery or read pictures are other things. None where
    one of the groups is empty.
    """
    alike = [pair for pair in found.pairs if _is_trained_on_features(pair)]
    with_any = tuple(pair for pair in alike if pair.row.card.get("side_information"))
    without = tuple(pair for pair in alike if not pair.row.card.get("side_information"))
    if not with_any or not without:
        return None
    return Groups(with_any, without, _difference(found, with_any, without))


def spread(found: Pairwise) -> Spread | None:
    """Hold seeds against classes, over the methods with several seeds; None without any."""
    several = [(pair, std) for pair in found.pairs if (std := pair.cell.seed_std) is not None]
    if not several:
        return None
    numbers = [len(pair.cell.by_seed) for pair, _ in several]
    errors = [half_width(pair) / _QUANTILE for pair, _ in several]
    return Spread(
        n_methods=len(several),
        n_seeds=(min(numbers), max(numbers)),
        seeds=_root_mean_square([std for _, std in several]),
        classes=_root_mean_square(errors),
    )


def half_width(pair: Pair) -> float:
    """Half the width of the interval of the difference: what is smaller can hardly show."""
    return (pair.difference.ci_high - pair.difference.ci_low) / 2


def _is_trained_on_features(pair: Pair) -> bool:
    row = pair.row
    return row.is_tuned and not row.is_transductive and row.card.get("input") == "features"


def _difference(found: Pairwise, one: Sequence[Pair], other: Sequence[Pair]) -> Interval:
    """Difference of the groups' mean gains, class by class: classes of a split and splits count alike."""
    gains = [_mean_gains(group) for group in (one, other)]
    of_split: dict[str, list[float]] = {}
    for key in sorted(gains[0].keys() & gains[1].keys()):
        of_split.setdefault(key[0], []).append(gains[0][key] - gains[1][key])
    seeds = {fold.split: fold.protocol.interval_seed for fold in found.comparison.folds}
    draws = fold_mean_draws(
        [bootstrap_means(own, range(len(own)), seed=seeds[split]) for split, own in of_split.items()]
    )
    low, high = confidence_interval(draws)
    return Interval(float(draws.mean), float(low), float(high))


def _mean_gains(group: Sequence[Pair]) -> dict[tuple[str, str], float]:
    """Mean over methods of the gain over the reference, for the classes where all have one."""
    of_pair = [{(e.split, e.class_name): e.difference for e in pair.effects} for pair in group]
    shared = set.intersection(*(set(own) for own in of_pair))
    return {key: fmean(own[key] for own in of_pair) for key in shared}


def _root_mean_square(values: Sequence[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
