"""What is read of a method's source is what the registry holds when everything is imported."""

import dataclasses

import pytest

from benchmark import method_sources as module
from benchmark.method_sources import are_all_told, method_sources
from benchmark.registry import METHODS


def test_the_methods_are_those_of_the_registry():
    assert tuple(method_sources()) == METHODS.ids()
    assert are_all_told()


@pytest.mark.parametrize("method_id", METHODS.ids())
def test_title_place_and_defaults_are_those_of_the_registry(method_id):
    source, method = method_sources()[method_id], METHODS.get(method_id)
    assert source.id == method_id
    assert source.title == method.card.title
    assert source.origin == METHODS.origin(method_id)
    assert source.defaults == {field.name: field.default for field in dataclasses.fields(method.Config)}
    assert list(source.defaults) == [field.name for field in dataclasses.fields(method.Config)]


LITERAL = """
@register_method(MethodCard(id="mine", title="Mine"))
class Mine:
    class Config:
        width: int = 3
"""


@pytest.mark.parametrize(
    "other",
    [
        "@register_method(MethodCard(id=ID, title='x'))\nclass Other: ...",
        "@register_method(CARD)\nclass Other: ...",
        "@registry.register_method(MethodCard(id='other', title='x'))\nclass Other: ...",
        "register_method(MethodCard(id='other', title='x'))(type('Other', (), {}))",
    ],
)
def test_what_is_written_in_another_way_is_left_to_the_registry(other, tmp_path, monkeypatch):
    folder = tmp_path / "methods" / "a_folder"
    folder.mkdir(parents=True)
    (tmp_path / "methods" / "mine.py").write_text(LITERAL)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    for path in (None, tmp_path / "methods" / "other.py", folder / "__init__.py"):
        for known in (method_sources, are_all_told):
            known.cache_clear()
        if path is not None:
            path.write_text(other)
        assert set(method_sources()) == {"mine"}
        assert method_sources()["mine"].defaults == {"width": 3}
        assert are_all_told() == (path is None)
    for known in (method_sources, are_all_told):
        known.cache_clear()
