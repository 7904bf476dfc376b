"""A hash over what Python executes of a file, the same on Python 3.11 to 3.14.

Comments, layout, positions, docstrings and other constants that stand alone, `pass`, and annotations within
functions and of their arguments and results leave no trace when a function runs, and none here. Annotations
in bodies of modules and classes are code: `ClassVar[int]` and `int` make different dataclasses. Blocks under
`if TYPE_CHECKING:` are never entered. Code that reads docstrings or annotations of functions at run time is
not told apart by them, such as `functools.singledispatch` where `register` is given no type.

Neither `ast.dump` nor bytecode is the same on all versions: so every node is written by the list `FIELDS`, of
which empty ones are left out, such as `type_params`, which 3.11 does not have.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import warnings
from collections.abc import Iterator
from typing import Any

FIELDS: dict[str, tuple[str, ...]] = {
    "Module": ("body",),
    "FunctionDef": ("name", "type_params", "args", "body", "decorator_list"),
    "AsyncFunctionDef": ("name", "type_params", "args", "body", "decorator_list"),
    "ClassDef": ("name", "type_params", "bases", "keywords", "body", "decorator_list"),
    "Return": ("value",),
    "Delete": ("targets",),
    "Assign": ("targets", "value"),
    "TypeAlias": ("name", "type_params", "value"),
    "AugAssign": ("target", "op", "value"),
    "AnnAssign": ("target", "annotation", "value", "simple"),
    "For": ("target", "iter", "body", "orelse"),
    "AsyncFor": ("target", "iter", "body", "orelse"),
    "While": ("test", "body", "orelse"),
    "If": ("test", "body", "orelse"),
    "With": ("items", "body"),
    "AsyncWith": ("items", "body"),
    "Match": ("subject", "cases"),
    "Raise": ("exc", "cause"),
    "Try": ("body", "handlers", "orelse", "finalbody"),
    "TryStar": ("body", "handlers", "orelse", "finalbody"),
    "Assert": ("test", "msg"),
    "Import": ("names",),
    "ImportFrom": ("module", "names", "level"),
    "Global": ("names",),
    "Nonlocal": ("names",),
    "Expr": ("value",),
    "Break": (),
    "Continue": (),
    "BoolOp": ("op", "values"),
    "NamedExpr": ("target", "value"),
    "BinOp": ("left", "op", "right"),
    "UnaryOp": ("op", "operand"),
    "Lambda": ("args", "body"),
    "IfExp": ("test", "body", "orelse"),
    "Dict": ("keys", "values"),
    "Set": ("elts",),
    "ListComp": ("elt", "generators"),
    "SetComp": ("elt", "generators"),
    "DictComp": ("key", "value", "generators"),
    "GeneratorExp": ("elt", "generators"),
    "Await": ("value",),
    "Yield": ("value",),
    "YieldFrom": ("value",),
    "Compare": ("left", "ops", "comparators"),
    "Call": ("func", "args", "keywords"),
    "FormattedValue": ("value", "conversion", "format_spec"),
    "Interpolation": ("value", "str", "conversion", "format_spec"),
    "JoinedStr": ("values",),
    "TemplateStr": ("values",),
    "Constant": ("value",),
    "Attribute": ("value", "attr", "ctx"),
    "Subscript": ("value", "slice", "ctx"),
    "Starred": ("value", "ctx"),
    "Name": ("id", "ctx"),
    "List": ("elts", "ctx"),
    "Tuple": ("elts", "ctx"),
    "Slice": ("lower", "upper", "step"),
    "comprehension": ("target", "iter", "ifs", "is_async"),
    "ExceptHandler": ("type", "name", "body"),
    "arguments": ("posonlyargs", "args", "vararg", "kwonlyargs", "kw_defaults", "kwarg", "defaults"),
    "arg": ("arg",),
    "keyword": ("arg", "value"),
    "alias": ("name", "asname"),
    "withitem": ("context_expr", "optional_vars"),
    "match_case": ("pattern", "guard", "body"),
    "MatchValue": ("value",),
    "MatchSingleton": ("value",),
    "MatchSequence": ("patterns",),
    "MatchMapping": ("keys", "patterns", "rest"),
    "MatchClass": ("cls", "patterns", "kwd_attrs", "kwd_patterns"),
    "MatchStar": ("name",),
    "MatchAs": ("pattern", "name"),
    "MatchOr": ("patterns",),
    "TypeVar": ("name", "bound", "default_value"),
    "ParamSpec": ("name", "default_value"),
    "TypeVarTuple": ("name", "default_value"),
}
"""Name of a node -> what is executed of it, in this order. Operators, which have no field, are not here."""

LEFT_OUT = frozenset({"returns", "annotation", "type_comment", "type_ignores", "kind"})
"""Fields of the listed nodes that nothing executes, but for the annotation of an `AnnAssign`."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@functools.lru_cache(maxsize=2048)
def code_sha256(content: bytes) -> str:
    """Return the sha256 over what Python executes of a file with this content.

    Where it is no Python of this version, or nested too deeply to be walked, over its bytes.
    """
    tree = _parsed(content)
    try:
        written = content if tree is None else json.dumps(_form(tree, False)).encode()
    except RecursionError:  # an expression of hundreds of terms
        written = content
    return hashlib.sha256(written).hexdigest()


