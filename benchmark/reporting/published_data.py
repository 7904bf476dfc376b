"""Published numbers beside ours at full precision, for programs: CSV and JSON."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Sequence
from typing import Any

from benchmark.reporting.comparison import Comparison
from benchmark.reporting.published import Beside
from benchmark.reporting.published_table import published_notes


def published_csv(found: Sequence[Beside], comparison: Comparison) -> str:
    """One line for every published number, with ours, at full precision."""
    lines = [published_fields(one, comparison) for one in found]
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def published_json(found: Sequence[Beside], comparison: Comparison) -> str:
    """What the CSV holds, as a list of objects under `published`, and the footnotes."""
    content = {
        "published": [published_fields(one, comparison) for one in found],
        "footnotes": [dataclasses.asdict(note) for note in published_notes(comparison)],
    }
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def published_fields(one: Beside, comparison: Comparison) -> dict[str, Any]:
    """A number with its terms, then ours with the terms it was measured under."""
    row, protocol = one.row, comparison.protocol
    return {
        **dataclasses.asdict(one.number),
        "row": row and row.name,
        "here_dataset": row and protocol.dataset,
        "here_gallery": row and protocol.protocol,
        "here_splits": row and " ".join(comparison.splits),
        "here_backbone": row and comparison.backbone,
        "here_codes": row and protocol.codes,
        "here_width": row and row.embedding_width,
        "here_metric": one.metric,
        "here": one.measured,
        "difference": one.difference,
        "reason": one.reason,
    }
