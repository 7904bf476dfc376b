"""One run, from a plan to a record on disk; a failure is a record too."""

from __future__ import annotations

import tempfile
import time
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmark.embed import fit_and_embed
from benchmark.environment import describe_environment
from benchmark.errors import NotRunnable
from benchmark.grade import grade
from benchmark.identity import is_for_other_code
from benchmark.imports import source_files
from benchmark.memory import PeakMemory
from benchmark.opened import ROOT, read_by_modules, watched
from benchmark.plan import PlannedRun
from benchmark.prepare import PreparedData
from benchmark.records import FineTuned, Record, StoredRun, write_run
from datasets.class_vectors import CLASS_VECTORS
from datasets.settings import Modality
from methods.base import FitProgress

_read_before: dict[type, dict[str, str]] = {}
"""Method -> what its runs in this process have read so far."""


def execute(run: PlannedRun, data: PreparedData, progress: FitProgress) -> StoredRun:
    """Execute a run and write its record, also when the method fails or cannot run.

    KeyboardInterrupt passes through: an interrupted run leaves no record, and the next call repeats it.
    """
    record, runs_dir, device = _blank_record(run, data), data.where.runs_dir, data.where.device
    peak = PeakMemory(device)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.safetensors"
        opened: dict[str, str] = {}

        def ended(**fields: Any) -> Record:
            return record.model_copy(update={"files_used": _files_used(run, opened), **fields})

        try:
            task = data.task(run.split, run.method.card, is_finetuned=run.is_finetuned)
            with watched(data.is_own_file) as opened:
                embedded = fit_and_embed(
                    run.method,
                    run.config.config,
                    task,
                    seed=run.seed,
                    device=device,
                    progress=progress,
                    codes=data.codes,
                )
                start = time.perf_counter()
                graded = grade(
                    embedded, data.index, data.terms, interval_seed=run.protocol.interval_seed, device=device
                )
                phases_s = {**embedded.phases_s, "evaluate": time.perf_counter() - start}
                embedded.method.save(model)
        except NotRunnable as error:
            return write_run(runs_dir, ended(status="skipped", reason=str(error)))
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {error}"
            return write_run(
                runs_dir,
                ended(status="failed", reason=reason),
                curves=progress.curves,
                log=traceback.format_exc(),
            )
        finished = ended(
            status="partial" if data.is_partial else "complete",
            phases_s={name: round(seconds, 4) for name, seconds in phases_s.items()},
            peak_mib=_rounded(peak.process_mib()),
            peak_device_mib=_rounded(peak.device_mib()),
            finetuning=_finetuned(run, data),
            **graded.fields,
        )
        return write_run(
            runs_dir,
            finished,
            per_query=graded.per_query,
            rankings=graded.rankings,
            curves=progress.curves,
            log="".join(f"{name}: {seconds:.3f} s\n" for name, seconds in phases_s.items()),
            model=model,
        )


def _files_used(run: PlannedRun, opened: Mapping[str, str]) -> dict[str, str]:
    """What the method read beside its code when it was imported, and what in this run."""
    code = source_files(run.method)
    # What was read once and kept in memory serves all later runs of the process.
    _read_before.setdefault(run.method, {}).update(opened)
    found = _read_before[run.method] | read_by_modules([*code, *(ROOT / name for name in opened)])
    return {name: sha256 for name, sha256 in sorted(found.items()) if ROOT / name not in code}


def _blank_record(run: PlannedRun, data: PreparedData) -> Record:
    return Record(
        run_id=run.run_id,
        identity=run.identity,
        status="failed",
        started=datetime.now(UTC).isoformat(timespec="microseconds"),
        method=run.method.card.id,
        variant=run.variant,
        seed=run.seed,
        backbone=data.backbone.card.id,
        weights_sha256=data.backbone.weights_sha256(),
        weights=data.backbone.weights_file().origin,
        supervised_on=data.backbone.supervised_on,
        finetune=data.suite.finetune if run.method.card.input == "features" else "none",
        backbone_preprocessing=data.backbone.steps(data.preprocessing),
        class_vectors=data.class_vectors.kind if CLASS_VECTORS in run.method.card.side_information else None,
        class_vectors_sha256=data.class_vectors_sha256(run.method.card),
        source_sha256=run.source_sha256,
        config=run.config.values,
        config_source=run.config.source,
        config_is_for_other_code=is_for_other_code(run.config.tuned_for, run.source_sha256),
        card=_plain(vars(run.method.card)),
        protocol=run.protocol,
        fingerprint=run.protocol.fingerprint,
        split_family=run.split.family,
        environment=describe_environment(data.where.device),
        skipped_files=list(data.index.skipped),
        lacking=dict(data.index.lacking),
    )


def _finetuned(run: PlannedRun, data: PreparedData) -> dict[Modality, FineTuned]:
    """What fine-tuning left behind for the features of this run; it was done before."""
    if not run.is_finetuned:
        return {}
    tunings = data.features.fine_tunings(run.split)
    return {modality: FineTuned(**tuning.report()) for modality, tuning in tunings.items()}


def _rounded(mib: float | None) -> float | None:
    return None if mib is None else round(mib, 1)


def _plain(card: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in card.items()}
