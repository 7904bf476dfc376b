"""The page in a few sentences, each chosen by what the records show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from benchmark.reporting.conclusions import Outcome, outcome
from benchmark.reporting.findings.against_reference import by_outcome
from benchmark.reporting.findings.evidence import PAPER, REFERENCE, Study
from benchmark.reporting.findings.orders import shared_order
from benchmark.reporting.findings.paper import VERDICTS, ablation_summary, paper_pair
from benchmark.reporting.findings.ruler import Ruler
from benchmark.reporting.findings.ruler_text import main_ruler
from benchmark.reporting.findings.steps import Steps
from benchmark.reporting.findings.words import code, counted, interval, listed, number, row_code


def summary(studies: Sequence[Study], steps: Mapping[str, Steps]) -> str:
    """A list: the data sets, the paper's method, the order of methods, the ruler."""
    lines = [
        *(_against_reference(study) for study in studies),
        *_paper(studies),
        *(_order(one, other) for one, other in combinations(studies, 2)),
        *_ruler(studies, steps),
    ]
    return "\n".join(f"- {line}" for line in lines)


def _against_reference(study: Study) -> str:
    groups, n = by_outcome(study.main), len(study.main.pairs)
    better = groups[Outcome.HIGHER]
    head = f"On {study.dataset} ({counted(study.n_classes, 'test class', 'test classes')})"
    if n == 1:
        first = f"its one method is {'' if better else 'not shown to be '}better than {code(REFERENCE)}"
    elif len(better) == n:
        first = f"all {n} methods are better than {code(REFERENCE)}"
    elif better:
        named = listed(f"{row_code(pair.row)} ({interval(pair.difference)})" for pair in better[:3])
        more = f" and {len(better) - 3} more" if len(better) > 3 else ""
        first = f"{len(better)} of {n} methods {'is' if len(better) == 1 else 'are'} better than "
        first += f"{code(REFERENCE)}: {named}{more}"
    else:
        first = f"none of {n} methods is shown to be better than {code(REFERENCE)}"
    others = [
        f"{len(groups[kind])} {'is' if len(groups[kind]) == 1 else 'are'} {text}"
        for kind, text in (
            (Outcome.LOWER, "worse"),
            (Outcome.OPEN, "open"),
            (Outcome.NOT_SHOWN, "not told apart from it"),
            (Outcome.SAME, "the same in every class"),
        )
        if groups[kind]
    ]
    return f"{head}, {first}{f'; {listed(others)}' if others else ''}."


def _paper(studies: Sequence[Study]) -> Iterator[str]:
    places = [
        f"{VERDICTS[outcome(pair)]} {code(REFERENCE)} on {study.dataset}"
        for study in studies
        if (pair := paper_pair(study)) is not None
    ]
    if places:
        yield " ".join(
            [
                f"{code(PAPER)}, the paper's method, is {listed(places)}.",
                *(
                    f"On {study.dataset}, {_lower(ablation_summary(study.ablation))}."
                    for study in studies
                    if study.ablation is not None
                ),
            ]
        )


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _order(one: Study, other: Study) -> str:
    found = shared_order(one.main, other.main)
    return (
        f"{one.dataset} and {other.dataset} put {found.n_same} of {found.n_pairs} pairs of methods in the "
        "same order."
    )


def _ruler(studies: Sequence[Study], steps: Mapping[str, Steps]) -> Iterator[str]:
    found = [(study.dataset, own) for study in studies if (own := main_ruler(study)) is not None]
    if not found:
        return
    moves = listed(f"{number(own.median_range)} ({code(own.name)} on {dataset})" for dataset, own in found)
    flips = listed(f"{own.n_flips} of {own.n_pairs}" for _, own in found)
    rises = [f"{number(own.median)} for {code(name)}" for name, own in steps.items()]
    beside = (
        f" From one record year to the next, the best published value rises by {listed(rises)} (median)."
        if rises
        else ""
    )
    yield (
        "Published code computes mean average precision by several definitions. Between them one and the "
        f"same ranking moves by {moves}, in the median over methods{_without(found)}; {flips} pairs of "
        f"methods change places.{beside}"
    )


def _without(found: Sequence[tuple[str, Ruler]]) -> str:
    """What is left where one definition makes most of the range everywhere, and the same one."""
    dominant = [one for _, own in found if (one := own.dominant) is not None]
    kinds = {definition[0].partition("/")[2] for definition, _ in dominant}
    if len(dominant) < len(found) or len(kinds) != 1:
        return ""
    rests = listed(number(rest) for _, rest in dominant)
    return f", and without {code(f'/{kinds.pop()}')} by {rests}"
