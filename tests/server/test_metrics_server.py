"""The server of the metrics is for a few who ask and read: nobody else holds a thread of it for long."""

import socket
import time
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, Counter

from wavesynth.server.config import ServerConfig
from wavesynth.server.metrics_server import serve_metrics
from wavesynth.server.sockets import listening


@pytest.fixture
def registry():
    registry = CollectorRegistry()
    Counter("calls", "Calls", registry=registry)
    return registry


@pytest.fixture
def port():
    with listening("127.0.0.1", 0) as free:
        return free.getsockname()[1]


def page(port):
    return urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20).read()


def test_a_request_that_never_ends_is_cut_though_it_trickles(registry, port):
    with (
        serve_metrics("127.0.0.1", port, registry, lambda: True, longest=0.2),
        socket.create_connection(("127.0.0.1", port), 20) as slow,
    ):
        with pytest.raises(OSError):
            while True:
                slow.sendall(b"G")
                time.sleep(0.02)
        assert b"calls_total" in page(port)


def test_who_holds_all_connections_is_cut_and_the_next_one_is_answered(registry, port):
    with serve_metrics("127.0.0.1", port, registry, lambda: True, longest=0.5):
        silent = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(30)]
        try:
            # Those beyond the bound are closed at once, the others when their time is over.
            assert all(one.recv(1) == b"" for one in reversed(silent))
            assert b"calls_total" in page(port)
        finally:
            for one in silent:
                one.close()


def test_metrics_are_for_this_machine_unless_another_address_is_named():
    assert ServerConfig(host="0.0.0.0").metrics_host == "127.0.0.1"
