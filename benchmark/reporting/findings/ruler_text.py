"""In words and a table: how far the ruler alone moves scores and orders, beside what papers gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from benchmark.reporting.comparison import Comparison
from benchmark.reporting.findings.evidence import METRIC, REFERENCE, Study
from benchmark.reporting.findings.orders import order
from benchmark.reporting.findings.ruler import Definition, Ruler, headline, rulers
from benchmark.reporting.findings.steps import Steps
from benchmark.reporting.findings.words import code, counted, listed, number, table
from metrics.definitions import parse

_SCALED = "map@200"
"""The published name that a cut of about a third of a class stands for."""


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


def steps_text(studies: Sequence[Study], steps: Mapping[str, Steps]) -> str:
    """Hold the ruler's range against the rises that papers report under the same ambiguous name."""
    if not steps:
        return "No published numbers were given to compare with."
    lines = [_step_line(name, own) for name, own in steps.items()]
    found = [(study.dataset, own) for study in studies if (own := main_ruler(study)) is not None]
    if found and _SCALED in steps:
        lines += [_held_against(dataset, own, steps[_SCALED]) for dataset, own in found]
        lines.append(_conclusion([own for _, own in found], steps[_SCALED]))
    return " ".join(lines)


def other_rulers(studies: Sequence[Study]) -> str:
    """What the records show of codes, gallery and backbone; and what they do not."""
    coded = [_codes(study, table_) for study in studies for table_ in study.coded]
    lines = [line for line in coded if line]
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
    users = [f"{code(f'/{key}')} = {own.formula} ({own.used_by})" for key, own in families.items() if key]
    remarks = [f"Definitions, and whose code computes them: {'; '.join(users)}."]
    few = [
        f"about {round(n_positives(study))} photos on {study.dataset}"
        for study in studies
        if any((own.cut or 0) > n_positives(study) for own in rulers(study.readings))
    ]
    if few:
        remarks[0] += (
            f" A class has {listed(few)}: at a cut above that, division by k caps the score, and the "
            "range is larger than on published galleries of hundreds of photos a class. The smaller cut, "
            "about a third of a class as 200 is of Sketchy's, is the one to read."
        )
    flips = [line for study in studies if (own := main_ruler(study)) and (line := _flip(study, own))]
    return [*remarks, *([" ".join(flips)] if flips else [])]


def _flip(study: Study, ruler: Ruler) -> str:
    share = _share(study, ruler)
    if ruler.widest_flip is None:
        return (
            f"{_share(study, ruler)}On {study.dataset} no two methods change places under {code(ruler.name)}."
        )
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


def _conclusion(found: Sequence[Ruler], steps: Steps) -> str:
    """Whether the ruler could hide or feign a gain of the usual size."""
    larger = [own.median_range > steps.median for own in found]
    if not any(larger):
        return (
            "A change of definition moves a score less than the usual gain: it cannot explain most of them."
        )
    if not all(larger):
        return (
            "Whether a change of definition is as large as a gain of the usual size depends on the data set: "
            "it is on one of these and not on another."
        )
    text = (
        "A table that mixes definitions therefore cannot tell a gain of the usual size from a change of "
        "definition. That does not make published gains unreal: within one definition they stand."
    )
    dominant = [own.dominant for own in found]
    kinds = {one[0][0].partition("/")[2] for one in dominant if one is not None}
    if len(kinds) == 1 and all(one is not None and one[1] < steps.median for one in dominant):
        text += (
            f" It takes {code(f'/{kinds.pop()}')} in the mixture: the others differ by less than that gain."
        )
    return text


def _step_line(name: str, steps: Steps) -> str:
    low, high = steps.quartiles
    return (
        f"In {counted(steps.n_protocols, 'test')} that papers give one name, the best published {code(name)} "
        f"rises from one record year to the next by {number(steps.median)} in the median "
        f"({counted(len(steps.rises), 'rise')}, middle half {number(low)} to {number(high)})."
    )


def _held_against(dataset: str, ruler: Ruler, steps: Steps) -> str:
    size = ruler.median_range
    return (
        f"On {dataset} the definition alone moves one ranking's {code(ruler.name)} by {number(size)} (median "
        f"of {counted(len(ruler.values), 'method')}): {steps.n_below(size)} of these {len(steps.rises)} "
        f"{code(steps.metric)} rises are smaller."
    )


def _codes(study: Study, coded: Comparison) -> str:
    real = {row.name: row.mean[METRIC].value for row in study.main.comparison.rows if METRIC in row.mean}
    binary = {row.name: row.mean[METRIC].value for row in coded.rows if METRIC in row.mean}
    names = [name for name in real if name in binary]
    if not names:
        return ""
    drops = [real[name] - binary[name] for name in names]
    found = order([real[name] for name in names], [binary[name] for name in names])
    return (
        f"As codes ({coded.protocol.codes}) the {len(names)} methods run with them on {study.dataset} lose "
        f"{number(min(drops))} to {number(max(drops))}, and {found.n_opposite} of {found.n_pairs} pairs "
        "change places."
    )
