"""Files that are made from the reference results alone: pages, figures, and the blocks of the README."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.reference.blocks import References
from benchmark.reference.findings import findings_definitions, findings_differences, findings_text
from benchmark.reference.store import FOLDER, reference_datasets
from benchmark.reference.views import comparison_of, older_in_words, pairwise_of
from benchmark.reporting.comparison import Comparison
from benchmark.reporting.findings.page import DEFINITIONS, DIFFERENCES
from benchmark.reporting.pairwise_text import render_pairwise
from benchmark.reporting.plots import bars, pr_curves
from benchmark.reporting.tables import render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOCS = Path("docs")
WITH_BLOCKS = (Path("README.md"),)
"""Documents of which parts are written; the rest is written by hand."""


@dataclass(frozen=True)
class Page:
    """A file that is written as a whole. path: from the root of the repository."""

    path: Path
    text: Callable[[References], str]


@dataclass(frozen=True)
class Picture:
    """A figure. datasets: whose results it shows."""

    path: Path
    datasets: tuple[str, ...]
    draw: Callable[[References], Figure]


def dataset_page(dataset: str) -> Callable[[References], str]:
    """Everything that was measured on a data set: metrics, splits, differences, costs, variants, codes."""

    def text(references: References) -> str:
        reference = references[dataset]
        comparison = comparison_of(reference)
        parts = [
            f"# Reference results on {dataset}",
            "Made by `run_benchmark.py reference` from "
            f"[{dataset}.json]({dataset}.json), which holds every run with the values of all queries. "
            "[README](../../README.md) says how the runs are made again.",
            f"![map@all with intervals]({dataset}-bars.png)",
            f"![Precision-recall curves]({dataset}-pr.png)",
            *filter(None, [older_in_words(reference)]),
            f"## Every method: suite `full`\n\n{render(comparison, 'markdown', per_fold=True)}",
            f"## Differences to `centred`\n\n{render_pairwise(pairwise_of(reference), 'markdown')}",
            f"## Cost\n\n{render(comparison, 'markdown', per_fold=False, is_cost=True)}",
        ]
        for suite, title in (
            ("zscmr-ablation", "ZSCMR without each of its losses"),
            ("codes", "64-bit codes"),
        ):
            shown = render(comparison_of(reference, suite), "markdown", per_fold=True)
            tested = render_pairwise(pairwise_of(reference, suite), "markdown")
            parts.append(f"## {title}: suite `{suite}`\n\n{shown}\n{tested}")
        return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"

    return text


def _of_dataset(dataset: str, draw: Callable[[Comparison], Figure], references: References) -> Figure:
    return draw(comparison_of(references[dataset]))


PAGES = (
    *(Page(FOLDER / f"{dataset}.md", dataset_page(dataset)) for dataset in reference_datasets()),
    Page(DOCS / "findings.md", findings_text),
)
"""All of them; another page is one more entry: its path, and a function from references to its text."""

PICTURES = (
    *(
        Picture(FOLDER / f"{dataset}-{kind}.png", (dataset,), partial(_of_dataset, dataset, draw))
        for dataset in reference_datasets()
        for kind, draw in (("bars", bars), ("pr", pr_curves))
    ),
    Picture(DOCS / DIFFERENCES, reference_datasets(), findings_differences),
    Picture(DOCS / DEFINITIONS, reference_datasets(), findings_definitions),
)
