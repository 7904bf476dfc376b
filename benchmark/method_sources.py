"""What the source of a method says of it, read without importing it: torch takes seconds to load.

The registry knows the same and more, once everything is imported; a test holds the two against each other.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.opened import ROOT


@dataclass(frozen=True)
class MethodSource:
    """A method of this repository. origin: `file:line`, as the registry has it.

    defaults: field of its `Config` -> default; None where they are not written as literals.
    """

    id: str
    title: str
    origin: str
    defaults: Mapping[str, Any] | None


@functools.cache
def method_sources() -> dict[str, MethodSource]:
    """Return the methods of this repository whose id and title are written as literals, by id, sorted."""
    found = {}
    for path in _files():
        for node, card in _registered(path):
            if card is not None:
                origin = f"{path}:{node.decorator_list[0].lineno}"
                found[card["id"]] = MethodSource(card["id"], card["title"], origin, _defaults(node, path))
    return dict(sorted(found.items()))


@functools.cache
def are_all_told() -> bool:
    """Whether `method_sources` has every method of this repository; if not, only the registry knows."""
    n_registrations = sum(path.read_text(encoding="utf-8").count("register_method(") for path in _files())
    return n_registrations == len(method_sources())


def _files() -> list[Path]:
    """The modules that the registry imports, and those of methods that are folders."""
    return [
        path
        for path in sorted((ROOT / "methods").rglob("*.py"))
        if "register_method" in path.read_text(encoding="utf-8")
    ]


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


def _registered(path: Path) -> Iterator[tuple[ast.ClassDef, dict[str, str] | None]]:
    """Classes under `@register_method(MethodCard(...))`, with id and title where these are literals."""
    for node in _tree(path).body:
        for call in node.decorator_list if isinstance(node, ast.ClassDef) else ():
            match call:
                case ast.Call(func=ast.Name(id="register_method"), args=[ast.Call(keywords=keywords)]):
                    assert isinstance(node, ast.ClassDef)
                    texts = {own.arg: own.value for own in keywords if own.arg in ("id", "title")}
                    try:
                        card = {str(name): ast.literal_eval(value) for name, value in texts.items()}
                    except ValueError:
                        card = {}
                    yield node, card if {"id", "title"} <= set(card) else None


def _defaults(node: ast.ClassDef, path: Path) -> dict[str, Any] | None:
    """Defaults of a class's `Config`, its own or inherited."""
    for statement in node.body:
        match statement:
            case ast.ClassDef(name="Config"):
                return _fields(statement, path)
            case ast.Assign(targets=[ast.Name(id="Config")], value=ast.Name(id=name)):
                return _fields_of(name, path)
            case ast.AnnAssign(target=ast.Name(id="Config"), value=ast.Name(id=name)):
                return _fields_of(name, path)
    for base in node.bases:
        found = _class(base, path)
        if found is not None:
            return _defaults(*found)
    return None


def _fields_of(name: str, path: Path) -> dict[str, Any] | None:
    found = _class(ast.Name(name), path)
    return None if found is None else _fields(*found)


def _fields(node: ast.ClassDef, path: Path) -> dict[str, Any] | None:
    """Fields of a dataclass in their order, those of its bases first."""
    fields: dict[str, Any] = {}
    for base in node.bases:
        found = _class(base, path)
        inherited = None if found is None else _fields(*found)
        if inherited is None:
            return None
        fields |= inherited
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and "ClassVar" not in ast.unparse(statement.annotation):
            try:
                fields[ast.unparse(statement.target)] = ast.literal_eval(statement.value or ast.Name(""))
            except ValueError:
                return None
    return fields


def _class(base: ast.expr, path: Path) -> tuple[ast.ClassDef, Path] | None:
    """The class of a name in a file, and the file that defines it; None for one of elsewhere."""
    name = base.id if isinstance(base, ast.Name) else ""
    for node in _tree(path).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node, path
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                source = ROOT.joinpath(*node.module.split(".")).with_suffix(".py")
                if (alias.asname or alias.name) == name and source.is_file():
                    return _class(ast.Name(alias.name), source)
    return None
