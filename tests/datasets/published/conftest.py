"""The copies that most tests of the published data sets start from."""

import pytest


@pytest.fixture
def sketchy(lay_out):
    """Sketchy with its extension as SAKE lays it out."""
    return lay_out("sketchy_ext", "B")


@pytest.fixture
def tuberlin(lay_out):
    """TU-Berlin with its photos as SEM-PCYC lays it out."""
    return lay_out("tuberlin_ext", "A")
