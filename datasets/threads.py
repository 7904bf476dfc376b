"""How many threads read and decode files."""

from __future__ import annotations

import os
from contextvars import ContextVar

_limit: ContextVar[int | None] = ContextVar("n_threads", default=None)


def limit_threads(n: int) -> None:
    """Let no pool have more threads, as `--threads` asks."""
    _limit.set(n)


def n_threads() -> int:
    """Return the threads of a pool: the limit, else the processors that this process may use."""
    limit = _limit.get()
    if limit is not None:
        return limit
    if hasattr(os, "sched_getaffinity"):  # not on macOS; in a container less than the machine has
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
