"""Which rows of a table are not on equal terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchmark.reporting.comparison import Comparison
from benchmark.reporting.rows import Row


def unequal_rows(comparison: Comparison) -> Iterator[str]:
    """Where rows differ in what should be shared, or a row differs between splits."""
    rows = comparison.rows
    shared = comparison.protocol.width
    other = [
        f"{row.name} ({' to '.join(map(str, sorted({min(widths), max(widths)})))})"
        for row in rows
        if (widths := set(row.widths.values())) and widths != {shared}
    ]
    if other and not comparison.protocol.codes.startswith("itq"):  # whose codes have a length of their own
        yield f"width not the suite's {shared}, but given by the method: {', '.join(other)}"
    transductive = [row.name for row in rows if row.is_transductive]
    if transductive:
        yield f"transductive, a photo's place depends on the rest of the gallery: {', '.join(transductive)}"
    own = [row.name for row in rows if _learns_codes(row)]
    if own and comparison.protocol.codes != "real":
        yield f"codes learnt by the method, not {comparison.protocol.codes}: {', '.join(own)}"
    raw = [row.name for row in rows if row.card.get("feature_norm") == "raw"]
    if raw and comparison.protocol.feature_norm != "raw":
        yield f"reads raw features: {', '.join(raw)}"
    pictures = [row.name for row in rows if row.card.get("input") == "images"]
    if pictures:
        yield f"pictures instead of features: {', '.join(pictures)}"
    older = [row.name for row in rows if row.is_older]
    if older:
        yield f"recorded by a version that did not note which files a method reads: {', '.join(older)}"
    for row in rows:
        fewer = {
            fold.split: f"{n} of {fold.counts.n_seen_classes}"
            for fold in comparison.folds
            if fold.counts and (n := row.n_train_classes.get(fold.split, 0))
            if n < fold.counts.n_seen_classes
        }
        if fewer:
            yield f"{row.name} trained on fewer seen classes ({_by_split(fewer)})"
        done = {split: str(seeds)[1:-1].rstrip(",") for split, seeds in row.seeds.items()}
        if len(set(done.values())) > 1:
            yield f"{row.name} has other seeds in other splits ({_by_split(done)})"
        if len(set(row.source_sha256.values())) > 1:
            yield f"the source of {row.name} changed between its splits: run it again"
        if len(set(row.class_vectors_sha256.values())) > 1:
            yield f"the class vectors of {row.name} differ between its splits: run it again"


def _learns_codes(row: Row) -> bool:
    return row.card.get("distance") == "hamming" or row.card.get("codes") == "own"


def _by_split(values: Mapping[str, str]) -> str:
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return "; ".join(f"{split}: {value}" for split, value in values.items())
