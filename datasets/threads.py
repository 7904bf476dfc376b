"""How many threads read and decode files."""

from __future__ import annotations

import os

_limit: list[int] = []


def limit_threads(n: int) -> None:
    """Let no pool have more threads, as `--threads` asks."""
    _limit[:] = [n]


def n_threads() -> int:
    """Return the threads of a pool: the limit, else the processors that this process may use."""
    if _limit:
        return _limit[0]
    if hasattr(os, "sched_getaffinity"):  # not on macOS; in a container less than the machine has
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
