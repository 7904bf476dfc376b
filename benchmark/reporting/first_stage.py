"""How the backbones of a table were fine-tuned on the seen classes, in a sentence."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping

from benchmark.records import FineTuned, Record
from datasets.settings import PLURALS, Modality

FirstStage = Mapping[str, Mapping[Modality, FineTuned]]
"""Split -> modality -> facts; empty where every row reads the backbone as it is."""


def first_stage(records: Iterable[Record]) -> FirstStage:
    """Return the fine-tuning behind the newest run of every split that has any, in the order of splits."""
    newest = {
        record.protocol.split: record.finetuning
        for record in sorted(records, key=lambda record: record.started)
        if record.finetuning
    }
    return dict(sorted(newest.items()))


def first_stage_text(found: FirstStage) -> str:
    """Say what was done, and how well held-out pictures of the seen classes were classified; "" for none."""
    if not found:
        return ""
    return (
        "one backbone a modality was fine-tuned as a classifier of the seen classes of each split, and kept "
        f"as it classified held-out pictures of these best: {'; '.join(_outcomes(found))}. The row `frozen` "
        "reads the fine-tuned backbones, `frozen (before fine-tuning)` the pretrained one."
    )


def _outcomes(found: FirstStage) -> Iterator[str]:
    for modality in ("sketch", "photo"):
        facts = [of_split[modality] for of_split in found.values() if modality in of_split]
        if not facts:
            continue
        accuracy = statistics.fmean(one.held_out_accuracy for one in facts)
        epochs = sorted({one.best_epoch for one in facts})
        passes = str(epochs[0]) if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]}"
        n_epochs = sorted({str(one.n_epochs) for one in facts}, key=int)
        precision = ", ".join(sorted({one.precision for one in facts}))
        yield (
            f"{PLURALS[modality]} {accuracy:.1%} of {sum(one.n_held_out for one in facts):,} held out, after "
            f"{passes} of {' or '.join(n_epochs)} passes over {sum(one.n_trained for one in facts):,} "
            f"({precision}, {sum(one.seconds for one in facts):,.0f} s)"
        )
