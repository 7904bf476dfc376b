"""The findings page and its figures, from reference results and published numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from benchmark.published.numbers import UNKNOWN, read_published
from benchmark.reference.blocks import References
from benchmark.reference.store import Reference
from benchmark.reference.views import older_in_words
from benchmark.reporting.findings.evidence import Evidence, PublishedValue, Study, study
from benchmark.reporting.findings.figures import definitions_figure, differences_figure
from benchmark.reporting.findings.page import page, with_ruler

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def findings_text(references: References) -> str:
    """Return the page."""
    text = page(_studies(references), published_values())
    older = [
        f"- On {dataset}: {words}"
        for dataset, reference in references.items()
        if (words := older_in_words(reference))
    ]
    return "\n".join([text.rstrip("\n"), *older]) + "\n"


def findings_differences(references: References) -> Figure:
    """Draw the differences of all methods to `centred`, on every data set."""
    return differences_figure([one.main for one in _studies(references)])


def findings_definitions(references: References) -> Figure:
    """Draw every method under each definition."""
    return definitions_figure(with_ruler(_studies(references)))


def published_values() -> tuple[PublishedValue, ...]:
    """Published mAP of a known year, by what papers call the same test: so many unseen classes.

    Real-valued embeddings, a gallery of unseen classes alone, photos found by sketches.

    That is what a reader of their tables takes for one protocol, whatever the class list and the definition.
    """
    found = []
    for number in read_published():
        n_classes = re.search(r"\d+(?=,|$)", number.split)  # sake25, and 100/25, list unknown
        is_plain = (number.codes, number.setting, number.direction) == ("real", "zs", "sketch2photo")
        is_average_precision = number.metric_name.startswith("map@")
        if is_plain and is_average_precision and n_classes and number.year != UNKNOWN:
            protocol = f"{number.dataset}, {n_classes[0]} classes"
            value = PublishedValue(protocol, number.metric_name, int(number.year), number.value, number.name)
            found.append(value)
    return tuple(found)


def _studies(references: References) -> Sequence[Study]:
    return [_study(reference) for reference in references.values()]


@cache
def _study(reference: Reference) -> Study:
    runs = {run.record.identity: run for runs in reference.suites.values() for run in runs}
    return study(Evidence(tuple(runs.values()), reference.readings))
