"""What is read of a method's source is what the registry holds when everything is imported."""

import dataclasses

import pytest

from benchmark.method_sources import method_sources
from benchmark.registry import METHODS


def test_the_methods_are_those_of_the_registry():
    assert tuple(method_sources()) == METHODS.ids()


@pytest.mark.parametrize("method_id", METHODS.ids())
def test_title_place_and_defaults_are_those_of_the_registry(method_id):
    source, method = method_sources()[method_id], METHODS.get(method_id)
    assert source.id == method_id
    assert source.title == method.card.title
    assert source.origin == METHODS.origin(method_id)
    assert source.defaults == {field.name: field.default for field in dataclasses.fields(method.Config)}
    assert list(source.defaults) == [field.name for field in dataclasses.fields(method.Config)]
