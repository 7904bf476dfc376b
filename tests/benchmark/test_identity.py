"""When two runs are the same run."""

import ast
import importlib
import inspect
import sys
from pathlib import Path

import pytest

from benchmark.identity import run_id, run_identity, source_sha256
from benchmark.records import Protocol
from benchmark.registry import METHODS

PROTOCOL = Protocol(
    dataset="d",
    protocol="p",
    file_list_sha256="f",
    split="s",
    split_sha256="x",
    setting="zs",
    direction="sketch2photo",
    relevance="category",
    exclusions="none",
    preprocessing="none",
    feature_norm="centred",
    pairs="class",
    width=64,
    codes="real",
    ties="expected",
    metric_engine="1",
)
PARTS = {
    "method": "m",
    "variant": "",
    "source_sha256": "a",
    "config": {"lr": 0.1, "epochs": 3},
    "tuned_for": None,
    "validation_classes": ("mail",),
    "backbone": "b",
    "preprocessing": "p",
    "weights_sha256": "w",
    "class_vectors_sha256": None,
    "finetuning": (),
    "seed": 0,
}


def test_equal_parts_give_one_identity_whatever_their_order():
    reordered = {**PARTS, "config": {"epochs": 3, "lr": 0.1}}
    assert run_identity(PROTOCOL, **PARTS) == run_identity(PROTOCOL, **reordered)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("method", "n"),
        ("variant", "without latent"),
        ("validation_classes", ("moon",)),
        ("preprocessing", "q"),
        ("class_vectors_sha256", "v"),
        ("source_sha256", "b"),
        ("config", {"lr": 0.2, "epochs": 3}),
        ("tuned_for", "other code"),
        ("backbone", "c"),
        ("weights_sha256", "v"),
        ("finetuning", ("k",)),
        ("seed", 1),
    ],
)
def test_every_part_makes_another_run(part, value):
    assert run_identity(PROTOCOL, **{**PARTS, part: value}) != run_identity(PROTOCOL, **PARTS)


def test_a_search_for_the_code_as_it_is_makes_no_other_run():
    assert run_identity(PROTOCOL, **{**PARTS, "tuned_for": PARTS["source_sha256"]}) == run_identity(
        PROTOCOL, **PARTS
    )


@pytest.mark.parametrize("field", sorted(Protocol.model_fields))
def test_every_field_of_the_protocol_makes_another_run_and_another_fingerprint(field):
    changed = PROTOCOL.model_copy(update={field: 128 if field == "width" else "changed"})
    assert changed.fingerprint != PROTOCOL.fingerprint
    assert run_identity(changed, **PARTS) != run_identity(PROTOCOL, **PARTS)


def test_a_fingerprint_has_12_hexadecimal_digits():
    assert len(PROTOCOL.fingerprint) == 12
    assert int(PROTOCOL.fingerprint, 16) >= 0


