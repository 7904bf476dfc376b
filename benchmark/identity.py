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
    source_sha256: str,
    config: dict[str, Any],
    backbone: str,
    weights_sha256: str,
    seed: int,
) -> str:
    """Return the sha256 that tells a run from every other; a record with it is the finished run."""
    return digest(
        {
            "fingerprint": protocol.fingerprint,
            "method": method,
            "source": source_sha256,
            "config": config,
            "backbone": backbone,
            "weights": weights_sha256,
            "seed": seed,
        }
    )


def run_id(seed: int, identity: str) -> str:
    """Name of the run's folder: `seed<S>-<8 hex>`."""
    return f"seed{seed}-{identity[:8]}"


def source_sha256(method: type) -> str:
    """Return the sha256 over the method's file and every file of `methods` that it comes to import."""
    start = Path(inspect.getsourcefile(method) or "")
    waiting, files = [start], {start}
    while waiting:
        for imported in _imported_method_files(waiting.pop()):
            if imported not in files:
                files.add(imported)
                waiting.append(imported)
    hashes = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _imported_method_files(path: Path) -> list[Path]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from methods.parts import losses` names a module, `from methods.base import X` does not.
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    candidates = [_ROOT.joinpath(*name.split(".")).with_suffix(".py") for name in names if _is_ours(name)]
    return [candidate for candidate in candidates if candidate.is_file()]


def _is_ours(name: str) -> bool:
    return name.split(".")[0] == "methods"
