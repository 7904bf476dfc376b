"""When two runs are the same run: protocol, method, its source, its configuration, backbone and seed."""

from __future__ import annotations

import ast
import hashlib
import inspect
from pathlib import Path
from typing import Any

from benchmark.records import Protocol, digest

_ROOT = Path(__file__).parents[1]


def run_identity(
    protocol: Protocol,
    *,
    method: str,
    variant: str,
    source_sha256: str,
    config: dict[str, Any],
    validation_classes: tuple[str, ...],
    backbone: str,
    preprocessing: str,
    weights_sha256: str,
    class_vectors_sha256: str | None,
    finetuning: tuple[str, ...],
    seed: int,
) -> str:
    """Return the sha256 that tells a run from every other; a record with it is the finished run.

    preprocessing: the backbone's own. class_vectors_sha256: None for a method that is given none. finetuning:
    keys of fine-tuned weights, none for a backbone as it is.
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
        }
    )


def run_id(seed: int, identity: str) -> str:
    """Name of the run's folder: `seed<S>-<8 hex>`."""
    return f"seed{seed}-{identity[:8]}"


def source_sha256(method: type) -> str:
    """Return the sha256 over the method's file and the files of `methods` or its own package that it imports.

    Directly or through others. A method that is a folder counts with every file in it.
    """
    waiting = _files_beside(Path(inspect.getsourcefile(method) or ""))
    files = set(waiting)
    while waiting:
        for imported in _imported_files(waiting.pop()):
            if imported not in files:
                files.add(imported)
                waiting.append(imported)
    hashes = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _files_beside(start: Path) -> list[Path]:
    """The file alone where it lies in `methods` or in no package; else all files of its package."""
    is_package = (start.parent / "__init__.py").is_file()
    if start.parent == _ROOT / "methods" or not is_package:
        return [start]
    return sorted(start.parent.rglob("*.py"))


def _imported_files(path: Path) -> list[Path]:
    candidates = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            candidates += [_ROOT.joinpath(*alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # `from .parts import x` is looked up beside the file, a full name from the root.
            base = path.parents[node.level - 1] if node.level else _ROOT
            module = base.joinpath(*node.module.split(".")) if node.module else base
            # `from methods.parts import losses` names a module, `from methods.base import X` does not.
            candidates += [module, *(module / alias.name for alias in node.names)]
    files = [form for c in candidates for form in (c.with_suffix(".py"), c / "__init__.py") if form.is_file()]
    return [file for file in files if _ROOT / "methods" in file.parents or path.parent in file.parents]
