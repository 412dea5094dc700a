"""The page's server: who is answered, and what a visitor can take from others, with a token or without."""

import asyncio
import json
import os
import socket
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from wavesynth.clients import Client
from wavesynth.server.limits import Limits
from wavesynth.server.web.config import PageLimits, WebConfig

connecting = pytest.importorskip("websockets.sync.client", reason="needs websockets: pip install '.[web]'")
exceptions = pytest.importorskip("websockets.exceptions")
frames = pytest.importorskip("websockets.frames")

UPGRADE = (
    b"GET /stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture(scope="module")
def server(serve):
    limits = PageLimits(connections=20, silent=3, request=0.5, close=0.3)
    web = WebConfig(port=0, hosts=("voices.example.org",), limits=limits)
    with serve(web=web, limits=Limits(stall=0.3)) as server:
        yield server


def url(server, path=""):
    return f"http://127.0.0.1:{server.web_port}/{path}"


def connect(server, **options):
    return connecting.connect(f"ws://127.0.0.1:{server.web_port}/stream", **options)


@contextmanager
def raw(server, sent=b""):
    """A connection without a library, whose reader takes little."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", server.web_port))
        connection.sendall(sent)
        yield connection


def frame(opcode, data):
    return frames.Frame(opcode, data).serialize(mask=True)


def refused(connection):
    """The error that a WebSocket's only answer is."""
    (answer,) = list(connection)
    return json.loads(answer)["error"]


def eventually(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def test_grpc_is_answered_while_the_page_is_busy_with_a_message(server, monkeypatch):
    busy, go_on = threading.Event(), threading.Event()

    def parse(*_):
        busy.set()
        assert go_on.wait(30)
        raise ValueError("it took long")

    monkeypatch.setattr("google.protobuf.json_format.ParseDict", parse)
    with connect(server) as connection, Client(f"localhost:{server.port}") as client:
        connection.send("{}")
        assert busy.wait(20)
        assert client.voices().default_voice == "tiny"
        assert sum(map(len, client.stream("free", seconds=0.1))) == 1600
        go_on.set()
        assert "it took long" in refused(connection)["message"]


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (
            "[" * 65_537,
            "the first message is not a configuration: it has 65537 bytes; it may have at most 65536",
        ),
        ("[" * 60_000, "the first message is not a configuration: "),
        (json.dumps({"x" * 60_000: 1}), "the first message is not a configuration: "),
    ],
)
def test_a_first_message_is_looked_at_only_if_it_is_small(server, message, sentence):
    with connect(server) as connection:
        connection.send(message)
        error = refused(connection)
    assert error["code"] == "INVALID_ARGUMENT" and error["message"].startswith(sentence)
    assert len(error["message"]) < 300


@pytest.mark.parametrize("message", [bytes(1 + (1 << 20)), [b""] * 10_000], ids=["long", "in pieces"])
def test_a_message_that_is_long_or_in_countless_pieces_ends_its_connection(server, message):
    with connect(server) as connection:
        with suppress(exceptions.ConnectionClosed):
            connection.send(message)
        with pytest.raises(exceptions.ConnectionClosedError) as closed:
            connection.recv()
    assert closed.value.rcvd.code == 1009  # too big


def test_who_pings_and_never_reads_is_cut(server):
    pings = frame(frames.Opcode.PING, bytes(125)) * 500
    with raw(server, UPGRADE) as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 101 ")
        with pytest.raises(ConnectionError):
            for _ in range(200):  # 13 MB
                connection.sendall(pings)


def test_who_never_reads_a_call_loses_its_place_and_its_connection(server):
    before = len(os.listdir("/proc/self/fd"))
    call = json.dumps({"synthesis": {"voice": "free"}, "durationSeconds": 600}).encode()
    with raw(server, UPGRADE + frame(frames.Opcode.TEXT, call)):
        eventually(lambda: server.engine.live == 1)
        eventually(lambda: server.engine.live == 0)
        eventually(lambda: len(os.listdir("/proc/self/fd")) == before + 1)  # ours; the server's is closed


