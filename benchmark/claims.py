"""Several processes share a suite: who claims a run executes it, the others take the next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def claimed(runs_dir: Path, identity: str) -> Iterator[bool]:
    """Claim a run for the block; yields False where another process has claimed it.

    The operating system holds the claim, so that it ends with its process, however that ends. The empty file
    stays: to remove it would let two processes hold claims on two files of one name.
    """
    path = runs_dir / ".claims" / identity
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
