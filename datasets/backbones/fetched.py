"""Weights files that come from the net: looked for on this machine first, fetched once, kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from benchmark.errors import BenchmarkError
from datasets.backbones.weights import Weights


def fetched(
    backbone_id: str,
    weights: Weights,
    *,
    name: str,
    source: str,
    known: tuple[Path, ...],
    fetch: Callable[[], Path],
) -> Path:
    """Return a published weights file, fetching it where it is nowhere.

    name: of the file. source: where a person gets it. known: where it may lie already. fetch: brings it and
    returns its path; it leaves no half a file behind. Raises BenchmarkError when it cannot be reached, saying
    how to pass the file.
    """
    for path in known:
        if path.is_file():
            return path
    if not weights.may_fetch:
        raise BenchmarkError(
            f"backbone '{backbone_id}': its weights {name} are not on this machine. A run fetches them from "
            f"{source}; {_elsewhere(known)}"
        )
    hub = logging.getLogger("huggingface_hub")
    level = hub.level
    hub.setLevel(logging.ERROR)  # it warns of every try, and our message says what came of them
    try:
        return fetch()
    except Exception as error:  # of the net, the disk, the hub: each library has its own
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = lines[0].partition(". ")[0]
        raise BenchmarkError(
            f"backbone '{backbone_id}': its weights {name} are not on this machine and cannot be fetched "
            f"({reason}). Get them from {source} on one that can; {_elsewhere(known)}"
        ) from error
    finally:
        hub.setLevel(level)


def _elsewhere(known: tuple[Path, ...]) -> str:
    put = f"put the file at {known[0]}, or " if known else ""
    return f"{put}pass it with --weights FILE. --weights random runs without, for a trial."
