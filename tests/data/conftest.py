from collections.abc import Iterator

import pytest

from wavesynth.workers import threads


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Pieces of work that are short are slower with several."""
    with threads():
        yield
