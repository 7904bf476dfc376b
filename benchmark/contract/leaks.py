"""Whether anything of the unseen classes can be reached from what a method is given.

The search follows containers, attributes, closures, bound methods, views, weak references and suspended
frames. It does not follow modules, classes and the global names of functions: through those, as through the
call stack, all of Python can be reached, and no argument hands over anything.
"""

from __future__ import annotations

import gc
import io
import mmap
import re
import types
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

_CLOSED = (type, types.ModuleType, types.CodeType, int, float, complex, type(None))
_MAX_TEXT_FILE = 64 * 1024


@dataclass(frozen=True)
class Secrets:
    """What must not be found.

    texts: class names, item names, paths, instances; found inside other texts at the edges of words, in any
    case. rows: (n, d) arrays, such as features, pixels or class vectors, whose every row is secret. memory:
    arrays with which nothing may share memory. allowed: texts that are no leak although they hold a secret.
    """

    texts: frozenset[str] = frozenset()
    rows: tuple[NDArray[Any], ...] = ()
    memory: tuple[NDArray[Any], ...] = ()
    allowed: frozenset[str] = frozenset()

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches any of the texts."""
        any_text = "|".join(re.escape(text) for text in sorted(self.texts, key=len, reverse=True))
        return re.compile(rf"(?<![^\W_])(?:{any_text})(?![^\W_])" if self.texts else r"(?!)", re.IGNORECASE)


@dataclass(frozen=True)
class Leak:
    """Something found, of one of the kinds of `find_leaks`. path: how it was reached."""

    kind: str
    path: str
    what: str


def find_leaks(roots: Mapping[str, object], secrets: Secrets) -> list[Leak]:
    """Search everything that can be reached from named objects.

    Kinds: a secret text; a secret row among numbers; memory shared with a secret array; a view into an array
    or tensor larger than itself; an open or mapped file; a tensor that remembers what it was computed from.
    """
    return [
        Leak(kind, path, what) for path, thing in reachable(roots) for kind, what in _faults(thing, secrets)
    ]


def reachable(roots: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield (path, object) for the objects and for all they lead to, each once."""
    waiting = list(roots.items())
    # Holding the objects keeps a fresh one from taking the identity of one that is gone.
    visited: dict[int, object] = {}
    while waiting:
        path, thing = waiting.pop()
        if id(thing) in visited or isinstance(thing, _CLOSED):
            continue
        visited[id(thing)] = thing
        yield path, thing
        waiting += [(f"{path} > {type(near).__name__}", near) for near in _neighbours(thing)]


def texts_in_folder(folder: Path) -> list[str]:
    """Return the relative path of everything in a folder, and what its small text files say."""
    found = []
    for path in sorted(folder.rglob("*")):
        found.append(path.relative_to(folder).as_posix())
        if path.is_file() and path.stat().st_size <= _MAX_TEXT_FILE:
            try:
                found.append(path.read_text(encoding="utf-8"))
            except UnicodeDecodeError:
                continue
    return found


def _neighbours(thing: Any) -> list[object]:
    if isinstance(thing, types.FunctionType):
        # Not __globals__, which is the module.
        return [thing.__closure__, thing.__defaults__, thing.__kwdefaults__, thing.__dict__]
    if isinstance(thing, types.BuiltinFunctionType | types.MethodWrapperType):
        return [thing.__self__]
    if isinstance(thing, types.FrameType):
        return [thing.f_locals, thing.f_back]
    if isinstance(thing, types.GeneratorType):
        return [thing.gi_frame]
    if isinstance(thing, weakref.ref):
        return [thing()]
    near = [*gc.get_referents(thing), getattr(thing, "__dict__", None)]
    if isinstance(thing, Mapping):
        near += thing  # a dict's collector does not visit keys that are texts
    if isinstance(thing, torch.Tensor):
        near += [thing._base, thing.grad if thing.is_leaf else None]
    if isinstance(thing, np.ndarray):
        near.append(thing.base)
        if thing.dtype.kind in "OUS":
            near.append(thing.ravel().tolist())
    if isinstance(thing, memoryview):
        near.append(thing.obj)
    return near


