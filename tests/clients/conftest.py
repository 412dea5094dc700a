import pytest

from tests.clients.servers import served


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("voices")) as server:
        yield server


@pytest.fixture
def address(server):
    return f"localhost:{server.port}"
