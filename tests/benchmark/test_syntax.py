"""The hash over what Python executes: what moves it, what does not, and that no field is forgotten."""

import ast
import hashlib
import inspect
from textwrap import dedent

import pytest

from benchmark.syntax import FIELDS, LEFT_OUT, code_sha256, import_statements

CODE = '''
"""What the file is about."""
from __future__ import annotations
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 3
"""Of what."""


@dataclass(frozen=True)
class Config:
    """Its knobs."""

    width: int = 8
    kind: ClassVar[str] = "a"

    def scaled(self, by: float, *more: int, deep: bool = False) -> float:
        """Of the width."""
        total: float = self.width * by
        if deep:
            pass
        return total + sum(more)
'''


def changed(before, after):
    code = dedent(CODE)
    assert code.count(before) == 1
    return code.replace(before, after)


def sha(code):
    return code_sha256(code.encode())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"""What the file is about."""', "# Nothing said."),
        ('"""Its knobs."""', '"""Something else."""'),
        ('"""Of what."""', ""),
        ('"""Of the width."""', ""),
        ("LIMIT = 3", "LIMIT = 3  # not four"),
        ("LIMIT = 3", "\n\n\nLIMIT = (3)"),
        ("LIMIT = 3", "LIMIT = 0b11"),
        ("by: float, *more: int, deep: bool = False) -> float:", "by, *more, deep=False):"),
        ("total: float = self", "total = self"),
        ("            pass\n", '            """Nothing."""\n            ...\n'),
        ("    from pathlib import Path", "    from os import PathLike"),
    ],
)
def test_what_nothing_executes_does_not_count(before, after):
    assert sha(changed(before, after)) == sha(dedent(CODE))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("LIMIT = 3", "LIMIT = 3.0"),
        ("LIMIT = 3", 'LIMIT = "3"'),
        ("LIMIT = 3", 'LIMIT = b"3"'),
        ("LIMIT = 3", "LIMIT = -3"),
        ("LIMIT = 3", "LIMIT = True"),
        ("ClassVar[str]", "str"),
        ("width: int = 8", "width: float = 8"),
        ("width: int = 8", "width = 8"),
        ("by: float, *more", "by: float = 1.0, *more"),
        ("*more: int, deep", "*more: int, deeper"),
        ("return total + sum(more)", "return total - sum(more)"),
        ("if deep:", "if not deep:"),
        ("@dataclass(frozen=True)\n", "@dataclass\n"),
        ("class Config:", "class Config(object):"),
        ("from __future__ import annotations\n", ""),
    ],
)
def test_what_is_executed_counts(before, after):
    assert sha(changed(before, after)) != sha(dedent(CODE))


@pytest.mark.parametrize(
    ("one", "other", "are_equal"),
    [
        ("x = f'{y}' 'a' 'b'", "x = f'{y}ab'", True),
        ("x = f'a{y}b'", "x = f'a{y}'", False),
        ("x = f'{y:>3}'", "x = f'{y:>4}'", False),
        ("x = f'{y!r}'", "x = f'{y!s}'", False),
        ("def f():\n    x: int\n    return x", "def f():\n    x: str\n    return x", True),
        ("def f():\n    x: int\n    return x", "def f():\n    return x", False),
        ("def f():\n    class A:\n        x: int = 1", "def f():\n    class A:\n        x: str = 1", False),
        ("x = {**a}", "x = {a}", False),
        ("f = lambda *, a=1: a", "f = lambda a=1: a", False),
        ("import a.b", "import a.b as c", False),
        ("from . import a", "from .. import a", False),
        ("x = 'é'", "x = '\\u00e9'", True),
        ("x = 10**5", "x = 100000", False),
        ("try:\n    f()\nexcept* E:\n    g()", "try:\n    f()\nexcept E:\n    g()", False),
        ("match x:\n    case [1, *_]:\n        f()", "match x:\n    case [1, *a]:\n        f()", False),
    ],
)
def test_pairs(one, other, are_equal):
    assert (sha(one) == sha(other)) == are_equal


def test_a_number_of_more_digits_than_python_prints_counts():
    assert sha(f"x = {hex(10**5000)}") != sha(f"x = {hex(10**5000 + 1)}")


@pytest.mark.parametrize("content", [b"print 'no longer'", b"\x00\x01", b"\xff = 1"])
def test_what_is_no_python_counts_by_its_bytes(content):
    assert code_sha256(content) == hashlib.sha256(content).hexdigest()
    assert import_statements(content) == ()


@pytest.mark.parametrize("content", ["x = " + "a + " * 5000 + "a", "x = f" + "(1)" * 3000])
def test_what_is_nested_too_deeply_counts_all_the_same(content):
    assert sha(content) == sha(content)
    assert sha(content) != sha(content + "\ny = 1")
    assert import_statements(content.encode()) == ()


def test_every_field_of_every_node_of_this_python_is_listed_or_left_out_on_purpose():
    nodes = {
        name: kind
        for name, kind in inspect.getmembers(ast, inspect.isclass)
        if issubclass(kind, ast.AST) and kind._fields
    }
    # What stands for a whole file in other modes, and names of older versions for `Constant`.
    other = {
        "Expression",
        "Interactive",
        "FunctionType",
        "TypeIgnore",
        "Suite",
        "AugLoad",
        "AugStore",
        "Param",
    }
    old = {"Num", "Str", "Bytes", "NameConstant", "Ellipsis", "Index", "ExtSlice"}
    assert set(nodes) - set(FIELDS) - other - old == set()
    for name in set(nodes) & set(FIELDS):
        missing = set(nodes[name]._fields) - set(FIELDS[name]) - LEFT_OUT
        assert not missing, f"{name}: {missing}"
    assert "annotation" in FIELDS["AnnAssign"]


def test_the_hash_is_the_one_that_python_3_11_to_3_14_gave():
    # A change of it makes every stored run another one: it is made on purpose, or not at all.
    assert sha(CODE) == "37ec49a99788274875de374722689feae4f8e4a16c8f43274d26353279cbc2ce"


def test_imports_are_found_wherever_they_stand():
    code = """
import a, b.c as d
if TYPE_CHECKING:
    import never
else:
    import always
def f():
    from . import e
    try:
        from g import *
    finally:
        pass
"""
    found = [ast.unparse(statement) for statement in import_statements(code.encode())]
    assert found == ["import a, b.c as d", "import always", "from . import e", "from g import *"]
