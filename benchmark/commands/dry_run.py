"""`run --dry-run`: the grid, what is cached, what is missing on disk, time and memory, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer

from benchmark.errors import BenchmarkError
from datasets.settings import PLURALS

if TYPE_CHECKING:
    from benchmark.display import SuiteDisplay
    from benchmark.feature_forecast import FeatureForecast, FirstStageForecast
    from benchmark.forecast import GridForecast
    from benchmark.prepare import PreparedData, Where
    from benchmark.runner import Rerun
    from benchmark.suite import Suite


def dry_run(grids: Sequence[Suite], where: Where, display: SuiteDisplay, *, rerun: Rerun) -> int:
    """Print the forecast of every grid, divided as for a run; return 1 when one could not run as it is."""
    from benchmark.display import duration
    from benchmark.forecast import forecast
    from benchmark.runner import prepare_suite

    total_s, n_unknown, n_networks, n_grids = 0.0, 0, 0, 0
    faults: list[str] = []
    prepared: list[PreparedData] = []
    counted: set[tuple[str, ...]] = set()
    for suite in _divided(grids, where):
        n_grids += 1
        typer.echo(f"{suite.name}{f', {suite.part}' if suite.part else ''}: {suite.title}")
        try:
            prepared.append(prepare_suite(suite, where, display, before=prepared))
            found = forecast(prepared[-1], rerun=rerun, counted=counted)
        except BenchmarkError as error:
            is_new = str(error) not in faults
            typer.echo(f"  cannot run: {error if is_new else 'for the same reason'}")
            faults.append(str(error))
            continue
        total_s, n_unknown = total_s + found.seconds, n_unknown + found.n_unknown
        n_networks += found.n_unknown_networks
        for line in _lines(found):
            typer.echo(f"  {line}")
    unknown = f", and {n_networks} networks of a kind never fine-tuned here" if n_networks else ""
    if n_unknown:
        unknown += f", {n_unknown} {_runs(n_unknown)} of methods that never ran judged by others"
    typer.echo(f"In all about {duration(total_s)}{unknown}. Nothing was run.")
    if faults:
        typer.echo(f"{len(faults)} of {n_grids} grids cannot run as they are: see above.")
    return 1 if faults else 0


def _divided(grids: Sequence[Suite], where: Where) -> Iterator[Suite]:
    """As `grids_of`, but a grid whose splits cannot be read comes whole: its forecast says why."""
    from benchmark.runner import grids_of

    for suite in grids:
        try:
            yield from grids_of([suite], where)
        except BenchmarkError:
            yield suite


def _features(found: FeatureForecast, what: str = "different pictures") -> str:
    from benchmark.display import duration

    n_cached = found.n_pictures - found.n_to_extract - found.n_counted_before
    text = f"{n_cached:,} of {found.n_pictures:,} {what} cached"
    if found.n_counted_before:
        text += f", {found.n_counted_before:,} to extract for a grid above"
    if found.is_needed and found.n_to_extract:
        text += f", {found.n_to_extract:,} to extract, about {duration(found.seconds)}"
    return text


def _first_stage(found: FirstStageForecast) -> Iterator[str]:
    from benchmark.display import duration

    waiting = [tuning for own in found.waiting.values() for tuning in own]
    text = f"first stage: {found.n_there} of {found.n_networks} fine-tuned networks there"
    if waiting:
        time = "time unknown" if found.seconds is None else f"at most about {duration(found.seconds)}"
        text += f", {len(waiting)} to train, at most {waiting[0].recipe.max_epochs} passes each, {time}"
    yield text
    for split_id, tunings in found.waiting.items():
        pictures = ", ".join(f"{own.n_trained:,} {PLURALS[own.modality]}" for own in tunings)
        yield f"  {split_id}: a pass over {pictures}"
    yield f"features after it: {_features(found.features, 'rows')}"


def _lines(found: GridForecast) -> list[str]:
    from benchmark.display import duration

    data, waiting = found.data, found.waiting
    terms = data.terms
    brought = "those that the data set brings" if data.dataset.brings_features else ""
    lines = [
        f"data: {data.dataset.id}, protocol {data.protocol_name}, "
        f"{len(data.index.sketches):,} sketches, {len(data.index.photos):,} photos",
        f"test: {terms.setting}, {terms.direction}, queries {terms.queries_name}, relevance "
        f"{terms.relevance}, preprocessing {data.protocol(data.splits()[0]).preset}",
        f"features: {brought or _features(found.features)}",
        *(_first_stage(found.first_stage) if found.first_stage else ()),
        f"runs: {len(found.runs) - len(waiting)} finished, {len(waiting)} to run",
    ]
    for own in waiting:
        basis = f", {own.guess.basis}" if own.guess.basis else ""
        time = f"about {duration(own.guess.seconds)}{basis}"
        lines.append(f"  {own.run.label}: {own.run.config.source}, {time}")
    time = f"about {duration(found.seconds)}"
    if found.n_unknown_networks:
        time += f" and {found.n_unknown_networks} networks to fine-tune"
    if found.n_unknown:
        time += f", {found.n_unknown} {_runs(found.n_unknown)} judged by other methods"
    lines.append(f"memory: about {found.memory_mib / 1024:.1f} GiB; time: {time}")
    return lines


def _runs(n: int) -> str:
    return "run" if n == 1 else "runs"
