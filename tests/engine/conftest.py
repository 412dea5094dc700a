"""What tests of the engine share."""

import pytest

from tests.engine.engines import VOICES, Gate


@pytest.fixture
def gate():
    """A sampler that advances only when told."""
    return Gate(VOICES["free"].sampler)
