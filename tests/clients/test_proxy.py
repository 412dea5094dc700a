"""A proxy that the environment names is used for services elsewhere, never for one on this machine."""

import socket
import threading
from contextlib import suppress

import pytest

from wavesynth.clients import AsyncClient, Client, UnavailableError
from wavesynth.clients.connection import Connection

VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")


class Proxy:
    """A proxy on a thread, which leads every CONNECT to one address, or refuses it if that is None."""

    def __init__(self, to):
        self._to = to
        self.asked = []

    def __enter__(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_):
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _serve(self):
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                head = b""
                while b"\r\n\r\n" not in head and (more := client.recv(4096)):
                    head += more
                self.asked.append(head.split(b"\r\n")[0].decode())
                if self._to is None:
                    client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
                    client.close()
                    continue
                host, _, port = self._to.rpartition(":")
                server = socket.create_connection((host, int(port)))
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source, sink):
        with suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        sink.close()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in (*VARIABLES, "no_grpc_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("variable", VARIABLES)
async def test_a_server_on_this_machine_is_reached_without_a_proxy(server, monkeypatch, variable):
    with Proxy(None) as proxy:
        monkeypatch.setenv(variable, f"http://{proxy.address}")
        for host in ("localhost", "127.0.0.1", "dns:///localhost", "ipv4:127.0.0.1"):
            address = f"{host}:{server.port}"
            with Client(address) as client:
                assert client.voices().default_voice == "tiny"
            async with AsyncClient(address) as client:
                assert (await client.voices()).default_voice == "tiny"
        assert not proxy.asked


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("localhost:1", True),
        ("LOCALHOST", True),
        ("api.localhost:1", True),
        ("127.1.2.3:1", True),
        ("[::1]:1", True),
        ("::1", True),
        ("ipv6:[::1]:1", True),
        ("[::ffff:127.0.0.1]:1", True),
        ("0.0.0.0:1", True),
        ("[::]:1", True),
        ("unix:/run/wavesynth", True),
        ("unix-abstract:wavesynth", True),
        ("localhost.example:1", False),
        ("voices.example:1", False),
        ("dns:///voices.example:1", False),
        ("192.0.2.1:1", False),
        ("[2001:db8::1]:1", False),
    ],
)
def test_what_is_on_this_machine(address, local, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert Connection(address).local is local
    assert Connection(address).proxy == (None if local else ("http_proxy", "127.0.0.1:9"))


def test_a_service_elsewhere_is_reached_through_the_proxy(server, monkeypatch):
    with Proxy(f"127.0.0.1:{server.port}") as proxy:
        monkeypatch.setenv("https_proxy", f"http://{proxy.address}")
        with Client("voices.example:50051") as client:
            assert client.voices().default_voice == "tiny"
        assert proxy.asked == ["CONNECT voices.example:50051 HTTP/1.1"]


@pytest.mark.parametrize("there", [True, False])
async def test_a_proxy_that_does_not_lead_there_is_named_with_its_variable_and_without_its_password(
    monkeypatch, there
):
    with Proxy(None) as proxy:
        where = proxy.address if there else "127.0.0.1:9"
        monkeypatch.setenv("http_proxy", f"http://me:secret@{where}/")
        sentence = (
            rf"by way of the proxy {where}, which http_proxy names; no_proxy=voices\.example would go without"
        )
        with Client("voices.example:50051") as client:
            for call in (
                client.voices,
                lambda: client.synthesize(seconds=1),
                lambda: list(client.stream(seconds=1)),
            ):
                with pytest.raises(UnavailableError, match=sentence) as error:
                    call()
                assert "secret" not in str(error.value)
        async with AsyncClient("voices.example:50051") as client:
            with pytest.raises(UnavailableError, match=sentence):
                async for _ in client.stream(seconds=1):
                    pass


@pytest.mark.parametrize("variable", ["no_proxy", "no_grpc_proxy"])
@pytest.mark.parametrize(
    ("without", "proxied"),
    [
        ("voices.example", False),
        ("other.example, .example", False),
        ("example", False),
        ("*", False),
        ("ices.example", True),
        ("voices.example.org", True),
        ("", True),
    ],
)
def test_no_proxy_is_respected(monkeypatch, variable, without, proxied):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv(variable, without)
    connection = Connection("voices.example:1")
    assert (connection.proxy is not None) is proxied
    assert dict(connection.options)["grpc.enable_http_proxy"] == proxied


def test_an_error_without_a_proxy_speaks_of_none():
    with Client("localhost:1") as client, pytest.raises(UnavailableError) as error:
        client.voices()
    assert str(error.value) == "nothing answers at localhost:1; is `wavesynth serve` running there?"
