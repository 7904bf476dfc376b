"""When two runs are the same run: protocol, method, its source, its configuration, backbone and seed."""

from __future__ import annotations

from typing import Any

from benchmark.imports import source_files
from benchmark.records import Protocol, digest
from benchmark.syntax import code_sha256


def run_identity(
    protocol: Protocol,
    *,
    method: str,
    variant: str,
    source_sha256: str,
    config: dict[str, Any],
    tuned_for: str | None,
    validation_classes: tuple[str, ...],
    backbone: str,
    preprocessing: str,
    weights_sha256: str,
    class_vectors_sha256: str | None,
    finetuning: tuple[str, ...],
    seed: int,
) -> str:
    """Return the sha256 that tells a run from every other; a record with it is the finished run.

    tuned_for: `source_sha256` of the code that the configuration was searched for with, if it was: a search
    for other code is said of the row, and one done again makes another run. preprocessing: the backbone's
    own. class_vectors_sha256: None for a method that is given none. finetuning: keys of fine-tuned weights,
    none for a backbone as it is.
    """
    return digest(
        {
            "fingerprint": protocol.fingerprint,
            "method": method,
            "variant": variant,
            "source": source_sha256,
            "config": config,
            "validation": validation_classes,
            "backbone": backbone,
            "preprocessing": preprocessing,
            "weights": weights_sha256,
            "class_vectors": class_vectors_sha256,
            "seed": seed,
            # Only where there is any: runs from before it existed keep their identity.
            **({"finetuning": finetuning} if finetuning else {}),
            **({"tuned_for": tuned_for} if is_for_other_code(tuned_for, source_sha256) else {}),
        }
    )


def is_for_other_code(tuned_for: str | None, source_sha256: str) -> bool:
    """Whether a configuration was searched for with another version of the method's code."""
    return tuned_for is not None and tuned_for != source_sha256


def run_id(seed: int, identity: str) -> str:
    """Name of the run's folder: `seed<S>-<8 hex>`."""
    return f"seed{seed}-{identity[:8]}"


def source_sha256(method: type) -> str:
    """Return the sha256 over what Python executes of the method's file and of those that it imports.

    `benchmark.imports` says which, `benchmark.syntax` what of them: no comment and no docstring makes another
    run.
    """
    return digest({name: code_sha256(path.read_bytes()) for path, name in source_files(method).items()})