def test_a_run_id_names_seed_and_identity():
    assert run_id(3, "0123456789abcdef") == "seed3-01234567"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Write a file with these imports and a class, and return the class."""

    def loaded(imports, name="zs_mine"):
        path = tmp_path / f"{name}.py"
        path.write_text(f"{imports}\n\n\nclass Mine:\n    pass\n")
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name).Mine

    return loaded


def test_what_is_executed_of_a_method_counts_and_nothing_else(load):
    one, other = load("x = 1", "zs_one"), load("x = 2", "zs_other")
    assert source_sha256(one) != source_sha256(other)
    assert source_sha256(one) == source_sha256(load('"""One."""\nx = 1  # not 2', "zs_same"))


def test_code_that_changes_places_with_other_code_counts(load, tmp_path):
    (tmp_path / "zs_left.py").write_text("x = 1")
    (tmp_path / "zs_right.py").write_text("x = 2")
    method = load("import zs_left, zs_right")
    before = source_sha256(method)
    (tmp_path / "zs_left.py").write_text("x = 2")
    (tmp_path / "zs_right.py").write_text("x = 1")
    assert source_sha256(method) != before


@pytest.mark.parametrize(
    "imports",
    [
        "from methods.parts.pairs import PairSampler",
        "from methods.parts import pairs",
        "import methods.parts.pairs",
    ],
)
def test_files_of_methods_that_it_imports_count(load, monkeypatch, imports):
    method = load(imports)
    before = source_sha256(method)
    change_when_read(monkeypatch, "pairs.py")
    assert source_sha256(method) != before


def test_files_imported_by_imported_files_count(load, monkeypatch):
    method = load("from methods.siamese import Siamese")
    before = source_sha256(method)
    change_when_read(monkeypatch, "pairs.py")
    assert source_sha256(method) != before


def test_files_of_methods_that_it_does_not_import_do_not_count(load, monkeypatch):
    method = load("from methods.frozen import Frozen")
    before = source_sha256(method)
    change_when_read(monkeypatch, "pairs.py")
    assert source_sha256(method) == before


@pytest.mark.parametrize("file_name", ["errors.py", "registry.py", "decoder.py"])
def test_plumbing_and_installed_packages_do_not_count(load, monkeypatch, file_name):
    method = load("import json.decoder\nimport benchmark.registry\nfrom benchmark.errors import NotRunnable")
    before = source_sha256(method)
    change_when_read(monkeypatch, file_name)
    assert source_sha256(method) == before


def test_the_data_layer_that_it_imports_counts(load, monkeypatch):
    method = load("from datasets.seen import SeenData")
    before = source_sha256(method)
    change_when_read(monkeypatch, "seen.py")
    assert source_sha256(method) != before


@pytest.mark.parametrize(
    "statement",
    [
        "import zs_helper",
        "from zs_helper import x",
        "def f():\n    import zs_helper",
        "import zs_folder.inner",
    ],
)
def test_a_helper_in_another_folder_counts_without_being_imported(load, tmp_path, monkeypatch, statement):
    (tmp_path / "elsewhere" / "zs_folder").mkdir(parents=True)
    (tmp_path / "elsewhere" / "zs_helper.py").write_text("from zs_far import y as x")
    (tmp_path / "elsewhere" / "zs_folder" / "inner.py").write_text("import zs_far")
    (tmp_path / "elsewhere" / "zs_far.py").write_text("y = 1")
    lazy = f"if len(__name__) < 0:\n    {statement.replace(chr(10), chr(10) + '    ')}"
    method = load(f"import sys\nsys.path.insert(0, {str(tmp_path / 'elsewhere')!r})\n{lazy}")
    before = source_sha256(method)
    (tmp_path / "elsewhere" / "zs_far.py").write_text("y = 2")
    assert source_sha256(method) != before
    assert "zs_far" not in sys.modules


def test_a_docstring_in_every_file_of_every_method_makes_no_other_run(monkeypatch):
    methods = [METHODS.get(name) for name in METHODS.ids()]
    before = [source_sha256(method) for method in methods]
    monkeypatch.setattr(Path, "read_bytes", with_other_texts(Path.read_bytes))
    assert [source_sha256(method) for method in methods] == before


def with_other_texts(read_bytes):
    """Docstrings and comments of every function, class and file changed, by this Python itself."""

    def changed(path):
        tree = ast.parse(read_bytes(path))
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)):
                if ast.get_docstring(node) is not None:
                    del node.body[0]
                node.body.insert(0, ast.Expr(ast.Constant("Other words.")))
        # `__future__` imports stay first but for the docstring; `unparse` drops all comments and layout.
        return ast.unparse(ast.fix_missing_locations(tree)).encode()

    return changed


def test_every_file_of_a_method_that_is_a_folder_counts(tmp_path, monkeypatch):
    (tmp_path / "zs_pack").mkdir()
    for name in ("__init__", "zs_layers"):
        (tmp_path / "zs_pack" / f"{name}.py").touch()
    (tmp_path / "zs_pack" / "method.py").write_text("class Mine:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    method = importlib.import_module("zs_pack.method").Mine
    before = source_sha256(method)
    change_when_read(monkeypatch, "zs_layers.py")
    assert source_sha256(method) != before
    for name in ("zs_pack", "zs_pack.method"):
        monkeypatch.delitem(sys.modules, name)


def test_the_file_is_that_of_the_class(load):
    method = load("x = 1")
    assert Path(inspect.getsourcefile(method)).name == "zs_mine.py"


def change_when_read(monkeypatch, file_name):
    """Let a file have one more statement, without touching it."""
    original = Path.read_bytes

    def read_bytes(path):
        return original(path) + (b"\nchanged = 1\n" if path.name == file_name else b"")

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
