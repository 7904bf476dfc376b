"""In words and a table: where the paper's method stands, and which of its parts matter."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.reporting.conclusions import Outcome, outcome, p_text
from benchmark.reporting.findings.evidence import PAPER, REFERENCE, UNTRAINED, Study
from benchmark.reporting.findings.words import code, counted, evidence, interval, listed, number, table
from benchmark.reporting.pairwise import Pair, Pairwise

VERDICTS = {
    Outcome.HIGHER: "better than",
    Outcome.LOWER: "worse than",
    Outcome.OPEN: "undecided against",
    Outcome.NOT_SHOWN: "not told apart from",
    Outcome.SAME: "the same as",
}


def paper_text(studies: Sequence[Study]) -> str:
    """Where the method stands on each data set, then its ablations; says so where it was not run."""
    places = [line for study in studies if (line := _place(study))]
    if not places:
        return f"The runs do not hold {code(PAPER)}."
    ablations = [_ablation(study.dataset, study.ablation) for study in studies if study.ablation]
    return "\n\n".join(["\n".join(places), *(ablations or ["No variant of it was run."])])


def paper_pair(study: Study) -> Pair | None:
    """The comparison of the paper's method with the reference."""
    return next((pair for pair in study.main.pairs if pair.row.name == PAPER), None)


def ablation_summary(found: Pairwise) -> str:
    """Say which variants are shown to differ, and what room the intervals leave for the others."""
    shown = [pair for pair in found.pairs if outcome(pair) in (Outcome.HIGHER, Outcome.LOWER)]
    others = [pair for pair in found.pairs if pair not in shown]
    room = max(
        (max(abs(pair.difference.ci_low), abs(pair.difference.ci_high)) for pair in others), default=0.0
    )
    changes = counted(len(found.pairs), "variant")
    if not shown:
        return (
            f"None of its {changes} is shown to differ from the whole; the intervals leave room for "
            f"differences of {number(room)} at most"
        )
    named = listed(f"“{pair.row.variant}” ({interval(pair.difference)})" for pair in shown)
    rest = f"; the others are within {number(room)} by their intervals" if others else ""
    are = "is" if len(shown) == 1 else "are"
    return f"Of its {changes}, {len(shown)} {are} shown to differ from the whole: {named}{rest}"


def _place(study: Study) -> str:
    pair = paper_pair(study)
    if pair is None:
        return ""
    rows = study.main.comparison.rows
    rank = 1 + [row.name for row in rows].index(PAPER)
    line = (
        f"- On {study.dataset} {code(PAPER)} stands at place {rank} of {len(rows)}, "
        f"{number(pair.cell.value)}: {VERDICTS[outcome(pair)]} {code(REFERENCE)} ({evidence(pair)})."
    )
    if study.untrained is None:
        return line
    untrained = study.untrained.pairs[0]
    return (
        f"{line} It is {VERDICTS[outcome(untrained)]} {code(UNTRAINED)}, the backbone as it is "
        f"({interval(untrained.difference)}, p = {p_text(untrained.p_holm)} as a comparison of its own)."
    )


def _ablation(dataset: str, found: Pairwise) -> str:
    header = (f"{code(PAPER)} on {dataset}", "difference to the whole", "p", "classes better/worse")
    rows = [
        [
            pair.row.variant,
            interval(pair.difference),
            p_text(pair.p_holm),
            f"{pair.n_better}/{pair.n_worse}",
        ]
        for pair in found.pairs
    ]
    caution = (
        "The variants keep the weights that were tuned for the whole loss: tuned again, they could score "
        "higher."
        if any("then changed" in source for pair in found.pairs for source in _sources(pair))
        else ""
    )
    return f"{table(header, rows)}\n\n{ablation_summary(found)}. {caution}".rstrip()


def _sources(pair: Pair) -> Sequence[str]:
    return list(pair.row.config_source.values())
