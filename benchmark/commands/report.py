"""What stands at the end of a run: the table on stdout, tables and figures as files, their paths last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from benchmark.display import SuiteDisplay, duration
from benchmark.reporting import tables
from benchmark.reporting.comparison import Comparison, compare
from benchmark.reporting.plots import bars, pr_curves, save_figure
from benchmark.reporting.published_text import render_published, rich_published
from datasets.files import write_whole

if TYPE_CHECKING:
    from benchmark.runner import SuiteResult


def report(result: SuiteResult, name: str, results_dir: Path, display: SuiteDisplay) -> None:
    """Print a suite's comparison and write it under a name; without a complete run, say why there is none."""
    complete = [run for run in result.runs if run.record.status == "complete"]
    for run in result.runs:
        if run.record.status in ("failed", "skipped"):
            protocol = run.record.protocol
            log = ""
            if run.record.status == "failed":
                log = f" Trace: {run.folder / 'log.txt'}. --rerun failed repeats it."
            display.message(
                f"{run.record.status}: {run.record.method}, {protocol.split}: {run.record.reason}.{log}"
            )
    if not complete:
        counted = Counter(run.record.status for run in result.runs)
        statuses = ", ".join(
            f"{n} {status}{' (--limit)' if status == 'partial' else ''}" for status, n in counted.items()
        )
        display.message(f"No table: no run is complete; {statuses}.")
        return
    comparison = compare(result.runs, reference=result.data.suite.reference)
    print_comparison(comparison)
    with display.stage("drawing") as progress:
        paths = write_tables(comparison, results_dir / "tables" / name)
        progress(1, 4)
        figures = results_dir / "figures"
        if any(row.mean for row in comparison.rows):  # else no row stands in every split: nothing to draw
            paths += save_figure(pr_curves(comparison), figures / f"{name}-pr")
            progress(2, 4)
            paths += save_figure(bars(comparison), figures / f"{name}-bars")
        progress(3, 4)
        paths += _draw_retrieval(result, comparison, figures / f"{name}-retrieval")
        progress(4, 4)
    seconds = sum(sum(run.record.phases_s.values()) for run in result.runs)
    networks = {own.key: own.seconds for run in result.runs for own in run.record.finetuning.values()}
    trained = f", fine-tuning before them {duration(sum(networks.values()))}" if networks else ""
    n_kept = len(result.runs) - result.n_executed - result.n_of_others
    others = f"{result.n_of_others} by another process, " if result.n_of_others else ""
    display.message(
        f"{result.n_executed} {'run' if result.n_executed == 1 else 'runs'} executed, {others}{n_kept} kept; "
        f"fits and evaluation took {duration(seconds)}{trained}."
    )
    console = Console()
    for path in paths:
        console.print(_shown(path), markup=False, highlight=False, soft_wrap=True)


def print_comparison(comparison: Comparison, *, is_cost: bool = False) -> None:
    """Print a comparison on stdout: rich on a terminal, plain text elsewhere."""
    console = Console()
    if console.is_terminal:
        console.print(tables.rich_table(comparison, width=console.width, is_cost=is_cost))
    else:
        text = tables.render(comparison, "plain", per_fold=True, is_cost=is_cost)
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def print_published(comparison: Comparison, *, metric_ids: Sequence[str] | None) -> None:
    """Print the published numbers beside a comparison's on stdout, as `print_comparison` prints those."""
    console = Console()
    if console.is_terminal:
        console.print(rich_published(comparison, width=console.width, metric_ids=metric_ids))
    else:
        text = render_published(comparison, "plain", metric_ids=metric_ids, methods=None)
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def write_tables(comparison: Comparison, stem: Path) -> tuple[Path, ...]:
    """Write a comparison in every format and return the paths."""
    endings = {"markdown": ".md", "latex": ".tex", "csv": ".csv", "json": ".json"}
    return tuple(
        write_whole(stem.with_name(stem.name + ending), tables.render(comparison, fmt, per_fold=True))
        for fmt, ending in endings.items()
    )


def _draw_retrieval(result: SuiteResult, comparison: Comparison, stem: Path) -> tuple[Path, ...]:
    if not result.data.index.has_pictures:
        return ()
    drawn = tuple(stem.with_name(stem.name + ending) for ending in (".png", ".svg"))
    if result.n_executed == 0 and all(path.is_file() for path in drawn):
        return drawn  # 88 pictures take longer than all the rest of a call that has nothing to execute
    from benchmark.reporting.retrieval_plot import best_run, retrieval

    return save_figure(retrieval(best_run(result.runs, comparison), result.data.index), stem)


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
