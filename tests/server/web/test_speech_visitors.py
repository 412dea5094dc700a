"""OpenAI's API for speech: what a visitor can take from others, and connections of every kind."""

import json
import socket
import ssl
import time
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

import pytest

from tests.voices_for_tests import make_text_voice
from wavesynth.server.limits import Limits
from wavesynth.server.web.config import PageLimits, WebConfig
from wavesynth.voices.voice import save_voice

pytest.importorskip("websockets", reason="needs websockets: pip install '.[web]'")
pytest.importorskip("h11", reason="needs h11: pip install '.[web]'")

TLS = Path(__file__).parents[1] / "tls"
TEXT = "Every word is said. And so is the next one. "
ASKED = {"model": "wavesynth", "input": TEXT, "voice": "reader", "response_format": "pcm"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices")
    save_voice(folder / "reader", make_text_voice())
    return folder


def said(server):
    """Bytes of an answer to who asks as everybody does."""
    with closing(HTTPConnection("127.0.0.1", server.web_port, timeout=60)) as connection:
        connection.request("POST", "/v1/audio/speech", json.dumps(ASKED))
        return len(connection.getresponse().read())


def eventually(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_a_request_may_come_over_tls(serve, folder):
    with serve(voices=folder, web=WebConfig(port=0), tls=(TLS / "cert.pem", TLS / "key.pem")) as server:
        context = ssl.create_default_context(cafile=TLS / "cert.pem")
        with closing(
            HTTPSConnection("localhost", server.web_port, context=context, timeout=60)
        ) as connection:
            connection.request("POST", "/v1/audio/speech", json.dumps(ASKED))
            assert len(connection.getresponse().read()) > 10_000


def test_who_does_not_read_loses_the_place(serve, folder):
    with serve(voices=folder, web=WebConfig(port=0), limits=Limits(stall=0.5)) as server:
        body = json.dumps({**ASKED, "input": TEXT * 200}).encode()
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.web_port))
            head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
            eventually(lambda: server.engine.live == 1)
            eventually(lambda: server.engine.live == 0)


def test_half_requests_keep_nobody_out(serve, folder):
    limits = PageLimits(connections=5, request=60)
    with serve(voices=folder, web=WebConfig(port=0, limits=limits)) as server, ExitStack() as stack:
        for sent in [b"", b"POST /v1/aud", b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\n"] * 4:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.web_port), 20))
            connection.sendall(sent)
        assert said(server) > 10_000
