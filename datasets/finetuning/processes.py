"""A training in several processes, one a device: what travels there, and what comes back."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.multiprocessing.spawn import ProcessRaisedException

from benchmark.errors import BenchmarkError
from benchmark.registry import load_plugin, plugin_file
from datasets.files import write_whole
from datasets.progress import Progress

_POLL_S = 1.0
_MARK = f"{BenchmarkError.__module__}.{BenchmarkError.__qualname__}: "


@dataclass(frozen=True)
class Parcel:
    """An object on its way to another process. plugin: the file to import there first, if any."""

    content: bytes
    plugin: Path | None

    @classmethod
    def of(cls, content: object, *, with_backbone: object) -> Parcel:
        """Pack an object that holds a backbone, which may be of a plugin. Raises BenchmarkError."""
        try:
            return cls(pickle.dumps(content), plugin_file(type(with_backbone)))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise BenchmarkError(
                f"fine-tuning on several devices sends the backbone to other processes, and {error}. Name "
                "one device with --device, or write the class at the top of its file."
            ) from error

    def unpacked(self) -> Any:
        """Return the object, in the other process."""
        if self.plugin is not None:
            load_plugin(self.plugin)
        return pickle.loads(self.content)


@contextmanager
def errors_of_users() -> Iterator[None]:
    """Let a BenchmarkError of another process arrive as itself, without the traces it came with."""
    try:
        yield
    except (BenchmarkError, ProcessRaisedException) as error:
        _, mark, text = str(error).rpartition(_MARK)
        if not mark:
            raise
        raise BenchmarkError(text.strip()) from None


@contextmanager
def processes_ended() -> Iterator[None]:
    """End the processes that are started inside with the block, also when it is interrupted."""
    before, port = set(multiprocessing.active_children()), os.environ.get("MASTER_PORT")
    try:
        yield
    finally:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
            child.join()
        if port is None:  # the next training is to look for a free one itself
            os.environ.pop("MASTER_PORT", None)


@dataclass(frozen=True)
class ToldInFile:
    """Progress written to a file: what another process can call."""

    path: Path

    def __call__(self, done: int, total: int) -> None:
        """Write (done, total)."""
        write_whole(self.path, f"{done} {total}")


@contextmanager
def polled(path: Path, progress: Progress | None) -> Iterator[ToldInFile | None]:
    """Yield a progress for other processes, and call ours with what they wrote."""
    if progress is None:
        yield None
        return
    path.unlink(missing_ok=True)  # of a training that was killed
    is_over = threading.Event()

    def poll() -> None:
        while not is_over.wait(_POLL_S):
            tell()

    def tell() -> None:
        if path.is_file():
            done, total = path.read_text(encoding="utf-8").split()
            progress(int(done), int(total))

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield ToldInFile(path)
    finally:
        is_over.set()
        thread.join()
        tell()
        path.unlink(missing_ok=True)
