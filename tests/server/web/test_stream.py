"""The page's WebSocket: the audio, the limits and the sentences of gRPC, for pages of the service's own."""

import json
import socket
import time
from contextlib import suppress
from urllib.request import urlopen

import numpy as np
import pytest
from structlog.testing import capture_logs

from tests.voices_for_tests import make_text_voice
from wavesynth.clients import Client
from wavesynth.server.sockets import listening
from wavesynth.server.web.config import WebConfig
from wavesynth.voices.voice import save_voice

connecting = pytest.importorskip("websockets.sync.client", reason="needs websockets: pip install '.[web]'")
exceptions = pytest.importorskip("websockets.exceptions")

CLIP = np.random.default_rng(0).uniform(-0.3, 0.3, 1000).astype(np.float32)
FLOAT = {"sampleFormat": "SAMPLE_FORMAT_FLOAT32"}


@pytest.fixture(scope="module")
def server(serve):
    web = WebConfig(port=0, origins=("https://friend.org",))
    with serve(web=web, max_seconds=10) as server:
        yield server


@pytest.fixture(scope="module")
def with_token(serve):
    with serve(web=WebConfig(port=0), token="secret") as server:
        yield server


def connect(server, **options):
    return connecting.connect(f"ws://127.0.0.1:{server.web_port}/stream", **options)


def call(socket, configuration, *pieces):
    """Everything that comes back: texts as objects, audio as bytes."""
    with suppress(exceptions.ConnectionClosed):  # a call that is refused ends at once
        socket.send(json.dumps(configuration))
        for piece in pieces:
            socket.send(piece.tobytes())
        if pieces:
            socket.send("end")
    received = list(socket)
    texts = [json.loads(message) for message in received if isinstance(message, str)]
    return texts, b"".join(message for message in received if isinstance(message, bytes))


def test_a_page_gets_what_grpc_gets(server):
    with connect(server) as socket:
        configuration = {"synthesis": {"seed": 4, "temperature": 0.7}, "audio": FLOAT}
        texts, pcm = call(socket, configuration, *np.split(CLIP, [1, 300]))
    with Client(f"localhost:{server.port}") as client:
        assert pcm == client.synthesize(audio=CLIP, seed=4, temperature=0.7).pcm
    assert texts[0] == {"sampleRate": 16000, "firstSample": 0}
    assert texts[-1]["statistics"]["samples"] == "1000"


