"""Weights files that come from the net: looked for on this machine first, fetched once, kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from benchmark.errors import BenchmarkError
from datasets.backbones.weights import Weights, first_sentence


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
        raise BenchmarkError(
            f"backbone '{backbone_id}': its weights {name} are not on this machine and cannot be fetched "
            f"({first_sentence(error)}). Get them from {source} on one that can; {_elsewhere(known)}"
        ) from error
    finally:
        hub.setLevel(level)


def fetched_from_url(backbone_id: str, weights: Weights, url: str, *, hash_prefix: str | None = None) -> Path:
    """Return a published weights file of a URL: ours, the torch hub's, or fetched; see `fetched`.

    hash_prefix: what the sha256 of a file that is fetched must begin with.
    """
    import torch

    name = Path(url).name
    hub = Path(torch.hub.get_dir()) / "checkpoints" / name
    own = weights.folder / name if weights.folder else hub

    def fetch() -> Path:
        own.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(own), hash_prefix=hash_prefix)
        return own

    known = tuple(dict.fromkeys((own, hub)))
    return fetched(backbone_id, weights, name=name, source=url, known=known, fetch=fetch)


def _elsewhere(known: tuple[Path, ...]) -> str:
    put = f"put the file at {known[0]}, or " if known else ""
    what = "it" if known else "the file"
    return f"{put}pass {what} with --weights FILE. --weights random runs without, for a trial."
