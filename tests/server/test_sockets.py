"""Every address that this machine has can be listened on; one that cannot be had is said to be what it is."""

import asyncio
import errno
import os
import socket
import urllib.request

import pytest

from wavesynth.clients import Client
from wavesynth.server.server import Server, ServerConfig
from wavesynth.server.sockets import check_port, host_and_port, listening
from wavesynth.server.web.config import WebConfig


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as tried:
        return tried.connect_ex(("::1", 1)) == errno.ECONNREFUSED


needs_ipv6 = pytest.mark.skipif(not (socket.has_ipv6 and has_ipv6()), reason="needs IPv6")


@needs_ipv6
@pytest.mark.parametrize(("host", "reached"), [("[::1]", ["::1"]), ("::", ["::1", "127.0.0.1"])])
async def test_grpc_the_page_and_the_metrics_listen_on_ipv6(host, reached, voices):
    with listening(host, 0) as taken:
        metrics_port = taken.getsockname()[1]
    settings = {"metrics_port": metrics_port, "metrics_host": host, "web": WebConfig(0, None)}
    settings |= {"live_streams": 1, "threads": 1}
    async with Server(ServerConfig(host=host, port=0, voices=voices, **settings)) as server:

        def ask(address):
            with Client(host_and_port(address, server.port)) as client:
                assert client.voices().default_voice == "tiny"
            for url in (
                f"{host_and_port(address, metrics_port)}/metrics",
                f"{host_and_port(address, server.web_port)}/voices",
            ):
                assert urllib.request.urlopen(f"http://{url}").status == 200

        for address in reached:
            await asyncio.to_thread(ask, address)


def test_addresses_are_joined_as_in_a_url():
    assert host_and_port("localhost", 1) == "localhost:1"
    assert host_and_port("::1", 1) == host_and_port("[::1]", 1) == "[::1]:1"


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("192.0.2.1", "cannot listen on 192.0.2.1:0: the address is none of this machine's"),
        ("no such host", "cannot listen on no such host:0: 'no such host' is neither an address nor a name that is "
         "known here"),
    ],
)  # fmt: skip
async def test_an_address_that_cannot_be_had_is_said_before_voices_are_loaded(host, sentence, tmp_path):
    with pytest.raises(OSError) as refused:
        await Server(ServerConfig(host=host, port=0, voices=tmp_path)).__aenter__()
    assert str(refused.value) == sentence


@pytest.mark.parametrize("purpose", ["serve metrics", "serve the page"])
async def test_a_port_in_use_is_said_before_voices_are_loaded(purpose, tmp_path):
    with listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        others = {"metrics_port": port} if "metrics" in purpose else {"web": WebConfig(port, None)}
        with pytest.raises(OSError) as refused:
            await Server(ServerConfig(port=0, voices=tmp_path, **others)).__aenter__()
    assert str(refused.value) == f"cannot {purpose} on 127.0.0.1:{port}: the port is in use"


async def test_one_port_for_two_things_is_in_use(tmp_path):
    with listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(OSError, match=f"cannot serve the page on 127.0.0.1:{port}: the port is in use"):
        await Server(ServerConfig(port=port, voices=tmp_path, web=WebConfig(port, None))).__aenter__()


def test_a_port_that_is_not_for_this_user_is_said_to_be_that(monkeypatch: pytest.MonkeyPatch):
    def bind(self, address):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(socket.socket, "bind", bind)
    with pytest.raises(OSError) as refused:
        check_port("127.0.0.1", 80)
    assert str(refused.value) == "cannot listen on 127.0.0.1:80: this user may not have that port"
