"""A comparison at full precision, for programs: CSV and JSON."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from benchmark.reporting.comparison import Comparison
from benchmark.reporting.fold_values import Cell
from benchmark.reporting.footnotes import footnotes
from benchmark.reporting.published import as_far_as_stated, beside
from benchmark.reporting.published_data import published_fields
from benchmark.reporting.rows import Row

MEAN = "mean"


def csv_text(comparison: Comparison) -> str:
    """One line for every row, split and metric; split "mean" is the mean over splits.

    A row without a value has an empty one and its `reason`. `by_seed` is `seed=value`, separated by blanks.
    """
    lines = list(_lines(comparison))
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def json_text(comparison: Comparison) -> str:
    """Everything the comparison holds but the names of the queries, and the footnotes."""
    folds = []
    for fold in comparison.folds:
        own = {f.name: getattr(fold, f.name) for f in dataclasses.fields(fold)}
        del own["query_names"], own["protocol"]
        counts = fold.counts and fold.counts.model_dump()
        folds.append({**own, "fingerprint": fold.fingerprint, "counts": counts})
    content = {
        **{field.name: getattr(comparison, field.name) for field in dataclasses.fields(comparison)},
        "protocol": comparison.protocol.model_dump(),
        "folds": folds,
        "first_stage": {
            split: {modality: facts.model_dump() for modality, facts in of_split.items()}
            for split, of_split in comparison.first_stage.items()
        },
        "published": [published_fields(one, comparison) for one in as_far_as_stated(beside(comparison))],
        "rows": [_row(row) for row in comparison.rows],
        "footnotes": [dataclasses.asdict(note) for note in footnotes(comparison, comparison.metric_ids)],
    }
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _row(row: Row) -> dict[str, Any]:
    return {
        **{field.name: getattr(row, field.name) for field in dataclasses.fields(row)},
        "mean": _cells(row.mean),
        "harmonic": {metric: row.harmonic(metric) for metric in row.seen},
        "folds": {split: _cells(cells) for split, cells in row.folds.items()},
    }


def _cells(cells: Mapping[str, Cell]) -> dict[str, Any]:
    return {metric: {**dataclasses.asdict(cell), "seed_std": cell.seed_std} for metric, cell in cells.items()}


def _lines(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for row in comparison.rows:
        for split, cells in (
            (MEAN, row.mean),
            *((split, row.folds.get(split, {})) for split in comparison.splits),
        ):
            for metric in comparison.metric_ids:
                yield _line(comparison, row, split, metric, cells.get(metric))
    for split, chance in (
        (MEAN, comparison.chance),
        *((fold.split, fold.chance) for fold in comparison.folds),
    ):
        for metric in comparison.metric_ids:
            yield {**_line(comparison, None, split, metric, None), "value": chance.get(metric)}


def _line(
    comparison: Comparison, row: Row | None, split: str, metric: str, cell: Cell | None
) -> dict[str, Any]:
    difference = cell.difference if cell else None
    by_exposure = row.by_exposure if row and split == MEAN else {}
    of_exposed, of_others = by_exposure.get(metric, (None, None))
    fingerprint = next((fold.fingerprint for fold in comparison.folds if fold.split == split), None)
    return {
        "dataset": comparison.protocol.dataset,
        "protocol": comparison.protocol.protocol,
        "split": split,
        **{
            name: getattr(comparison.protocol, name)
            for name in ("setting", "direction", "queries", "relevance")
        },
        "fingerprint": fingerprint,
        "backbone": comparison.backbone,
        "supervised_on": comparison.supervised_on,
        "finetune": "seen" if comparison.first_stage else "none",
        "input": row and row.card.get("input"),
        "device": row and ", ".join(sorted(set(row.device.values()))),
        "row": row.name if row else "chance",
        "method": row.method if row else "chance",
        "variant": row.variant if row else "",
        "metric": metric,
        "value": cell and cell.value,
        "ci_low": cell and cell.ci_low,
        "ci_high": cell and cell.ci_high,
        "class_balanced": cell and cell.class_balanced,
        "seen": row.seen.get(metric) if row and split == MEAN else None,
        "harmonic": row.harmonic(metric) if row and split == MEAN else None,
        "exposed": of_exposed,
        "not_exposed": of_others,
        "reference": comparison.reference,
        "difference": difference and difference.value,
        "difference_ci_low": difference and difference.ci_low,
        "difference_ci_high": difference and difference.ci_high,
        "above_chance": cell and cell.above_chance,
        "seed_std": cell and cell.seed_std,
        "by_seed": " ".join(f"{seed}={value!r}" for seed, value in cell.by_seed.items()) if cell else None,
        "reason": _reason(row, split) if row and cell is None else None,
        "fit_s": row and row.fit_s,
        "embedding_width": row and row.widths.get(split, row.embedding_width),
        "bytes_per_photo": row and row.bytes_per_photo,
        "n_parameters": row and row.n_parameters,
        "peak_mib": row and row.peak_mib,
        "peak_device_mib": row and row.peak_device_mib,
        "n_train_classes": row and row.n_train_classes.get(split),
        "config_source": row and row.config_source.get(split),
        "fidelity": row and row.card.get("fidelity"),
        "is_transductive": row and row.is_transductive,
        "side_information": ", ".join(row.card.get("side_information", ())) if row else None,
        "class_vectors": ", ".join(sorted(set(row.class_vectors.values()))) if row else None,
    }


def _reason(row: Row, split: str) -> str:
    if split in row.absent:
        return row.absent[split]
    lacking = [f"{name}: {why}" for name, why in row.absent.items()]
    return "; ".join(lacking) or "metric not measured"
