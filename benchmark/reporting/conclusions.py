"""What stands in words beside a comparison of two rows: what may be concluded and what not, and the test."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from itertools import combinations

from benchmark.reporting.footnotes import Note, footnotes
from benchmark.reporting.pairwise import Pair, Pairwise
from benchmark.reporting.rows import Row
from benchmark.reporting.table_layout import DIGITS

ALPHA = 0.05
"""Level of the test: that of the 95 % interval beside it."""

# Footnotes on what stands in a table alone, and on what `Not compared` says.
_NOT_SHOWN = ("Chance", "Missing")


class Outcome(StrEnum):
    """What interval and test together say of a row against the reference."""

    HIGHER = "higher"
    LOWER = "lower"
    OPEN = "open"  # one of the two speaks for a difference, or they point opposite ways
    NOT_SHOWN = "not shown"
    SAME = "same"  # in every class


def outcome(pair: Pair) -> Outcome:
    """Say what is shown, which takes the interval and the test, both pointing one way."""
    if pair.n_better == pair.n_worse == 0:
        return Outcome.SAME
    in_interval = pair.difference.ci_low > 0 or pair.difference.ci_high < 0
    in_test = pair.p_holm <= ALPHA
    if not in_interval and not in_test:
        return Outcome.NOT_SHOWN
    if not (in_interval and in_test) or _is_opposite(pair):
        return Outcome.OPEN
    return Outcome.HIGHER if pair.difference.value > 0 else Outcome.LOWER


def conclusion(found: Pairwise, pair: Pair) -> str:
    """Say whether a row differs from the reference, which takes both interval and test, and on what terms."""
    where = f"On these {pair.n_classes} classes of {found.comparison.protocol.dataset}"
    return f"{where}, {_verdict(found, pair)}; {_terms(found, pair)}."


def p_text(p: float) -> str:
    """A p-value with two significant digits, with three where two would not tell it from ALPHA.

    >>> p_text(0.3141), p_text(2 / 4096), p_text(0.0496), p_text(7e-05), p_text(1.0)
    ('0.31', '0.00049', '0.0496', '0.00007', '1')
    """
    short = f"{p:.2g}"
    return f"{Decimal(short if float(short) != ALPHA else f'{p:.3g}'):f}"


def signed(value: float) -> str:
    """A difference with its sign, as printed in tables."""
    return f"{value:+.{DIGITS}f}"


def notes(found: Pairwise) -> tuple[Note, ...]:
    """What was measured and how, as below a table, and what the test is."""
    of_table = footnotes(found.comparison, (found.metric,))
    left_out = "; ".join(f"{name}: {why}" for name, why in found.left_out.items())
    return (
        *(note for note in of_table if note.label not in _NOT_SHOWN),
        Note("Test", _test(found)),
        *((Note("Not compared", left_out),) if left_out else ()),
    )


def _test(found: Pairwise) -> str:
    kinds = {
        f"{'all' if test.is_exact else 'drawn'} {test.n_patterns:,}"
        for test in (pair.test for pair in found.pairs)
    }
    text = (
        "two-sided sign-flip (randomisation) test of Δ by class, in which the classes of a split count alike "
        "and splits count alike. Were two methods interchangeable, each class could as well differ the other "
        f"way: p is the share of sign patterns ({', '.join(sorted(kinds))}) with a mean at least as far from "
        "0; the least attainable p is what as many classes, or as many draws, give when all differ one way."
    )
    if len(found.pairs) > 1:
        text += (
            f" p (Holm) and its least value are adjusted for {len(found.pairs)} comparisons made together;"
        )
    else:
        text += (
            " This p holds if this one comparison was planned: several need Holm's correction, which "
            "`compare --reference` without rows makes;"
        )
    text += " intervals are not adjusted for the number of comparisons."
    if found.n_shared_classes:
        text += (
            f" {found.n_shared_classes} classes are unseen in several splits: each has one sign in the test, "
            "while the interval takes the splits for independent."
        )
    return text


def _verdict(found: Pairwise, pair: Pair) -> str:
    row, reference, metric = pair.row.name, found.reference.name, found.metric
    shown = outcome(pair)
    if shown is Outcome.SAME:
        return f"{row} and {reference} have the same {metric} in every class: nothing here tells them apart"
    evidence, low, high = _evidence(found, pair), pair.difference.ci_low, pair.difference.ci_high
    if shown is Outcome.NOT_SHOWN:
        return (
            f"no difference in {metric} between {row} and {reference} is shown ({evidence}), which does not "
            f"make them equal: anything from {signed(low)} to {signed(high)} is compatible with this "
            f"data{_attainable(found, pair)}"
        )
    if shown is not Outcome.OPEN:
        return f"{row} ranks {shown} than {reference} in {metric}: {evidence}"
    why = (
        f"means over queries and over classes ({signed(pair.test.statistic)}) point opposite ways"
        if _is_opposite(pair)
        else _disagreement(found, pair)
    )
    return f"whether {row} and {reference} differ in {metric} stays open ({evidence}): {why}"


def _is_opposite(pair: Pair) -> bool:
    return pair.difference.value * pair.test.statistic < 0


def _evidence(found: Pairwise, pair: Pair) -> str:
    value, low, high = map(signed, (pair.difference.value, pair.difference.ci_low, pair.difference.ci_high))
    n_pairs = len(found.pairs)
    terms = f"after Holm's correction for {n_pairs} comparisons"
    if n_pairs == 1:
        terms = "if this one comparison was planned"
    least = ", the least attainable" if pair.p_holm <= pair.smallest_p_holm < 1 else ""
    return (
        f"{value} [{low}, {high}], sign-flip test of the class means: {signed(pair.test.statistic)}, "
        f"p = {p_text(pair.p_holm)} {terms}{least}, "
        f"classes better {pair.n_better}, worse {pair.n_worse}"
    )


def _disagreement(found: Pairwise, pair: Pair) -> str:
    """Why there is no verdict although one of the two speaks for a difference."""
    if pair.p_holm <= ALPHA:
        return "the test over classes speaks for a difference, but the interval includes 0"
    if pair.test.p <= ALPHA:
        n_pairs = len(found.pairs)
        return (
            f"the interval excludes 0, but the test does not survive the correction for {n_pairs} comparisons"
        )
    return f"the interval excludes 0, but the test over classes does not{_attainable(found, pair)}"


def _attainable(found: Pairwise, pair: Pair) -> str:
    if pair.smallest_p_holm <= ALPHA:
        return ""
    with_what = f"{pair.n_better + pair.n_worse} classes that differ"
    if len(found.pairs) > 1:
        with_what += f" and {len(found.pairs)} comparisons"
    return f"; with {with_what} no p below {p_text(pair.smallest_p_holm)} is attainable"


def _terms(found: Pairwise, pair: Pair) -> str:
    folds = found.comparison.folds
    terms = "this split, its gallery and this backbone"
    if len(folds) > 1:
        overlap = any(one.query_names & other.query_names for one, other in combinations(folds, 2))
        shared = "training classes and queries" if overlap else "training classes"
        terms = f"these {len(folds)} splits, which share {shared}, their galleries and this backbone"
    alone = [row.name for row in (pair.row, found.reference) if row.depends_on_seed and _has_one_seed(row)]
    seeds = f", and on one seed of {' and of '.join(alone)}, whose spread was not measured" if alone else ""
    return f"the interval is conditional on {terms}{seeds}"


def _has_one_seed(row: Row) -> bool:
    return any(len(seeds) == 1 for seeds in row.seeds.values())
