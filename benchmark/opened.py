"""Which files code opened while it ran, by the audit events of Python (PEP 578).

A leaf, as the registry is, which watches the imports of plugins. What a library opens in C leaves no event:
of packages that methods use these are HDF5 and safetensors.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import site
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_OWN = tuple(str(ROOT / name) + os.sep for name in ("benchmark", "datasets", "metrics"))
_NO_FILES = ("/proc/", "/sys/", "/dev/")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class _Watch:
    """Paths in the order in which they were first opened. files: name -> sha256, once it is over."""

    def __init__(self) -> None:
        self.is_written: dict[str, bool] = {}
        self.files: dict[str, str] = {}


_watching: list[_Watch] = []
_is_hooked = False


@contextmanager
def watched(is_known: Callable[[Path], bool] = lambda path: False) -> Iterator[dict[str, str]]:
    """Yield a dict that holds, after the block, what the block read: file -> sha256 of its content.

    Files are named from the root of this repository, those elsewhere by their whole path. Not among them are
    those of the Python environment, the harness's own code and data, what the block itself had written
    before, and what `is_known` says of. A module counts as its source, whether that or its bytecode was read.
    """
    global _is_hooked
    if not _is_hooked:  # a hook cannot be taken back: there is one, and it is idle outside of blocks
        sys.addaudithook(_note)
        _is_hooked = True
    watch = _Watch()
    _watching.append(watch)
    try:
        yield watch.files
    finally:
        _watching.remove(watch)
        for path in dict.fromkeys(_read(watch)):
            if path.is_file() and not is_known(path):
                watch.files[_name(path)] = file_sha256(path)


def being_watched() -> dict[str, str]:
    """Return what the innermost block will have read; an empty dict outside of blocks."""
    return _watching[-1].files if _watching else {}


def changed_files(files: Mapping[str, str]) -> tuple[str, ...]:
    """Return the files whose content is no longer the one with this sha256, or that are not there."""
    return tuple(name for name, sha256 in files.items() if _sha256_or_none(ROOT / name) != sha256)


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's content, read anew when its size or time of change is another."""
    facts = path.stat()
    return _sha256_of(path, facts.st_size, facts.st_mtime_ns)


def is_of_environment(path: Path) -> bool:
    """Whether a file came with Python or an installed package."""
    return str(path).startswith(_environment())


@functools.lru_cache(maxsize=1024)
def _sha256_of(path: Path, size: int, changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256_or_none(path: Path) -> str | None:
    try:
        return file_sha256(path)
    except OSError:
        return None


@functools.cache
def _environment() -> tuple[str, ...]:
    schemes = [sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    # Not the base prefix, which may be /usr: there people keep data too.
    folders = {*schemes, *site.getsitepackages(), site.getusersitepackages(), sys.prefix}
    if sys.prefix == sys.base_prefix:
        folders.discard(sys.prefix)
    forms = {form for folder in folders for form in (Path(folder), Path(folder).resolve())}
    return tuple(f"{form}{os.sep}" for form in forms)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or event not in ("open", "sqlite3.connect"):
        return
    path = arguments[0]
    if not isinstance(path, (str, bytes, os.PathLike)):
        return  # a descriptor, opened before
    whole = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - as it was named, links not followed
    is_writing = False
    if event == "open":
        mode, flags = arguments[1:]
        # A file opened for both is read too: what it held before may count.
        is_writing = mode.startswith(("w", "x")) if mode else bool(flags & _WRITING)
    for watch in _watching:
        watch.is_written.setdefault(whole, is_writing)


def _read(watch: _Watch) -> Iterator[Path]:
    for name, is_written in list(watch.is_written.items()):
        if is_written or name.startswith(_NO_FILES):
            continue
        path = Path(name)
        if path.suffix == ".pyc":
            path = _source(path)
        if not str(path).startswith(_OWN) and not is_of_environment(path):
            yield path


def _source(bytecode: Path) -> Path:
    try:
        source = Path(importlib.util.source_from_cache(str(bytecode)))
    except ValueError:
        return bytecode
    return source if source.is_file() else bytecode


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
