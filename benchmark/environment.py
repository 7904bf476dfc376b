"""On what a number was measured: versions, commit, machine, device, threads."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pandas", "pillow", "resvg-py")
_ROOT = Path(__file__).parents[1]
UNKNOWN = "unknown"


def harness_version() -> str:
    """Return the version in `pyproject.toml`: the code runs from a checkout and is not installed."""
    import tomllib

    return str(tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def describe_environment(device: str) -> dict[str, Any]:
    """Collect what may change a number or a time. Nothing here enters a fingerprint."""
    import torch

    changes = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "harness": harness_version(),
        "commit": _git("rev-parse", "HEAD"),
        "is_dirty": None if changes is None else bool(changes),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "n_cores": os.cpu_count(),
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "threads": torch.get_num_threads(),
        **{name: _package_version(name) for name in _PACKAGES},
    }


def device_in_words(environment: Mapping[str, Any]) -> str:
    """Name what a described environment computes on: a GPU, or a processor and how many threads of it.

    >>> device_in_words({"device": "cpu", "processor": "AMD EPYC", "threads": 2})
    'AMD EPYC (2 threads)'
    """
    device = str(environment.get("device", "unknown"))
    processor, threads = environment.get("processor"), environment.get("threads")
    if device != "cpu" or not threads:
        return device
    name = device if processor in (None, UNKNOWN) else processor
    return f"{name} ({threads} {'thread' if threads == 1 else 'threads'})"


def _package_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=_ROOT, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or UNKNOWN
