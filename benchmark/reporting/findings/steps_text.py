"""In words: what the ruler moves, held against what papers gain from one record to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmark.reporting.findings.evidence import Study
from benchmark.reporting.findings.ruler import Ruler
from benchmark.reporting.findings.ruler_text import main_ruler
from benchmark.reporting.findings.steps import Steps
from benchmark.reporting.findings.words import code, counted, listed, number

_SCALED = "map@200"
"""The published name that a cut of about a third of a class stands for."""


def steps_text(studies: Sequence[Study], steps: Mapping[str, Steps]) -> str:
    """Hold the ruler's range against the rises that papers report under the same ambiguous name."""
    if not steps:
        return "No published numbers were given to compare with."
    rises = listed(map(_step_line, steps.values()))
    lines = [
        "The best published value of retrieval among unseen classes alone, of photos by sketches and "
        f"without binary codes, rises from one record year to the next, {rises}. "
        "Tests that papers give one name count as one, so that these series may mix definitions themselves."
    ]
    found = [(study.dataset, own) for study in studies if (own := main_ruler(study)) is not None]
    if found and _SCALED in steps:
        lines += [_held_against(dataset, own, steps[_SCALED]) for dataset, own in found]
        lines.append(_conclusion([own for _, own in found], steps[_SCALED]))
    return " ".join(lines)


def _step_line(steps: Steps) -> str:
    low, high = steps.quartiles
    return (
        f"in {code(steps.metric)} by {number(steps.median)} in the median "
        f"({counted(len(steps.rises), 'rise')} in {counted(steps.n_protocols, 'test')}, middle half "
        f"{number(low)} to {number(high)})"
    )


def _held_against(dataset: str, ruler: Ruler, steps: Steps) -> str:
    size = ruler.median_range
    return (
        f"On {dataset} the definition alone moves one ranking's {code(ruler.name)} by {number(size)} (median "
        f"of {counted(len(ruler.values), 'method')}): {steps.n_below(size)} of these {len(steps.rises)} "
        f"{code(steps.metric)} rises are smaller."
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
            f" It takes {code(f'/{kinds.pop()}')} in the mixture: the others differ by less than the median "
            "gain."
        )
    return text
