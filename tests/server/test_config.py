"""How a server is to run is checked before anything is loaded."""

import pytest

from wavesynth.server.config import ServerConfig
from wavesynth.server.web.config import WebConfig
from wavesynth.workers import cores


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"port": 65536}, "port is 65536; it must be a whole number from 0 to 65535"),
        (
            {"threads": 0},
            f"threads is 0; it must be from 1 to {4 * cores()}, 4 for each core of this machine",
        ),
        ({"threads": 10_000}, "threads is 10000; it must be from 1 to "),
        ({"workers": 10_000}, f"workers is 10000; it must be from 0 to {4 * cores()}, 4 for each core"),
        ({"workers": -1}, "workers is -1; it must be from 0 to "),
        ({"metrics_port": 0}, "metrics_port is 0; it must be a whole number from 1 to 65535"),
        ({"live_streams": 1.5}, r"live_streams is 1\.5; it must be a whole number from 1 to 100000"),
        ({"max_seconds": 0}, "max_seconds is 0; it must be above 0 and at most 86400 seconds"),
        ({"grace": float("nan")}, "grace is nan; it must be from 0 to 3600 seconds"),
    ],
)
def test_a_value_that_no_server_can_run_with_is_named(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        ServerConfig(**values)


def test_the_pages_port_is_checked_alike():
    with pytest.raises(ValueError, match="port is -1; it must be a whole number from 0 to 65535"):
        WebConfig(port=-1)


def test_front_ends_need_a_system_where_processes_share_a_port(monkeypatch):
    monkeypatch.delattr("socket.SO_REUSEPORT")
    with pytest.raises(ValueError, match="workers is 1; it must be 0 on this system"):
        ServerConfig(workers=1)
