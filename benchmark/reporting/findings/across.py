"""In words: whether data sets agree, how seeds compare with classes, what side information goes with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

from benchmark.reporting.conclusions import Outcome, outcome
from benchmark.reporting.findings.evidence import REFERENCE, Study
from benchmark.reporting.findings.groups import Groups, Spread, side_information, spread
from benchmark.reporting.findings.orders import halves, shared_order
from benchmark.reporting.findings.words import code, counted, interval, listed, number, row_code
from benchmark.reporting.fold_values import Interval

_NO_SEMANTICS = "no semantics"  # in the name of a variant that is left without class vectors
_ABOUT = 0.05  # correlations nearer than this are called equal


def agreement(studies: Sequence[Study]) -> str:
    """Say how far every two data sets put the same methods in the same order, and what limits that."""
    return "\n\n".join(_agreement(one, other) for one, other in combinations(studies, 2))


def seeds_and_classes(studies: Sequence[Study]) -> str:
    """Hold the spread over seeds against that over classes."""
    found = [(study.dataset, own) for study in studies if (own := spread(study.main)) is not None]
    if not found:
        return "No method was run with several seeds: the records do not show what a seed changes."
    sides = "; ".join(
        f"on {dataset}, another seed moves a method's mean by {number(own.seeds)} and other classes its "
        f"difference to {code(REFERENCE)} by {number(own.classes)}"
        for dataset, own in found
    )
    return f"In standard deviations, pooled over {_methods(found)}: {sides}. {_limiting(found)}"


def side_information_text(studies: Sequence[Study]) -> str:
    """Compare tuned methods with and without side information, and say what that does not show."""
    found = [(study.dataset, own) for study in studies if (own := side_information(study.main)) is not None]
    if not found:
        return "The records do not hold tuned methods both with and without class vectors."
    return "\n".join(
        [
            "Tuned methods that read features and do not see the gallery, those with class vectors or a "
            "teacher's answers against those with pictures and labels alone, as means over classes, by 95 % "
            "interval alone:\n",
            *(_side(dataset, own) for dataset, own in found),
            f"\nThe groups differ in everything else too: this compares these methods, not the "
            f"information.{_controlled(studies)}",
        ]
    )


def _agreement(one: Study, other: Study) -> str:
    found = shared_order(one.main, other.main)
    within, across = (own := halves(one.main, other.main)).within, own.across
    parts = [
        f"Of {counted(found.n_pairs, 'pair')} of the {found.n_methods} methods on {one.dataset} and "
        f"{other.dataset}, {found.n_same} stand in the same order on both, {found.n_opposite} in the other "
        f"one (Kendall's rank correlation {found.tau:.2f}; half of the pairs and 0 would be coincidence).",
        f"That number needs a yardstick: rankings by random halves of the classes correlate by "
        f"{within[0]:.2f} within {one.dataset}, {within[1]:.2f} within {other.dataset}, and {across:.2f} "
        "across the two.",
        _yardstick(one.dataset, other.dataset, within, across),
        *_contradicting(one, other),
        "The methods are no random sample, and many are relatives: the correlation has no interval here and "
        "says nothing about other methods.",
    ]
    return " ".join(parts)


def _contradicting(one: Study, other: Study) -> Iterator[str]:
    """Methods that are better on one data set and worse on the other, where any could be."""
    shown = {Outcome.HIGHER, Outcome.LOWER}
    sides = [{pair.row.name: outcome(pair) for pair in study.main.pairs} for study in (one, other)]
    reverse = [name for name, kind in sides[0].items() if {kind, sides[1].get(name)} == shown]
    if reverse:
        are = f"{'is' if len(reverse) == 1 else 'are'} better than {code(REFERENCE)}"
        yield f"{listed(map(code, reverse))} {are} on one and worse on the other."
    elif all(shown & set(side.values()) for side in sides):
        yield f"No method is better than {code(REFERENCE)} on one and worse on the other."


def _yardstick(one: str, other: str, within: tuple[float, float], across: float) -> str:
    noisy = one if within[0] < within[1] else other
    if min(within) <= 0:
        return f"{noisy} does not even agree with itself: too few classes to compare orders with."
    # Two noisy measures of one thing correlate by the root of the product of their reliabilities.
    expected = math.sqrt(within[0] * within[1])
    head = f"If the true order were the same on both, about {expected:.2f} could be expected across"
    if across > expected - _ABOUT:
        return (
            f"{head}, and that much is found: the few classes of {noisy} are enough to explain where the "
            "orders differ, and an order that depends on the data set is not shown."
        )
    if across < min(within):
        return f"{head}; they agree less with each other than with themselves: the order depends on the data."
    return f"{head}; they agree less than that, and how much of the gap is chance is not tested here."


def _methods(found: Sequence[tuple[str, Spread]]) -> str:
    sizes = dict.fromkeys(own.n_methods for _, own in found)
    seeds = [n for _, own in found for n in own.n_seeds]
    number_of = f"{min(seeds)}" if min(seeds) == max(seeds) else f"{min(seeds)} to {max(seeds)}"
    return f"{' and '.join(map(str, sizes))} methods with {number_of} seeds"


def _limiting(found: Sequence[tuple[str, Spread]]) -> str:
    of_classes = [own.classes > own.seeds for _, own in found]
    if all(of_classes):
        return (
            "The classes, not the seeds, limit what can be said: more seeds do not make up for few classes, "
            "and an interval over seeds alone would promise too much."
        )
    if not any(of_classes):
        return "The seeds limit what can be said at least as much as the classes do."
    where = listed(dataset for (dataset, _), more in zip(found, of_classes, strict=True) if not more)
    return f"The classes limit what can be said, but on {where} the seeds do so at least as much."


def _controlled(studies: Sequence[Study]) -> str:
    variants = [pair.row.variant for study in studies if study.ablation for pair in study.ablation.pairs]
    named = [f"“{variant}”" for variant in dict.fromkeys(variants) if _NO_SEMANTICS in variant]
    return f" The nearest to that is {listed(named)}, below." if named else ""


def _side(dataset: str, own: Groups) -> str:
    best = [max(group, key=lambda pair: pair.cell.value).row for group in (own.with_any, own.without)]
    return (
        f"- on {dataset} the {len(own.with_any)} with it are {_direction(own.difference)} the "
        f"{len(own.without)} without ({interval(own.difference)}); the best with it is "
        f"{row_code(best[0])}, without it {row_code(best[1])}"
    )


def _direction(difference: Interval) -> str:
    if difference.ci_low > 0:
        return "above"
    return "below" if difference.ci_high < 0 else "not told apart from"
