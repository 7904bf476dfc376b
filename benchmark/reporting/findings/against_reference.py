"""In words and tables: which methods differ from the reference, by how much, and on which classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from benchmark.reporting.class_effects import ClassEffect
from benchmark.reporting.conclusions import Outcome, outcome, p_text, signed
from benchmark.reporting.findings.evidence import PAPER, REFERENCE, Study
from benchmark.reporting.findings.groups import half_width
from benchmark.reporting.findings.words import (
    code,
    counted,
    evidence,
    interval,
    listed,
    number,
    row_code,
    table,
)
from benchmark.reporting.pairwise import Pair, Pairwise
from benchmark.reporting.table_layout import DASH

_MANY = 4  # methods of one outcome that are named in a cell
_N_WATCHED = 3
_N_NAMED = 2

_LABELS = {
    Outcome.HIGHER: "better",
    Outcome.LOWER: "worse",
    Outcome.OPEN: "open",
    Outcome.NOT_SHOWN: "not told apart",
    Outcome.SAME: "the same in every class",
}


def by_outcome(found: Pairwise) -> dict[Outcome, list[Pair]]:
    """Comparisons by what they show, each in the order of the table."""
    return {kind: [pair for pair in found.pairs if outcome(pair) is kind] for kind in Outcome}


def outcomes(studies: Sequence[Study]) -> str:
    """A table of who is better, worse, open and not told apart on each data set."""
    groups = [by_outcome(study.main) for study in studies]
    header = [f"against {code(REFERENCE)}", *(_heading(study) for study in studies)]
    rows = [
        [label, *(_cell(kind, group[kind]) for group in groups)]
        for kind, label in _LABELS.items()
        if any(group[kind] for group in groups) or kind is Outcome.HIGHER
    ]
    return table(header, rows, n_words=len(header))


def named_evidence(studies: Sequence[Study]) -> str:
    """The numbers behind everything that is better or open, and what each data set could have shown."""
    lines = []
    for study in studies:
        groups = by_outcome(study.main)
        for kind in (Outcome.HIGHER, Outcome.OPEN):
            for pair in groups[kind]:
                title = pair.row.card.get("title", pair.row.method)
                name = f"{row_code(pair.row)}, {title}"
                lines.append(f"{name}, {_LABELS[kind]} on {study.dataset}: {evidence(pair)}.")
        lines.append(_resolution(study))
    return "\n".join(f"- {line}" for line in lines)


def all_differences(studies: Sequence[Study]) -> str:
    """Every method on every data set, in the order of the first, folded away."""
    names = list(dict.fromkeys(pair.row.name for study in studies for pair in study.main.pairs))
    of_study = [{pair.row.name: pair for pair in study.main.pairs} for study in studies]
    header = ["method", *(title for study in studies for title in (study.dataset, "p", "+/-"))]
    rows = []
    for name in names:
        cells = [_numbers(own.get(name)) for own in of_study]
        shown = next(own[name] for own in of_study if name in own)
        rows.append([row_code(shown.row), *(cell for three in cells for cell in three)])
    caption = f"All differences to {code(REFERENCE)}, p after Holm, classes better and worse"
    return f"<details><summary>{caption}</summary>\n\n{table(header, rows)}\n\n</details>"


def classes(studies: Sequence[Study]) -> str:
    """Where the methods that matter gain and lose most; the means of a class come from few queries."""
    rows = [
        [
            study.dataset,
            row_code(pair.row),
            f"{pair.n_better}/{pair.n_worse}",
            _extremes(pair.effects, lambda gain: gain > 0),
            _extremes(pair.effects[::-1], lambda gain: gain < 0),
        ]
        for study in studies
        for pair in watched(study.main)
    ]
    caution = (
        f"These extremes are picked after the fact from all classes, each of few queries "
        f"({_queries(studies)}): on new sketches they would come out smaller. They show where to look, not "
        "what holds."
    )
    header = ("data set", "method", "better/worse", "largest gains", "largest losses")
    return f"{table(header, rows, n_words=5)}\n\n{caution}"


def watched(found: Pairwise) -> list[Pair]:
    """The methods that matter: those better or open, else the highest one, and the paper's."""
    groups = by_outcome(found)
    clear = sorted(
        groups[Outcome.HIGHER] + groups[Outcome.OPEN], key=lambda pair: -abs(pair.difference.value)
    )
    chosen = clear[:_N_WATCHED] or list(found.pairs[:1])
    return [pair for pair in found.pairs if pair in chosen or pair.row.name == PAPER]


def _heading(study: Study) -> str:
    n_splits = len(study.main.comparison.folds)
    return (
        f"{study.dataset}: {counted(study.n_classes, 'class', 'classes')} in {counted(n_splits, 'split')}, "
        f"{counted(len(study.main.pairs), 'method')}"
    )


def _cell(kind: Outcome, pairs: Sequence[Pair]) -> str:
    if kind in (Outcome.HIGHER, Outcome.LOWER, Outcome.OPEN) and 0 < len(pairs) <= _MANY:
        return ", ".join(f"{row_code(pair.row)} {signed(pair.difference.value)}" for pair in pairs)
    if kind is Outcome.LOWER and pairs:
        least, most = pairs[0], pairs[-1]
        return (
            f"{len(pairs)}: from {row_code(least.row)} {interval(least.difference)} "
            f"to {row_code(most.row)} {interval(most.difference)}"
        )
    if len(pairs) > _MANY:
        return f"{len(pairs)}: from {row_code(pairs[0].row)} {signed(pairs[0].difference.value)} to " + (
            f"{row_code(pairs[-1].row)} {signed(pairs[-1].difference.value)}"
        )
    return listed(row_code(pair.row) for pair in pairs)


def _resolution(study: Study) -> str:
    pairs = study.main.pairs
    text = (
        f"What {study.dataset} can show: half the width of an interval is "
        f"{number(median(map(half_width, pairs)))} in the median; smaller differences mostly stay hidden"
    )
    if not all(pair.test.is_exact for pair in pairs):
        return f"{text}."
    least = min(pair.smallest_p_holm for pair in pairs)
    return f"{text}. No p below {p_text(least)} is to be had after Holm's correction with these classes."


def _numbers(pair: Pair | None) -> Iterator[str]:
    if pair is None:
        yield from (DASH, DASH, DASH)
        return
    yield interval(pair.difference)
    yield p_text(pair.p_holm)
    yield f"{pair.n_better}/{pair.n_worse}"


def _queries(studies: Sequence[Study]) -> str:
    numbers = ((study, [effect.n_queries for effect in study.main.pairs[0].effects]) for study in studies)
    return "; ".join(f"{study.dataset}: {round(median(own))} in the median" for study, own in numbers)


def _extremes(effects: Sequence[ClassEffect], counts: Callable[[float], bool]) -> str:
    shown = [effect for effect in effects[:_N_NAMED] if counts(effect.difference)]
    return ", ".join(f"{effect.class_name} {signed(effect.difference)}" for effect in shown)