def test_a_short_message_does_not_wait_for_the_one_before_to_be_acknowledged():
    with (
        listening("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_sound_is_not_compressed_on_its_way(server):
    with connect(server, compression="deflate") as page:
        assert "Sec-WebSocket-Extensions" not in page.response.headers


def test_a_voice_without_input_takes_a_duration(server):
    with connect(server) as socket:
        _, pcm = call(socket, {"synthesis": {"voice": "free", "seed": 1}, "durationSeconds": 0.1})
    with Client(f"localhost:{server.port}") as client:
        assert pcm == client.synthesize("free", seconds=0.1, seed=1).pcm


@pytest.mark.parametrize(
    ("configuration", "code", "sentence"),
    [
        ({"synthesis": {"voice": "nobody"}, "audio": FLOAT}, "NOT_FOUND", "the voices are free, tiny"),
        ({"synthesis": {"temperature": 9}, "audio": FLOAT}, "INVALID_ARGUMENT", "temperature is 9"),
        ({"synthesis": {}}, "INVALID_ARGUMENT", "config.input is missing"),
        ({"audio": {"sampleRate": 1}}, "INVALID_ARGUMENT", "audio.format.sample_rate is 1"),
        (
            {"synthesis": {"voice": "free"}, "durationSeconds": 11},
            "INVALID_ARGUMENT",
            "duration_seconds is 11",
        ),
        ({"synthesys": {}}, "INVALID_ARGUMENT", "the first message is not a configuration"),
        ([1], "INVALID_ARGUMENT", "the first message is not a configuration"),
    ],
)
def test_what_is_wrong_is_said_in_grpcs_sentence(server, configuration, code, sentence):
    with connect(server) as socket:
        texts, pcm = call(socket, configuration)
    assert texts[-1]["error"]["code"] == code and sentence in texts[-1]["error"]["message"]
    assert not pcm


@pytest.mark.parametrize("first", ["{", '{"synthesys": {}}', "[1]", '{"audio": ' + "[" * 2000, "x" * 65_537])
def test_a_bad_first_message_is_a_call_that_is_refused(server, first):
    name, labels = "wavesynth_calls_total", {"method": "Resynthesize", "code": "INVALID_ARGUMENT"}
    before = server.metrics.registry.get_sample_value(name, labels) or 0
    with capture_logs() as logs:
        with connect(server) as socket:
            socket.send(first)
            said = json.loads(socket.recv())["error"]
        eventually(lambda: logs)
    (line,) = logs
    assert (line["event"], line["code"], line["reason"]) == ("call", said["code"], said["message"])
    assert said["code"] == "INVALID_ARGUMENT" and len(said["message"]) < 300
    assert server.metrics.registry.get_sample_value(name, labels) == before + 1


@pytest.mark.parametrize(
    ("first", "code", "strangers"),
    [
        ("{", "INVALID_ARGUMENT", 0),
        ("x" * 65_537, "INVALID_ARGUMENT", 0),
        ('{"token": "secret", "synthesys": {}}', "INVALID_ARGUMENT", 0),
        ('{"token": "other", "synthesys": {}}', "UNAUTHENTICATED", 1),
        ('{"synthesys": {}}', "UNAUTHENTICATED", 1),
    ],
)
def test_only_who_could_have_said_a_token_is_a_stranger(with_token, first, code, strangers):
    def counted():
        """Calls with that code, and strangers."""
        named = [("wavesynth_calls_total", {"code": code}), ("wavesynth_refused_total", {"reason": "token"})]
        value = with_token.metrics.registry.get_sample_value
        return [value(name, {"method": "Resynthesize", **labels}) or 0 for name, labels in named]

    calls, before = counted()
    with connect(with_token) as socket:
        socket.send(first)
        assert json.loads(socket.recv())["error"]["code"] == code
    eventually(lambda: counted() == [calls + 1, before + strangers])


def test_limits_are_those_of_grpc(server):
    with connect(server) as socket:
        texts, _ = call(socket, {"audio": FLOAT}, np.zeros(161_000, np.float32))
    assert "audio makes 10.0625 seconds of audio; at most 10 are allowed" in texts[-1]["error"]["message"]
    with connect(server) as one, connect(server) as two, connect(server) as three:
        for socket in (one, two):
            socket.send(json.dumps({"audio": FLOAT}))
        eventually(lambda: server.engine.live == 2)
        texts, _ = call(three, {"audio": FLOAT}, CLIP)
        assert (
            texts[-1]["error"]["code"] == "RESOURCE_EXHAUSTED" and texts[-1]["error"]["retryAfterMs"] >= 100
        )
    eventually(lambda: server.engine.live == 0)  # a page that is gone has given its place back


def eventually(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def test_pages_of_other_sites_are_refused(server):
    own = f"http://127.0.0.1:{server.web_port}"
    for origin in (own, "https://friend.org"):
        with connect(server, origin=origin) as socket:
            assert call(socket, {"audio": FLOAT}, CLIP)[1]
    for origin in ("https://evil.org", "http://127.0.0.1", "null", "http://["):
        with pytest.raises(exceptions.InvalidStatus) as refused, connect(server, origin=origin):
            pass
        assert refused.value.response.status_code == 403, origin


def test_the_page_lists_the_voices_and_takes_nothing_from_elsewhere(server):
    own = f"http://127.0.0.1:{server.web_port}"
    with urlopen(own) as page:
        assert b"<title>wavesynth</title>" in page.read()
        assert "default-src 'none'" in page.headers["content-security-policy"]
    with urlopen(f"{own}/voices") as response:
        listed = json.load(response)
    assert [voice["name"] for voice in listed["voices"]] == ["free", "tiny"]
    assert (
        listed["defaultVoice"] == "tiny" and listed["voices"][1]["melBands"] == 80 and not listed["example"]
    )


def test_a_token_is_asked_for_as_grpc_asks(serve):
    with serve(web=WebConfig(port=0), token="secret") as server:
        for wrong in ({}, {"token": "wrong"}, {"token": "\ud800"}, {"token": ["secret"]}):
            with connect(server) as socket:
                texts, _ = call(socket, {"audio": FLOAT, **wrong}, CLIP)
                assert texts[-1]["error"]["code"] == "UNAUTHENTICATED"
        with connect(server) as socket:
            assert call(socket, {"audio": FLOAT, "token": "secret"}, CLIP)[1]


def test_words_of_a_text_come_before_the_sound_that_they_are_in(serve, tmp_path):
    save_voice(tmp_path / "reader", make_text_voice())
    text = "Each word has its time."
    with serve(voices=tmp_path, web=WebConfig(port=0)) as server:
        with connect(server) as socket:
            socket.send(json.dumps({"conditioning": {"text": {"text": text}}}))
            received = list(socket)
        with Client(f"localhost:{server.port}") as client:
            words = [word for chunk in client.stream(text=text).chunks() for word in chunk.words]
    heard, found = 0, []
    for message in received:
        if isinstance(message, bytes):
            heard += len(message) // 2
        elif come := json.loads(message).get("words"):
            assert all(heard <= word["firstSample"] for word in come)
            found += come
    assert [(word["text"], word["begin"], word["end"]) for word in found] == [
        (word.text, word.begin, word.end) for word in words
    ]
    assert [word["text"] for word in found] == text.rstrip(".").split()
