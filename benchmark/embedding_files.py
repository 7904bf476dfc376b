"""Embeddings that were made anywhere: from a file to arrays that can be evaluated, or to a clear refusal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.errors import BenchmarkError
from datasets.array_checks import Array, as_column, as_matrix, not_finite, require_labels
from datasets.array_files import ALONE, Contents, read_arrays

# What an array may be called; the first is the name to use, the others stand in released feature files.
EMBEDDINGS = ("embeddings", "features", "feature")
LABELS = ("labels", "label", "label_sk", "label_im")
OPTIONAL = ("ids", "groups", "instances")
_N_EXAMPLES = 5


@dataclass(frozen=True, eq=False)
class Embeddings:
    """One side of a retrieval: emb (n, d) finite real numbers, labels (n,) numbers or text.

    ids, groups and instances: (n,) or None, with the meaning they have in `metrics.evaluate`.
    """

    path: Path
    emb: Array
    labels: Array
    ids: Array | None = None
    groups: Array | None = None
    instances: Array | None = None

    def __len__(self) -> int:
        return len(self.emb)


def read_embeddings(path: Path, labels_path: Path | None, side: str) -> Embeddings:
    """Read one side: `path` holds the embeddings and, without `labels_path`, the labels.

    side: "queries" or "gallery", for messages. Raises BenchmarkError with what was seen and what is wanted.
    """
    flag = f"--{side}"
    contents = read_arrays(path, (*EMBEDDINGS, *LABELS, *OPTIONAL), flag)
    emb = _checked_embeddings(_find(contents, EMBEDDINGS, f"{flag} {path}"), f"{flag} {path}")
    of_queries = "--query-labels" if side == "queries" else "--gallery-labels"
    if labels_path is not None:
        origin = f"{of_queries} {labels_path}"
        labels = _find(read_arrays(labels_path, LABELS, of_queries), LABELS, origin)
    elif ALONE in contents.arrays:
        raise BenchmarkError(
            f"{flag} {path} holds embeddings alone. Give the class of each row with {of_queries}: a .txt "
            "file with one label a line, or an .npy or .mat file."
        )
    else:
        origin = f"{flag} {path}"
        labels = _find(contents, LABELS, origin, hint=f" Or give them with {of_queries} FILE.")
    columns = {
        name: _column(contents.arrays[name], name, emb, f"{flag} {path}")
        for name in OPTIONAL
        if name in contents.arrays
    }
    return Embeddings(path, emb, _checked_labels(labels, emb, origin), **columns)


def match(queries: Embeddings, gallery: Embeddings) -> tuple[Embeddings, Embeddings, str]:
    """Check that two sides belong together and bring their labels into one form.

    Returns both sides and a warning, empty where every query's class is in the gallery. Raises
    BenchmarkError for different widths and for labels that have nothing in common.
    """
    if queries.emb.shape[1] != gallery.emb.shape[1]:
        raise BenchmarkError(
            f"the queries ({queries.path}) have {queries.emb.shape[1]} dimensions, the gallery "
            f"({gallery.path}) has {gallery.emb.shape[1]}: both must come from one embedding space."
        )
    queries, gallery = _alike(queries, gallery), _alike(gallery, queries)
    of_queries, of_gallery = set(queries.labels.tolist()), set(gallery.labels.tolist())
    lacking = of_queries - of_gallery
    if lacking == of_queries:
        raise BenchmarkError(
            f"no query label is in the gallery, so nothing could be found. Queries ({queries.path}) have "
            f"{_examples(of_queries)}; the gallery ({gallery.path}) has {_examples(of_gallery)}. "
            "Both sides must name classes in the same way, and numbers must count from the same class."
        )
    if not lacking:
        return queries, gallery, ""
    n_lacking = int(np.isin(queries.labels, list(lacking)).sum())
    are_numbers = "U" not in (queries.labels.dtype.kind, gallery.labels.dtype.kind)
    doubt = "one side counts its classes from 0 and the other from 1, or " if are_numbers else ""
    return (
        queries,
        gallery,
        f"{n_lacking} of {len(queries)} queries are left out: their class is not in the gallery "
        f"({_examples(lacking)}). The gallery has {_examples(of_gallery)}; if {doubt}that is one class "
        "written in two ways, no number below can be trusted.",
    )


def _find(contents: Contents, names: tuple[str, ...], origin: str, hint: str = "") -> Any:
    if ALONE in contents.arrays:
        return contents.arrays[ALONE]
    found = [name for name in names if name in contents.arrays]
    if len(found) == 1:
        return contents.arrays[found[0]]
    seen = ", ".join(contents.names) or "nothing"
    if found:
        raise BenchmarkError(
            f"{origin}: {', '.join(found)} could each be the {names[0]}. It holds {seen}. "
            f"Keep one, best under the name '{names[0]}'."
        )
    raise BenchmarkError(
        f"{origin}: no array named '{names[0]}' (or {', '.join(names[1:])}). It holds {seen}. "
        f'Save it as np.savez("embeddings.npz", embeddings=array, labels=labels).{hint}'
    )


def _checked_embeddings(value: Any, origin: str) -> Array:
    emb = as_matrix(value, "embeddings", origin)
    bad = np.flatnonzero(~np.isfinite(emb).all(axis=1))
    if bad.size:
        raise BenchmarkError(f"{origin}: {not_finite(bad, len(emb), 'A ranking')}")
    return emb


def _checked_labels(value: Any, emb: Array, origin: str) -> Array:
    labels = _column(value, "labels", emb, origin)
    require_labels(labels, origin)
    return labels


def _column(value: Any, name: str, emb: Array, origin: str) -> Array:
    """One entry for each embedding."""
    array, n = as_column(value, name, origin), len(emb)
    if array.shape == (n,):
        return array
    hint = ""
    if array.ndim == 2 and len(array) == n:
        hint = f" If these are one-hot rows, save {name}.argmax(axis=1)."
    elif array.shape == emb.shape[1:]:
        hint = " The embeddings look transposed: save them with one row for each item."
    raise BenchmarkError(
        f"{origin}: {name} must have one entry for each of the {n} rows of the embeddings {emb.shape}, "
        f"found shape {array.shape}.{hint}"
    )


def _alike(side: Embeddings, other: Embeddings) -> Embeddings:
    """The same side with whole numbers that stand as text made numbers, where the other side has numbers."""
    changed: dict[str, Any] = {}
    for name in ("labels", *OPTIONAL):
        own, others = getattr(side, name), getattr(other, name)
        if own is not None and others is not None and own.dtype.kind == "U" and others.dtype.kind != "U":
            changed[name] = _numbers(own)
    return replace(side, **changed)


def _numbers(texts: Array) -> Array:
    """Numbers, where every text is a whole number written in the plain way; else the texts."""
    try:
        whole = [int(text) for text in texts.tolist()]
    except ValueError:
        return texts
    return np.array(whole) if [str(number) for number in whole] == texts.tolist() else texts


def _examples(labels: set[Any]) -> str:
    ordered = sorted(labels, key=lambda label: (isinstance(label, str), label))
    shown = ", ".join(repr(label) for label in ordered[:_N_EXAMPLES])
    return f"{len(ordered)} classes: {shown}{' ...' if len(ordered) > _N_EXAMPLES else ''}"
