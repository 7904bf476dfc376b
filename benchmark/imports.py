"""Which files a method's code consists of: import statements are followed, and nothing is imported."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmark.opened import ROOT, is_of_environment
from benchmark.syntax import import_statements

_PLUMBING = frozenset({ROOT / "benchmark" / "registry.py", ROOT / "benchmark" / "errors.py"})
"""What everybody imports and no number comes from: how plugins are found, and how errors are called."""


def source_files(method: type) -> dict[Path, str]:
    """Return the method's file and those that it imports, directly or through others: file -> module.

    In this repository and wherever else modules lie outside of the Python environment. A method that is a
    folder counts with every file in it. The method's own module has no name, and those beside it in its
    folder are named from there: a plugin is the same wherever it lies.
    """
    start = Path(inspect.getsourcefile(method) or "").resolve()
    beside = _files_beside(start)
    found = {path: ".".join(path.relative_to(start.parent).with_suffix("").parts) for path in beside}
    found[start] = ""
    waiting = [(_module_at(path, method, start), path) for path in beside]
    while waiting:
        for module, path in _imported(*waiting.pop()):
            if path not in found and path not in _PLUMBING and not is_of_environment(path):
                found[path] = module
                waiting.append((module, path))
    return found


def _files_beside(start: Path) -> list[Path]:
    """The file alone where it lies in `methods` or in no package; else all files of its package."""
    is_package = (start.parent / "__init__.py").is_file()
    if start.parent == ROOT / "methods" or not is_package:
        return [start]
    return sorted(start.parent.rglob("*.py"))


def _module_at(path: Path, method: type, start: Path) -> str:
    """Name of the module in a file that lies beside the method's or below, as that of the method is named."""
    package = method.__module__ if start.stem == "__init__" else method.__module__.rpartition(".")[0]
    if path == start:
        return method.__module__
    inner = [*path.relative_to(start.parent).parts[:-1], *([path.stem] if path.stem != "__init__" else [])]
    return ".".join([package, *inner])


def _imported(module: str, path: Path) -> Iterator[tuple[str, Path]]:
    """Modules with their files that the import statements of a file name, and the packages they lie in."""
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    for statement in import_statements(path.read_bytes()):
        for name in _named(statement, package):
            yield from _files_of(name)


def _named(statement: ast.Import | ast.ImportFrom, package: str) -> Iterator[str]:
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
        return
    try:
        base = importlib.util.resolve_name("." * statement.level + (statement.module or ""), package or None)
    except ImportError:
        return  # it goes above what is a package: the import fails
    yield base
    # `from methods.parts import losses` names a module, `from methods.base import X` does not.
    yield from (f"{base}.{alias.name}" for alias in statement.names)


def _files_of(name: str) -> Iterator[tuple[str, Path]]:
    """The modules that an import of a dotted name executes, outermost first, up to one that is not found."""
    search_in = None
    parts = name.split(".")
    for i in range(1, len(parts) + 1):
        whole = ".".join(parts[:i])
        spec = getattr(sys.modules.get(whole), "__spec__", None)
        if spec is None:
            found = (finder.find_spec(whole, search_in) for finder in sys.meta_path)
            spec = next((one for one in found if one is not None), None)
        if spec is None:
            return
        if spec.has_location and spec.origin:
            yield whole, Path(spec.origin).resolve()
        search_in = spec.submodule_search_locations
        if search_in is None:
            return
