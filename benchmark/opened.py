"""Which files code read while it ran, by the audit events of Python (PEP 578).

A leaf, as the registry is, which watches the imports of plugins. What a library opens in C leaves no event:
of packages that methods use these are HDF5 and safetensors. Nor does listing a folder.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import site
import sys
import sysconfig
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from benchmark.syntax import code_sha256

ROOT = Path(__file__).resolve().parents[1]
ABSENT = "absent"
"""In the place of a sha256: a file that was asked for and was not there."""
_OWN = tuple(
    f"{root / name}{os.sep}"
    for root in {ROOT, Path(__file__).absolute().parents[1]}
    for name in ("benchmark", "datasets", "metrics")
)
_NO_FILES = ("/proc/", "/sys/", "/dev/")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_by_module: dict[Path, dict[str, str]] = defaultdict(dict)
"""Source of a module -> what its top level read, which it does once in a process, whoever imports it."""


class _Watch:
    """What a block reads outside of the top level of modules. frame: that of the block."""

    def __init__(self, is_known: Callable[[Path], bool], frame: FrameType) -> None:
        self.is_known, self.frame = is_known, frame
        self.started_ns = time.time_ns()
        self.seen: set[str] = set()
        self.files: dict[str, str] = {}


_watching: list[_Watch] = []
_hook = threading.local()
_is_hooked = False


@contextmanager
def watched(is_known: Callable[[Path], bool] = lambda path: False) -> Iterator[dict[str, str]]:
    """Yield a dict that takes up what the block reads: file -> sha256 of its content when it was read.

    Files are named from the root of this repository, those elsewhere by their whole path. Not among them are
    those of the Python environment, the harness's own code and data, what was written since the block began,
    what `is_known` says of, and what the top level of a module reads, which `read_by_modules` knows. Of a
    Python file, also where its bytecode is read, the hash is over what Python executes.
    """
    global _is_hooked
    if not _is_hooked:  # a hook cannot be taken back: there is one, and it is idle outside of blocks
        sys.addaudithook(_note)
        _is_hooked = True
    watch = _Watch(is_known, sys._getframe(2))  # beyond this generator and `contextlib`
    _watching.append(watch)
    try:
        yield watch.files
    finally:
        _watching.remove(watch)
        for name in [name for name, sha256 in watch.files.items() if sha256 == ABSENT]:
            if (ROOT / name).exists():  # made since, by the block
                del watch.files[name]


def read_by_modules(sources: Iterable[Path]) -> dict[str, str]:
    """Return what the top levels of modules read, and of those that they imported in ways of their own."""
    found: dict[str, str] = {}
    waiting = list(sources)
    while waiting:
        for name, sha256 in _by_module.get(waiting.pop(), {}).items():
            if name not in found:
                found[name] = sha256
                waiting.append(ROOT / name)
    return found


def changed_files(files: Mapping[str, str]) -> tuple[str, ...]:
    """Return the files whose content is no longer the one with this sha256, or that came or went."""
    return tuple(name for name, sha256 in files.items() if _sha256(ROOT / name) != sha256)


def is_of_environment(path: Path) -> bool:
    """Whether a file came with Python or an installed package."""
    return str(path).startswith(_environment())


def _sha256(path: Path) -> str:
    try:
        facts = path.stat()
        return _sha256_of(path, facts.st_size, facts.st_mtime_ns)
    except FileNotFoundError:
        return ABSENT
    except OSError as error:
        return f"unreadable: {error.strerror}"


@functools.lru_cache(maxsize=1024)
def _sha256_of(path: Path, size: int, changed_ns: int) -> str:
    if path.suffix == ".py":
        return code_sha256(path.read_bytes())
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
    if not _watching or event not in ("open", "sqlite3.connect") or getattr(_hook, "is_busy", False):
        return
    path = arguments[0]
    if not isinstance(path, (str, bytes, os.PathLike)):
        return  # a descriptor, opened before
    _hook.is_busy = True  # to hash a file is to open it
    try:
        name = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - as it was named, links not followed
        _take_up(name, _is_writing(*arguments[1:]) if event == "open" else False)
    finally:
        _hook.is_busy = False


def _is_writing(mode: str | None, flags: int) -> bool:
    # A file opened for both is read too: what it held before may count.
    return (mode.startswith(("w", "x", "a")) and "+" not in mode) if mode else bool(flags & _WRITING)


def _take_up(name: str, is_writing: bool) -> None:
    """Note a file that is about to be opened; one that was written before it was read is nobody's input."""
    waiting = [watch for watch in _watching if name not in watch.seen]
    for watch in waiting:
        watch.seen.add(name)
    if is_writing or not waiting or name.startswith((*_NO_FILES, *_OWN, *_environment())):
        return
    path = _source(Path(name))
    if _is_looked_up(path):
        return
    for watch in waiting:
        if not watch.is_known(path) and _is_input(path, watch.started_ns):
            module = _importing(watch.frame)
            own = watch.files if module is None else _by_module[module]
            own[_name(path)] = _sha256(path)


def _is_input(path: Path, started_ns: int) -> bool:
    """Whether a path is no folder and was not written since the block began."""
    try:
        written_ns = path.stat().st_mtime_ns
        return path.is_file() and not started_ns <= written_ns <= time.time_ns()
    except OSError:
        return True  # that it is not there, or cannot be read, is what the block learns


def _is_looked_up(path: Path) -> bool:
    """Whether Python asks on its own behalf: for lines of code to show, or for a module that is not there."""
    kinds = {"linecache"} if path.suffix == ".py" else set()
    if not path.exists():
        kinds |= {"importlib", "_frozen_importlib", "_frozen_importlib_external", "zipimport", "pkgutil"}
    frame: FrameType | None = sys._getframe(1)
    while kinds and frame is not None:
        file = frame.f_code.co_filename
        if str(frame.f_globals.get("__name__")).partition(".")[0] in kinds:
            return True
        is_asking = not file.startswith("<") and not file.startswith((__file__, *_environment()))
        frame = None if is_asking else frame.f_back
    return False


def _importing(block: FrameType) -> Path | None:
    """The module whose top level asks for the file, if there is one between here and the block."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame is not block:
        if frame.f_code.co_name == "<module>":
            path = Path(frame.f_code.co_filename)
            if not str(path).startswith((*_OWN, *_environment())):
                return path.resolve()
        frame = frame.f_back
    return None


def _source(path: Path) -> Path:
    """The source of bytecode, and any other file itself."""
    if path.suffix != ".pyc":
        return path
    try:
        source = Path(importlib.util.source_from_cache(str(path)))
    except ValueError:
        return path
    return source if source.is_file() else path


def _name(path: Path) -> str:
    for form in (path, path.resolve()):
        if form.is_relative_to(ROOT):
            return str(form.relative_to(ROOT))
    return str(path)