def _faults(thing: object, secrets: Secrets) -> Iterator[tuple[str, str]]:
    text = _text(thing)
    if text is not None and text not in secrets.allowed:
        hit = secrets.pattern.search(text)
        if hit:
            yield "text", hit.group()
    if isinstance(thing, np.memmap | mmap.mmap | io.IOBase):
        yield "file", str(getattr(thing, "filename", None) or getattr(thing, "name", "mapped memory"))
    if isinstance(thing, torch.Tensor):
        yield from _tensor_faults(thing)
    if isinstance(thing, np.ndarray) and isinstance(thing.base, np.ndarray) and thing.base.size > thing.size:
        yield "larger", f"{thing.shape} is a view into {thing.base.shape}"
    if any(_overlaps(thing, array) for array in secrets.memory):
        yield "memory", "shares memory with a secret array"
    numbers = list(_numbers(thing))
    for rows in secrets.rows:
        for row in rows.reshape(len(rows), -1).astype(np.float64):
            if any(_holds(values, row) for values in numbers):
                yield "row", f"a secret row of {len(row)} numbers"


def _tensor_faults(tensor: torch.Tensor) -> Iterator[tuple[str, str]]:
    storage = tensor.untyped_storage()
    if storage.nbytes() > tensor.numel() * tensor.itemsize:
        yield "larger", f"{tuple(tensor.shape)} is a view into {storage.nbytes()} bytes"
    if tensor.grad_fn is not None:
        yield "history", type(tensor.grad_fn).__name__


def _text(thing: object) -> str | None:
    if isinstance(thing, str | PurePath):
        return str(thing)
    return bytes(thing).decode("latin-1") if isinstance(thing, bytes | bytearray) else None


def _overlaps(thing: object, array: NDArray[Any]) -> bool:
    if isinstance(thing, torch.Tensor):
        start = thing.untyped_storage().data_ptr()
        end = start + thing.untyped_storage().nbytes()
    elif isinstance(thing, np.ndarray):
        start, end = byte_bounds(thing)
    else:
        return False
    secret_start, secret_end = byte_bounds(array)
    return start < secret_end and secret_start < end


def _numbers(thing: object) -> Iterator[NDArray[Any]]:
    """Yield the numbers an object holds, one after another: its whole storage, by rows, and by columns."""
    if isinstance(thing, list | tuple) and all(isinstance(value, int | float) for value in thing):
        yield np.array(thing, dtype=np.float64)
    if isinstance(thing, bytes | bytearray) and len(thing) % 4 == 0:
        yield np.frombuffer(bytes(thing), dtype=np.float32)
    if isinstance(thing, torch.Tensor):
        whole = torch.empty(0, dtype=thing.dtype, device=thing.device).set_(thing.untyped_storage())
        yield whole.cpu().float().numpy()
        if thing.is_contiguous() and thing.ndim != 2:
            return
        thing = thing.detach().cpu().float().numpy()
    if isinstance(thing, np.ndarray) and thing.dtype.kind in "fiu":
        yield thing.ravel()
        if thing.ndim == 2:
            yield thing.T.ravel()


def _holds(values: NDArray[Any], row: NDArray[np.float64]) -> bool:
    """Say whether the row stands somewhere in the values, up to rounding.

    Places are ruled out number by number, the least usual one of the row first.
    """
    n_starts = len(values) - len(row) + 1
    if n_starts < 1 or not len(row):
        return False
    tolerance = 1e-4 * np.abs(row).max()
    first, *others = np.argsort(-np.abs(row - np.median(row)))
    starts = np.flatnonzero(np.abs(values[first : first + n_starts] - row[first]) <= tolerance)
    for position in others:
        if not len(starts):
            break
        starts = starts[np.abs(values[starts + position] - row[position]) <= tolerance]
    return bool(len(starts))
