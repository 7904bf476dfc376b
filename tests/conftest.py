"""What several folders of tests share."""

import pytest
import torch

from benchmark.contract.tiny_world import TinyWorld, make_tiny_world


def pytest_configure() -> None:
    """Compute on one thread: for small arrays, threads that wait for each other take most of the time."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_world() -> TinyWorld:
    """Seventeen generated classes: ten to train on, three for validation, four unseen."""
    return make_tiny_world()
