"""The findings page, as Markdown that shows two figures beside it."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.reporting.conclusions import ALPHA
from benchmark.reporting.findings.across import agreement, seeds_and_classes, side_information_text
from benchmark.reporting.findings.against_reference import all_differences, classes, named_evidence, outcomes
from benchmark.reporting.findings.evidence import METRIC, REFERENCE, PublishedValue, Study
from benchmark.reporting.findings.limits import limits
from benchmark.reporting.findings.paper import paper_text
from benchmark.reporting.findings.ruler import Ruler
from benchmark.reporting.findings.ruler_text import definitions_text, main_ruler, other_rulers
from benchmark.reporting.findings.steps import published_steps
from benchmark.reporting.findings.steps_text import steps_text
from benchmark.reporting.findings.summary import summary
from benchmark.reporting.findings.words import code

DIFFERENCES = "findings-differences.png"
DEFINITIONS = "findings-definitions.png"


def with_ruler(studies: Sequence[Study]) -> list[tuple[str, Ruler]]:
    """The data sets of which there are readings, and the metric whose definitions are compared."""
    return [(one.dataset, own) for one in studies if (own := main_ruler(one)) is not None]


def page(studies: Sequence[Study], published: Sequence[PublishedValue]) -> str:
    """Return the page. studies: one of each data set, the first one leads."""
    steps = published_steps(published)
    parts = [
        "# Findings",
        "What the records of this repository let a reader believe, and what not. Code makes this page from "
        "the records: no number and no verdict is typed by hand. Tables with every metric: "
        "[results/reference](../results/reference).",
        summary(studies, steps),
        _how_to_read(),
        "## 1. Under one protocol",
        outcomes(studies),
        named_evidence(studies),
        f"![Difference of every method to {REFERENCE}, with intervals]({DIFFERENCES})",
        all_differences(studies),
        "### On which classes",
        classes(studies),
        *(["### Do the data sets agree?", agreement(studies)] if len(studies) > 1 else []),
        "### Seeds or classes?",
        seeds_and_classes(studies),
        "### Class vectors",
        side_information_text(studies),
        "### The paper's method and its parts",
        paper_text(studies),
        "## 2. How much the ruler could explain",
        "The ruler is the definition of the metric: papers print one name for several.",
        definitions_text(studies),
        *([f"![Every method under each definition]({DEFINITIONS})"] if with_ruler(studies) else []),
        steps_text(studies, steps),
        other_rulers(studies),
        "## 3. What may not be concluded",
        limits(studies),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _how_to_read() -> str:
    return (
        f"**How to read.** Scores are {code(METRIC)}, from 0 to 1, means over splits and seeds. Brackets are "
        "95 % intervals whose unit is the class ([how](intervals.md)). *Better* and *worse* take two things: "
        f"the interval of the difference to {code(REFERENCE)} leaves out 0, and a sign-flip test over "
        f"classes gives p ≤ {ALPHA}. *Open*: one of the two alone, or they point opposite ways. Every p is "
        "after Holm's correction for all methods of its table, unless it says otherwise. "
        f"{code(REFERENCE)} learns two means: it takes the mean sketch and the mean photo of the seen "
        "classes from the features and ranks by cosine. It is what training has to beat."
    )
