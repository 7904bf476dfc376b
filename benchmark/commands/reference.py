"""`reference`: tables and figures of the repository, from its reference results alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmark.commands import options
from benchmark.commands.options import RESULTS_DIR, CacheDir, ResultsDir
from benchmark.errors import BenchmarkError

DIFFERS = 1


def reference(
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing: name what differs, and exit with 1 if anything does."),
    ] = False,
    from_runs: Annotated[
        bool, typer.Option("--from-runs", help="First take the results over from finished runs.")
    ] = False,
    cache_dir: CacheDir = None,
    results_dir: ResultsDir = RESULTS_DIR,
) -> int:
    """Make README's tables, docs/findings.md, results/reference/*.md and figures from the reference results.

    These are results/reference/*.json. --from-runs first takes finished runs of the suites full,
    zscmr-ablation and codes over into them. A run that is not on disk stays as it stands there; where it
    stands in neither, nothing is written.

    [bold]Examples[/bold]

    run_benchmark.py reference --check

    run_benchmark.py reference --from-runs
    """
    from benchmark.reference.publish import differences, publish
    from benchmark.reference.store import ROOT

    if check and from_runs:
        raise BenchmarkError("--check writes nothing, --from-runs rewrites the results: give one of them.")
    if check:
        found = differences()
        for text in found:
            typer.echo(text)
        if found:
            typer.echo(
                f"Not what the reference results give: {len(found)}. `run_benchmark.py reference` writes "
                "pages, blocks and figures anew."
            )
        else:
            typer.echo("Pages, blocks and figures are what the reference results give.")
        return DIFFERS if found else 0
    paths: list[Path] = []
    if from_runs:
        from benchmark.display import SuiteDisplay
        from benchmark.reference.collect import collect

        where = options.make_where(cache_dir=cache_dir, results_dir=results_dir, data_root=None)
        paths += collect(where, SuiteDisplay(options.progress_console()))
    paths += publish()
    for path in paths:
        typer.echo(path.relative_to(ROOT))
    if not paths:
        typer.echo("Nothing changed.")
    return 0
