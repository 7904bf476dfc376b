"""What several folders of tests share."""

import pytest

from benchmark.tiny_world import TinyWorld, make_tiny_world


@pytest.fixture(scope="session")
def tiny_world() -> TinyWorld:
    """Seventeen generated classes: ten to train on, three for validation, four unseen."""
    return make_tiny_world()
