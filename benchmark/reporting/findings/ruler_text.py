"""In words and a table: how far the ruler alone moves scores and orders, beside what papers gain."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from benchmark.reporting.comparison import Comparison
from benchmark.reporting.conclusions import signed
from benchmark.reporting.findings.evidence import METRIC, REFERENCE, Study
from benchmark.reporting.findings.orders import order
from benchmark.reporting.findings.ruler import Definition, Ruler, headline, rulers
from benchmark.reporting.findings.words import code, counted, listed, number, table
from metrics.definitions import Family, parse


def n_positives(study: Study) -> float:
    """Photos of a class in the gallery, about: the mean over splits."""
    counts = [fold.counts for fold in study.main.comparison.folds if fold.counts]
    return fmean(own.n_gallery / own.n_unseen_classes for own in counts)


def main_ruler(study: Study) -> Ruler | None:
    """The name whose definitions the page speaks of."""
    return headline(rulers(study.readings), n_positives(study))


def definitions_text(studies: Sequence[Study]) -> str:
    """One ranking under the definitions that published code computes, and the pairs that change places."""
    rows = [_row(study, ruler) for study in studies for ruler in rulers(study.readings)]
    if not rows:
        return "The records hold no ranking under several definitions."
    header = ("data set, name", f"{code(REFERENCE)}, lowest", "highest", "range, median", "pairs that flip")
    return "\n\n".join([table(header, rows, n_words=3), *_remarks(studies)])


def other_rulers(studies: Sequence[Study]) -> str:
    """What the records show of codes, gallery and backbone; and what they do not."""
    found = [line for study in studies for coded in study.coded if (line := _codes(study, coded))]
    lines = [f"As binary codes, scores change by {listed(found)}."] if found else []
    backbones = {study.main.comparison.backbone for study in studies}
    galleries = {(study.dataset, study.main.comparison.protocol.protocol) for study in studies}
    alone = [
        *(["binary codes"] if not lines else []),
        *(["another gallery of the same classes"] if len(galleries) == len(studies) else []),
        *(["another backbone"] if len(backbones) == 1 else []),
    ]
    if alone:
        lines.append(
            f"The runs behind this page hold nothing with {listed(alone)}: of these they say nothing."
        )
    return " ".join(lines)


def _row(study: Study, ruler: Ruler) -> list[str]:
    example = REFERENCE if REFERENCE in ruler.values else next(iter(ruler.values))
    values = dict(zip(ruler.definitions, ruler.values[example], strict=True))
    low, high = (pick(values, key=values.__getitem__) for pick in (min, max))
    return [
        f"{study.dataset}, {code(ruler.name)}",
        f"{number(values[low])} {_definition(low)}",
        f"{number(values[high])} {_definition(high)}",
        number(ruler.median_range),
        f"{ruler.n_flips} of {ruler.n_pairs}",
    ]


def _definition(definition: Definition) -> str:
    metric, averaging = definition
    suffix = metric.partition("/")[2]
    return f"{code(f'/{suffix}') if suffix else 'plain'}{', class mean' if averaging == 'class' else ''}"


def _remarks(studies: Sequence[Study]) -> list[str]:
    found = [own for study in studies for own in rulers(study.readings)]
    metrics = {metric for own in found for metric, _ in own.definitions}
    families = {metric.partition("/")[2]: parse(metric).family for metric in sorted(metrics)}
    users = [f"{code(f'/{key}')}, {_difference(own)} ({own.used_by})" for key, own in families.items() if key]
    remarks = [f"Definitions of average precision, and whose code computes them: {'; '.join(users)}."]
    few = [
        f"about {round(n_positives(study))} photos on {study.dataset}"
        for study in studies
        if any((own.cut or 0) > n_positives(study) and _divides_by_k(own) for own in rulers(study.readings))
    ]
    if few:
        remarks[0] += (
            f" A class has {listed(few)}: at a cut above that, division by k caps the score, and the range "
            f"is larger than on published galleries of hundreds of photos a class.{_cut_to_read(studies)}"
        )
    flips = [line for study in studies if (own := main_ruler(study)) and (line := _flip(study, own))]
    return [*remarks, *([" ".join(flips)] if flips else [])]


def _difference(family: Family) -> str:
    """What sets a family apart, from its title."""
    return family.title.partition(", ")[2]


def _divides_by_k(ruler: Ruler) -> bool:
    return any(metric.endswith("/k") for metric, _ in ruler.definitions)


def _cut_to_read(studies: Sequence[Study]) -> str:
    parts = [(own.cut or 0) / n_positives(study) for study in studies if (own := main_ruler(study))]
    if not all(part <= 1 for part in parts):
        return ""
    like = " It is about as large a part of a class as 200 is on Sketchy extended, a third."
    return f" The smaller cut is the one to read.{like if all(0.25 <= part <= 0.5 for part in parts) else ''}"


def _flip(study: Study, ruler: Ruler) -> str:
    share = _share(study, ruler)
    if ruler.widest_flip is None:
        return f"{share}On {study.dataset} no two methods change places under {code(ruler.name)}."
    one, other, ahead, behind = ruler.widest_flip
    return (
        f"{share}The widest change of places on {study.dataset}, {code(ruler.name)}: {code(one)} is up "
        f"to {number(ahead)} ahead of {code(other)} by one definition and up to {number(behind)} behind by "
        "another."
    )


def _share(study: Study, ruler: Ruler) -> str:
    if ruler.dominant is None:
        return ""
    definition, rest = ruler.dominant
    return (
        f"Most of the range on {study.dataset} is one definition's, {_definition(definition)}: without it, "
        f"{code(ruler.name)} moves by {number(rest)}. "
    )


def _codes(study: Study, coded: Comparison) -> str:
    real = {row.name: row.mean[METRIC].value for row in study.main.comparison.rows if METRIC in row.mean}
    binary = {row.name: row.mean[METRIC].value for row in coded.rows if METRIC in row.mean}
    names = [name for name in real if name in binary]
    if not names:
        return ""
    changes = [binary[name] - real[name] for name in names]
    found = order([real[name] for name in names], [binary[name] for name in names])
    learnt = [row for row in coded.rows if row.name in names and row.card.get("codes") == "own"]
    own = f", {len(learnt)} of them by codes of their own" if learnt else ""
    return (
        f"{signed(min(changes))} to {signed(max(changes))} on {study.dataset} ({coded.protocol.codes}, "
        f"{counted(len(names), 'method')}{own}), where "
        f"{found.n_opposite} of {found.n_pairs} pairs change places"
    )
