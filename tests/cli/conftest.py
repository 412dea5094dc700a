"""What the tests of commands share."""

import pytest
import structlog


@pytest.fixture(autouse=True)
def log_as_it_was():
    """A `serve` in this process sends all its logs to standard error, those of the tests' own server too."""
    config = structlog.get_config()
    yield
    structlog.configure(**config)
