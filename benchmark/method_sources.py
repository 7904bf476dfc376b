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

ROOT = Path(__file__).parents[1]


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
    """Return the methods of this repository by id, sorted."""
    found = {}
    for path in sorted((ROOT / "methods").glob("[!_]*.py")):
        for node, card in _registered(_tree(path)):
            origin = f"{path}:{node.decorator_list[0].lineno}"
            found[card["id"]] = MethodSource(card["id"], card["title"], origin, _defaults(node, path))
    return dict(sorted(found.items()))


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


def _registered(tree: ast.Module) -> Iterator[tuple[ast.ClassDef, dict[str, str]]]:
    """Classes under `@register_method(MethodCard(...))`, with the texts that the card is given."""
    for node in tree.body:
        for call in node.decorator_list if isinstance(node, ast.ClassDef) else ():
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "register_method":
                (card,) = call.args
                assert isinstance(node, ast.ClassDef)
                assert isinstance(card, ast.Call)
                texts = {own.arg: own.value for own in card.keywords if own.arg in ("id", "title")}
                yield node, {str(name): ast.literal_eval(value) for name, value in texts.items()}


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
