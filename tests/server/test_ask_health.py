"""The container's health check knows the server's port, and not whether it speaks TLS."""

import subprocess
import sys
from pathlib import Path

import pytest

from wavesynth.server.ask_health import serves
from wavesynth.server.sockets import listening

TLS = Path(__file__).parent / "tls"


@pytest.mark.parametrize(
    "options", [{}, {"tls": (TLS / "cert.pem", TLS / "key.pem"), "token": "secret"}], ids=["plain", "tls"]
)
def test_a_server_is_well_with_tls_and_without(serve, options):
    with serve(**options) as server:
        assert serves(server.port)
        command = [sys.executable, "-m", "wavesynth.server.ask_health", str(server.port)]
        assert subprocess.run(command, timeout=60).returncode == 0
    assert not serves(server.port)


def test_what_listens_and_is_no_server_is_not_well():
    with listening("127.0.0.1", 0) as silent:
        assert not serves(silent.getsockname()[1])
