"""`evaluate`: embeddings that were made anywhere, measured by one engine."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.commands import options
from benchmark.commands.options import Device
from benchmark.errors import BenchmarkError
from metrics.definitions import TIE_RULES
from metrics.protocols import PROTOCOLS

if TYPE_CHECKING:
    from metrics.protocols import Protocol

DEFAULT_DISTANCE = "euclidean"
DEFAULT_TIES = "expected"
ALONE = "Embeddings without labels (.npy)"

Side = Annotated[Path, typer.Option(help="Embeddings and labels: .npz, .mat, .pt, or .npy.")]
Labels = Annotated[
    Path | None,
    typer.Option(help="Labels in a file of their own: .txt (one a line), .npy, .mat.", rich_help_panel=ALONE),
]


def evaluate(
    queries: Side,
    gallery: Side,
    query_labels: Labels = None,
    gallery_labels: Labels = None,
    metrics: Annotated[str | None, typer.Option(help="Metric ids, comma-separated (`list metrics`).")] = None,
    distance: Annotated[
        str | None, typer.Option(help=f"euclidean, cosine, dot or hamming. Default: {DEFAULT_DISTANCE}.")
    ] = None,
    ties: Annotated[
        str | None, typer.Option(help=f"{', '.join(TIE_RULES)}. Default: {DEFAULT_TIES}.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help=f"Numbers as published code prints them: {', '.join(PROTOCOLS)}.")
    ] = None,
    all_protocols: Annotated[
        bool, typer.Option("--all-protocols", help="This one ranking under every published definition.")
    ] = False,
    exclude_self: Annotated[
        bool, typer.Option("--exclude-self", help="Leave out pairs with equal `ids` or equal `groups`.")
    ] = False,
    device: Device = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: JSON on stdout.")] = False,
) -> None:
    """Measure embeddings that were made anywhere: each query ranks the gallery.

    A file holds `embeddings` (items, dimensions) and `labels`, numbers or text. It may also hold
    `ids` and `groups`, which --exclude-self compares, and `instances`, which acc@k looks for.
    Nothing in a file is ever unpickled.

    [bold]Examples[/bold]

    np.savez("q.npz", embeddings=sketches, labels=classes)    # in Python

    run_benchmark.py evaluate --queries q.npz --gallery g.npz

    run_benchmark.py evaluate --queries q.npz --gallery g.npz --metrics map@all,map@200/voc,p@200

    run_benchmark.py evaluate --queries q.npz --gallery g.npz --all-protocols

    run_benchmark.py evaluate --queries q.npz --gallery g.npz --protocol sem_pcyc --json

    run_benchmark.py evaluate --queries q.npy --query-labels q.txt --gallery g.mat

    run_benchmark.py evaluate --queries photos.npz --gallery photos.npz --exclude-self
    """
    published = None if protocol is None else _published(protocol)
    given = {"--metrics": metrics, "--ties": ties, "--protocol": protocol}
    _refuse_contradictions([flag for flag, value in given.items() if value is not None], all_protocols)
    device = options.set_up(device, None)
    from benchmark import readings
    from benchmark.embedding_files import match, read_embeddings
    from benchmark.reporting import evaluation_text as text
    from metrics.definitions import DEFAULT

    left = read_embeddings(queries, query_labels, "queries")
    right = read_embeddings(gallery, gallery_labels, "gallery")
    left, right, warning = match(left, right)
    if warning:
        options.progress_console().print(warning, style="yellow", markup=False, soft_wrap=True)
    ranking = readings.Ranking(
        left,
        right,
        distance=distance or (published.distance if published else DEFAULT_DISTANCE),
        exclude_self=exclude_self,
        device=device,
    )
    if published or all_protocols:
        rows, evaluations = ranking.fill(
            readings.of_protocol(published) if published else readings.of_everything()
        )
        report = text.of_protocol(published, rows) if published else text.of_everything(rows)
    else:
        ids, rule = options.words(metrics) or DEFAULT, ties or DEFAULT_TIES
        evaluations = [ranking.evaluate(ids, rule)]
        report = text.of_metrics(ranking, evaluations[0], rule)
    origin = _origin(ranking.distance, published, all_protocols, was_chosen=distance is not None)
    report = text.with_facts(report, ranking, evaluations, origin)
    if as_json:
        data = {**report.data, "warnings": [warning] if warning else []}
        typer.echo(json.dumps(data, indent=2, allow_nan=False))
    else:
        text.print_report(report)


def _published(protocol_id: str) -> Protocol:
    if protocol_id not in PROTOCOLS:
        close = difflib.get_close_matches(protocol_id, PROTOCOLS, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise BenchmarkError(
            f"--protocol {protocol_id}: no such protocol.{hint} Known: {', '.join(PROTOCOLS)}; "
            "--all-protocols takes them all."
        )
    return PROTOCOLS[protocol_id]


def _origin(distance: str, published: Protocol | None, all_protocols: bool, *, was_chosen: bool) -> str:
    """Where the distance comes from, and which published code ranks by another one."""
    if published is not None and not was_chosen:
        return f"that of {published.title}'s code, {published.distance_source}"
    origin = "as chosen" if was_chosen else "the default"
    compared = [published] if published else PROTOCOLS.values() if all_protocols else []
    others: dict[str, list[str]] = {}
    for other in compared:
        if other.distance != distance:
            others.setdefault(other.distance, []).append(other.title)
    ranked_by = "; ".join(f"{', '.join(titles)} by {name}" for name, titles in others.items())
    return f"{origin} (published code ranks otherwise: {ranked_by})" if others else origin


def _refuse_contradictions(given: list[str], all_protocols: bool) -> None:
    given = [*given, "--all-protocols"] if all_protocols else given
    if len(given) > 1 and given != ["--metrics", "--ties"]:
        raise BenchmarkError(
            f"{' and '.join(given)} contradict each other: a published definition fixes the metrics and the "
            "tie rule. Give --metrics and --ties, or --protocol, or --all-protocols."
        )