UNFINISHED = b"GET / HTTP/1.1\r\nHost: "


def test_a_request_that_is_never_finished_is_cut_when_its_time_is_over(server):
    with raw(server, UNFINISHED) as connection, suppress(ConnectionResetError):
        assert connection.recv(1) == b""


def test_of_too_many_unfinished_requests_the_oldest_are_cut_and_nobody_is_shut_out(serve):
    limits = PageLimits(connections=5, request=60)
    with serve(web=WebConfig(port=0, limits=limits)) as server, ExitStack() as stack:
        slow = [stack.enter_context(raw(server, UNFINISHED)) for _ in range(20)]
        assert urlopen(url(server), timeout=20).status == 200
        for connection in slow[:10]:
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""


def test_websockets_that_ask_for_nothing_give_way_to_those_that_come(server):
    with ExitStack() as stack:
        silent = [stack.enter_context(connect(server)) for _ in range(30)]
        with connect(server) as connection:
            connection.send("nonsense")
            assert refused(connection)["code"] == "INVALID_ARGUMENT"
        with pytest.raises(exceptions.ConnectionClosed):
            silent[0].recv(timeout=20)


@pytest.mark.parametrize(
    "piece", [bytes(range(100)), b"abc", b""], ids=["samples", "parts of samples", "nothing"]
)
async def test_input_ahead_of_the_engine_is_not_read_and_none_of_it_is_lost(piece):
    from wavesynth.server.web.input import Input

    read = 0

    async def socket():
        nonlocal read
        for _ in range(1000):
            read += 1
            yield piece
        yield "end"

    given = Input(10_000)
    reader = asyncio.create_task(given.read(socket()))
    for _ in range(2000):
        await asyncio.sleep(0)
    assert 10 < read < 200
    assert b"".join([taken async for taken in given.pieces()]) == piece * 1000
    await reader


@pytest.mark.parametrize("host", ["evil.org", "localhost.evil.org", "127.0.0.1.evil.org", "http://[", ""])
def test_a_name_that_is_not_the_servers_is_refused(server, host):
    for path in ("", "voices", "static/page.js"):
        with pytest.raises(HTTPError) as refused:
            urlopen(Request(url(server, path), headers={"Host": host}))
        assert refused.value.code == 403
        assert "--web-host adds names" in refused.value.read().decode()
    with raw(server, UPGRADE.replace(b"localhost", host.encode())) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    "host", ["localhost:1", "a.localhost", "[::1]:80", "192.0.2.7", "Voices.example.org", "127.0.0.1"]
)
def test_the_servers_names_and_all_numeric_addresses_are_answered(server, host):
    assert urlopen(Request(url(server, "voices"), headers={"Host": host})).status == 200


def test_lists_and_the_example_want_the_token_and_the_page_itself_does_not(serve, tmp_path):
    example = tmp_path / "example.flac"
    example.write_bytes(b"sound")
    with serve(web=WebConfig(port=0, example=example), token="secret") as server:
        assert b"<title>wavesynth</title>" in urlopen(url(server)).read()
        for path in ("voices", "models", "example"):
            for sent in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer s\u00e9cret"}):
                with pytest.raises(HTTPError) as refused:
                    urlopen(Request(url(server, path), headers=sent))
                assert refused.value.code == 401
                assert json.load(refused.value)["code"] == "UNAUTHENTICATED"
            answer = urlopen(Request(url(server, path), headers={"Authorization": "Bearer secret"}))
            assert answer.status == 200
        assert answer.read() == b"sound"


@pytest.mark.parametrize("path", ["/", "/voices", "/static/page.js", "/nothing", "/static/../page.py"])
def test_every_answer_forbids_frames_guesses_of_types_and_what_is_inline(server, path):
    connection = HTTPConnection("127.0.0.1", server.web_port, timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.status == (404 if "not" in path or ".." in path else 200)
    connection.close()