@functools.lru_cache(maxsize=2048)
def import_statements(content: bytes) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """Return a file's import statements, but for those that a type checker alone enters.

    None of them for what is no Python of this version.
    """
    tree = _parsed(content)
    return () if tree is None else tuple(_imports(tree))


def _parsed(content: bytes) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of wrong escapes: whoever runs the file sees them
        try:
            return ast.parse(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # the second for zero bytes
            return None


def _imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        waiting += reversed(list(ast.iter_child_nodes(_entered(node))))


def _form(value: Any, is_in_function: bool) -> Any:
    """Return a node, a list or a value as JSON has it."""
    if isinstance(value, list):
        return [_form(own, is_in_function) for own in value if not _is_idle(own)]
    if not isinstance(value, ast.AST):
        return _constant(value)
    node = _entered(value)
    if isinstance(node, ast.AnnAssign) and is_in_function:
        node = _without_annotation(node)
    elif isinstance(node, ast.JoinedStr):
        node = ast.JoinedStr(_joined(node.values))
    name = type(node).__name__
    is_inside = isinstance(node, _FUNCTIONS) or (is_in_function and not isinstance(node, ast.ClassDef))
    form: list[Any] = [name]
    for field in FIELDS.get(name, node._fields):
        own = getattr(node, field, None)
        if own is not None and (written := _form(own, is_inside)) != []:
            form.append([field, written])
    return form


def _constant(value: Any) -> str:
    # Not `repr`: which characters it escapes is the Unicode version's choice; nor decimal, which has a limit.
    written = f"{value:x}" if type(value) is int else ascii(value)
    return f"{type(value).__name__} {written}"


def _is_idle(node: Any) -> bool:
    """Whether a statement does nothing: `pass`, a docstring, `...`."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _entered(node: ast.AST) -> ast.AST:
    """The node without a block that only a type checker enters."""
    if not isinstance(node, ast.If):
        return node
    test = node.test
    name = test.id if isinstance(test, ast.Name) else test.attr if isinstance(test, ast.Attribute) else ""
    return ast.If(ast.Constant(False), [], node.orelse) if name == "TYPE_CHECKING" else node


def _without_annotation(node: ast.AnnAssign) -> ast.AST:
    """In a function an annotation is not evaluated: what is left is the assignment, or a name made local."""
    if node.value is not None:
        return ast.Assign([node.target], node.value)
    return ast.AnnAssign(node.target, ast.Constant(None), None, node.simple)


def _joined(parts: list[ast.expr]) -> list[ast.expr]:
    """The parts of an f-string; versions differ in whether texts side by side are one."""
    joined: list[ast.expr] = []
    for part in parts:
        before = joined[-1] if joined else None
        if isinstance(part, ast.Constant) and isinstance(before, ast.Constant):
            joined[-1] = ast.Constant(str(before.value) + str(part.value))
        else:
            joined.append(part)
    return [part for part in joined if not (isinstance(part, ast.Constant) and part.value == "")]
