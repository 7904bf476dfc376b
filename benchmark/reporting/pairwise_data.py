"""Pairwise comparisons at full precision, for programs: CSV and JSON."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterator
from typing import Any

from benchmark.reporting.conclusions import conclusion, notes
from benchmark.reporting.pairwise import Pair, Pairwise
from benchmark.reporting.table_data import MEAN


def csv_text(found: Pairwise) -> str:
    """One line for every comparison, split "mean", and one for each of its classes in every split."""
    lines = [line for pair in found.pairs for line in _lines(found, pair)]
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def json_text(found: Pairwise) -> str:
    """Everything: rows, tests, classes, conclusions and footnotes."""
    comparison = found.comparison
    content = {
        "protocol": comparison.protocol.model_dump(),
        "backbone": comparison.backbone,
        "metric": found.metric,
        "folds": [{"split": fold.split, "fingerprint": fold.fingerprint} for fold in comparison.folds],
        "reference": {
            "row": found.reference.name,
            "seeds": found.reference.seeds,
            **dataclasses.asdict(found.reference_cell),
        },
        "pairs": [_pair(found, pair) for pair in found.pairs],
        "left_out": found.left_out,
        "footnotes": [dataclasses.asdict(note) for note in notes(found)],
    }
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _pair(found: Pairwise, pair: Pair) -> dict[str, Any]:
    return {
        "row": pair.row.name,
        "seeds": pair.row.seeds,
        **dataclasses.asdict(pair.cell),
        **_test(pair),
        "conclusion": conclusion(found, pair),
        "classes": [dataclasses.asdict(effect) for effect in pair.effects],
    }


def _test(pair: Pair) -> dict[str, Any]:
    return {
        "class_balanced_difference": pair.test.statistic,
        "p": pair.test.p,
        "p_holm": pair.p_holm,
        "smallest_p": pair.test.smallest_p,
        "smallest_p_holm": pair.smallest_p_holm,
        "n_patterns": pair.test.n_patterns,
        "is_exact": pair.test.is_exact,
        "n_classes": pair.n_classes,
        "n_better": pair.n_better,
        "n_worse": pair.n_worse,
    }


def _lines(found: Pairwise, pair: Pair) -> Iterator[dict[str, Any]]:
    comparison = found.comparison
    shared = {
        "dataset": comparison.protocol.dataset,
        "protocol": comparison.protocol.protocol,
        "backbone": comparison.backbone,
        "metric": found.metric,
        "row": pair.row.name,
        "reference": found.reference.name,
    }
    yield {
        **shared,
        "split": MEAN,
        "fingerprint": None,
        "class": None,
        "n_queries": sum(effect.n_queries for effect in pair.effects),
        "value": pair.cell.value,
        "reference_value": found.reference_cell.value,
        "difference": pair.difference.value,
        "difference_ci_low": pair.difference.ci_low,
        "difference_ci_high": pair.difference.ci_high,
        **_test(pair),
        "conclusion": conclusion(found, pair),
    }
    fingerprints = {fold.split: fold.fingerprint for fold in comparison.folds}
    for effect in pair.effects:
        yield {
            **shared,
            "split": effect.split,
            "fingerprint": fingerprints[effect.split],
            "class": effect.class_name,
            "n_queries": effect.n_queries,
            "value": effect.value,
            "reference_value": effect.reference_value,
            "difference": effect.difference,
        }
