from __future__ import annotations

import pytest

from benchmark.environment import describe_environment, device_in_words


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"device": "cpu", "processor": "AMD EPYC", "threads": 1}, "AMD EPYC (1 thread)"),
        ({"device": "cpu", "processor": "AMD EPYC", "threads": 16}, "AMD EPYC (16 threads)"),
        ({"device": "NVIDIA H200", "processor": "AMD EPYC", "threads": 1}, "NVIDIA H200"),
        ({"device": "cpu", "processor": "unknown", "threads": 4}, "cpu (4 threads)"),
        ({"device": "cpu"}, "cpu"),
        ({}, "unknown"),
    ],
)
def test_a_device_is_named_so_that_its_seconds_mean_something(described, words):
    assert device_in_words(described) == words


def test_what_is_described_of_this_machine_can_be_named():
    environment = describe_environment("cpu")
    assert f"({environment['threads']} thread" in device_in_words(environment)
