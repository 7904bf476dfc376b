"""Plugins are found by id in three ways, and each thing that can be wrong with one has a message."""

import inspect
import sys
import types
from importlib.metadata import EntryPoint

import pytest

from benchmark.errors import BenchmarkError
from benchmark.registry import DATASETS, METHODS, Registry, load_plugin

PLUGIN = """
from benchmark.registry import register_method
from methods.base import MethodCard, RetrievalMethod


@register_method(MethodCard(id="{id}", title="Mine", pretraining=(), side_information=(), input="features",
                            distance="cosine", fidelity="baseline", deviations=()))
class Mine(RetrievalMethod):
    def fit(self, seen, *, seed, progress):
        return self

    def embed_sketches(self, batch):
        return batch

    embed_photos = embed_sketches
"""


class One:
    """Something to register."""


class Other:
    """Something else."""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An empty package, and a function that writes a module of it."""
    (tmp_path / "zs_things").mkdir()
    (tmp_path / "zs_things" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, text):
        (tmp_path / "zs_things" / f"{name}.py").write_text(text)

    yield write
    for name in [name for name in sys.modules if name.split(".")[0] == "zs_things"]:
        del sys.modules[name]


@pytest.fixture
def registry(package, monkeypatch):
    """A registry of the package's modules, which they reach as `zs_holder.registry`."""
    made = Registry("thing", package="zs_things", entry_point_group="zs.things")
    monkeypatch.setitem(sys.modules, "zs_holder", types.SimpleNamespace(registry=made))
    return made


def test_modules_of_the_package_register_themselves(registry, package):
    package("apple", "from zs_holder import registry\nclass Apple: pass\nregistry.add('apple', Apple)\n")
    package("_private", "raise RuntimeError('not to be imported')\n")
    assert registry.ids() == ("apple",)
    assert registry.get("apple").__name__ == "Apple"


def test_ids_are_sorted(registry):
    registry.add("pear", One)
    registry.add("apple", Other)
    assert registry.ids() == ("apple", "pear")


def test_origin_names_file_and_line(registry):
    registry.add("one", One)
    file, line = registry.origin("one").rsplit(":", 1)
    assert file == __file__
    with open(__file__, encoding="utf-8") as source:  # noqa: PTH123
        assert source.read().splitlines()[int(line) - 1] == "class One:"


def test_a_second_registration_of_an_id_names_both_places(registry):
    registry.add("one", One)
    with pytest.raises(
        BenchmarkError,
        match=r"two things are called 'one': .*test_registry\.py:\d+ and .*test_registry\.py:\d+\. Ids are",
    ):
        registry.add("one", Other)
    assert registry.get("one") is One


def test_the_same_class_may_be_registered_again(registry):
    registry.add("one", One)
    registry.add("one", One)
    assert registry.ids() == ("one",)


def test_an_unknown_id_lists_close_and_known_names(registry):
    registry.add("sketchy", One)
    registry.add("tuberlin", Other)
    with pytest.raises(
        BenchmarkError, match=r"no thing named 'sketchi'\. Close names: sketchy\. Known: sketchy, tuberlin\."
    ):
        registry.get("sketchi")


def test_an_unknown_id_without_a_close_name_lists_the_known_ones(registry):
    with pytest.raises(BenchmarkError, match=r"no thing named 'xyz'\. Known: none\."):
        registry.get("xyz")


def test_after_freezing_nothing_can_be_added(registry):
    registry.add("one", One)
    registry.freeze()
    with pytest.raises(BenchmarkError, match=r"thing 'other' \(.*\) registered after the first run"):
        registry.add("other", Other)
    assert registry.ids() == ("one",)


def test_freezing_finds_the_modules_first(registry, package):
    package("apple", "from zs_holder import registry\nclass Apple: pass\nregistry.add('apple', Apple)\n")
    registry.freeze()
    assert registry.ids() == ("apple",)


def offer(monkeypatch, value):
    """Let an installed package declare an entry point of the group."""
    points = [EntryPoint(name="mine", value=value, group="zs.things")]
    monkeypatch.setattr(
        "benchmark.registry.entry_points", lambda *, group: [p for p in points if p.group == group]
    )


def test_an_installed_package_adds_entries_by_its_entry_point(registry, package, monkeypatch, tmp_path):
    text = "from zs_holder import registry\nclass Pear: pass\nregistry.add('pear', Pear)\n"
    (tmp_path / "zs_installed.py").write_text(text)
    offer(monkeypatch, "zs_installed:Pear")
    assert registry.ids() == ("pear",)
    monkeypatch.delitem(sys.modules, "zs_installed")


def test_an_installed_package_that_cannot_be_imported_is_named(registry, monkeypatch):
    offer(monkeypatch, "zs_not_there:Pear")
    with pytest.raises(
        BenchmarkError, match=r"installed plugin 'mine' \(zs_not_there:Pear\) could not be imported: Module"
    ):
        registry.ids()


@pytest.mark.usefixtures("open_registries")
def test_a_plugin_file_adds_its_method(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN.format(id="mine_all_mine"))
    load_plugin(path)
    assert METHODS.get("mine_all_mine").card.title == "Mine"
    assert METHODS.origin("mine_all_mine").startswith(str(path))


@pytest.mark.usefixtures("open_registries")
def test_a_plugin_file_may_be_named_twice(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN.format(id="mine_all_mine"))
    load_plugin(path)
    load_plugin(path)
    assert "mine_all_mine" in METHODS.ids()


@pytest.mark.usefixtures("open_registries")
def test_two_plugin_files_of_one_name_keep_their_own_source(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "mine.py"
        path.write_text(PLUGIN.format(id=f"mine_{folder}"))
        load_plugin(path)
    for folder in ("a", "b"):
        source = inspect.getsourcefile(METHODS.get(f"mine_{folder}"))
        assert source == str(tmp_path / folder / "mine.py")


@pytest.mark.usefixtures("open_registries")
def test_a_plugin_with_a_taken_id_names_both_places(tmp_path):
    METHODS.discover()
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN.format(id="frozen"))
    with pytest.raises(
        BenchmarkError, match=r"two methods are called 'frozen': .*frozen\.py:\d+ and .*mine\.py:\d+"
    ):
        load_plugin(path)


def test_a_missing_plugin_file_is_named(tmp_path):
    with pytest.raises(BenchmarkError, match=r"--plugin .*nowhere\.py: no such file\. Give the path"):
        load_plugin(tmp_path / "nowhere.py")


def test_a_plugin_that_is_not_python_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(BenchmarkError, match=r"--plugin .*mine\.txt: not a Python file"):
        load_plugin(tmp_path / "mine.txt")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import zs_not_there\n", "ModuleNotFoundError: No module named 'zs_not_there'"),
        ("def broken(:\n", "SyntaxError"),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        (PLUGIN.format(id="Not Snake Case"), "ValueError: a method's id is lower snake case"),
    ],
)
def test_a_plugin_that_fails_to_import_tells_why(tmp_path, text, reason):
    path = tmp_path / "mine.py"
    path.write_text(text)
    before = set(sys.modules)
    with pytest.raises(BenchmarkError, match=rf"--plugin .*mine\.py could not be imported: {reason}"):
        load_plugin(path)
    assert not [name for name in set(sys.modules) - before if name.startswith("zs_sbir_plugin")]


def test_built_in_methods_and_data_sets_are_found():
    assert {"frozen", "centred", "cca", "ridge", "sae", "siamese", "triplet", "zscmr"} <= set(METHODS.ids())
    assert {"emoji54", "folder"} <= set(DATASETS.ids())
