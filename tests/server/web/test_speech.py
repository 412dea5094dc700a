"""OpenAI's API for speech: the audio of gRPC, its limits, and its errors in the form that API has."""

import base64
import json
import socket
import time
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection

import numpy as np
import pytest
from structlog.testing import capture_logs

from tests.voices_for_tests import make_text_voice, tiny_voice
from wavesynth.audio.live_files import LIVE_FILES, live_file
from wavesynth.clients import Client
from wavesynth.server.web.config import PageLimits, WebConfig
from wavesynth.voices.voice import save_voice

pytest.importorskip("websockets", reason="needs websockets: pip install '.[web]'")
pytest.importorskip("h11", reason="needs h11: pip install '.[web]'")

TEXT = "Every word is said. And so is the next one."
ASKED = {"model": "wavesynth", "input": TEXT, "voice": "reader", "response_format": "pcm"}
TOKENS = """
[all]
sha256 = "{all}"
[lists]
sha256 = "{lists}"
scopes = ["list"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Voices: reader, which takes text, and tiny, which does not."""
    folder = tmp_path_factory.mktemp("voices")
    save_voice(folder / "reader", make_text_voice())
    tiny_voice(folder, "tiny")
    return folder


@pytest.fixture(scope="module")
def server(serve, folder):
    with serve(voices=folder, web=WebConfig(port=0)) as server:
        yield server


@pytest.fixture(scope="module")
def guarded(serve, folder, tmp_path_factory):
    """A server with tokens and short limits."""
    from wavesynth.server.tokens import hash_of

    tokens = tmp_path_factory.mktemp("tokens") / "tokens.toml"
    tokens.write_text(TOKENS.format(all=hash_of("all"), lists=hash_of("lists")))
    limits = PageLimits(message=2000, request=1.0, close=0.3)
    with serve(voices=folder, web=WebConfig(port=0, limits=limits), tokens=tokens) as server:
        yield server


@contextmanager
def asking(server, body, method="POST", path="/v1/audio/speech", **headers):
    connection = HTTPConnection("127.0.0.1", server.web_port, timeout=60)
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    connection.request(method, path, data, {"Content-Type": "application/json", **headers})
    with closing(connection), connection.getresponse() as response:
        yield response


def said(server, body=ASKED, **options):
    with asking(server, body, **options) as response:
        return response.status, dict(response.headers), response.read()


def error(server, body=ASKED, **options):
    status, headers, data = said(server, body, **options)
    found = json.loads(data)["error"]
    assert found.keys() == {"message", "type", "param", "code"}
    return status, headers, found


def of_grpc(server, **options):
    with Client(f"localhost:{server.port}") as client:
        return np.frombuffer(client.synthesize(text=TEXT, voice="reader", **options).pcm, "<i2")


def eventually(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_the_audio_is_that_of_grpc(server):
    status, headers, data = said(server, {**ASKED, "response_format": "wav"})
    assert (status, headers["Content-Type"], headers["Transfer-Encoding"]) == (200, "audio/wav", "chunked")
    assert np.array_equal(np.frombuffer(data[44:], "<i2"), of_grpc(server))


def test_pcm_has_24_kilohertz(server):
    assert said(server)[2] == live_file("pcm", 16_000)(of_grpc(server), True)


@pytest.mark.parametrize("form", list(LIVE_FILES))
def test_each_format_comes_under_its_own_type(server, form):
    if form in ("opus", "aac"):
        pytest.importorskip("av", reason="needs av: pip install '.[ffmpeg]'")
    status, headers, data = said(server, {**ASKED, "response_format": form})
    assert (status, headers["Content-Type"]) == (200, LIVE_FILES[form]) and len(data) > 500


def test_speed_is_the_rate_of_the_text(server):
    _, _, fast = said(server, {**ASKED, "speed": 2, "response_format": "wav"})
    assert len(fast) < 0.8 * 2 * len(of_grpc(server))


def test_the_names_that_programs_have_built_in_are_the_default_voice_and_model(server):
    other = {**ASKED, "model": "tts-1", "voice": "alloy"}
    assert said(server, other)[2] == said(server)[2] == said(server, {**ASKED, "voice": {"id": "nova"}})[2]


def test_sound_is_heard_while_more_is_made_and_a_caller_who_leaves_ends_it(server):
    body = {**ASKED, "input": TEXT * 100, "response_format": "wav"}
    with asking(server, body) as response:
        assert response.status == 200 and len(response.read(4000)) == 4000
        assert server.engine.live == 1
    eventually(lambda: server.engine.live == 0)


def test_events_carry_the_same_audio(server):
    status, headers, data = said(server, {**ASKED, "stream_format": "sse", "stream": True})
    events = [json.loads(line.removeprefix("data: ")) for line in data.decode().split("\n\n") if line]
    audio = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert (status, headers["Content-Type"]) == (200, "text/event-stream")
    assert audio == said(server)[2] and events[-1]["type"] == "speech.audio.done"
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}


@pytest.mark.parametrize(
    ("changes", "status", "param", "sentence"),
    [
        ({"input": [TEXT]}, 400, "input", "input must be a text"),
        ({"input": " \n"}, 400, "input", "at least one word"),
        ({"input": "\ud800"}, 400, "input", "half of a surrogate pair"),
        ({"input": "…"}, 400, None, "text"),
        ({"model": "whisper-1"}, 404, "model", "it must be wavesynth"),
        ({"voice": "nobody"}, 404, None, "the voices are reader, tiny"),
        ({"voice": "tiny"}, 400, None, "takes no text"),
        ({"voice": "reader/june"}, 400, None, "speaker"),
        ({"voice": 3}, 400, "voice", "it must be the name of a voice"),
        ({"speed": 5}, 400, "speed", "from 0.25 to 4"),
        ({"speed": True}, 400, "speed", "from 0.25 to 4"),
        ({"response_format": "ogg"}, 400, "response_format", "mp3, opus, aac, flac, wav or pcm"),
        ({"stream_format": "ws"}, 400, "stream_format", "audio or sse"),
        ({"stream": "yes"}, 400, "stream", "true or false"),
        ({"pitch": 2}, 400, "pitch", "the fields are model, input"),
    ],
)
def test_what_is_wrong_is_said_in_their_form_and_counted(server, changes, status, param, sentence):
    counted = ("wavesynth_calls_total", {"method": "StreamSynthesize", "code": "INVALID_ARGUMENT"})
    value = server.metrics.registry.get_sample_value
    before = value(*counted) or 0
    came, _, found = error(server, {**ASKED, **changes})
    assert (came, found["type"], found["param"]) == (status, "invalid_request_error", param)
    assert sentence in found["message"]
    if status == 400:
        eventually(lambda: value(*counted) == before + 1)


def test_the_log_has_no_word_of_a_text(server):
    for wrong in (
        {"input": ["secret"]},
        {"input": "secret", "speed": 9},
        {"input": "secret", "voice": "tiny"},
    ):
        with capture_logs() as logs:
            error(server, {**ASKED, **wrong})
            eventually(lambda: logs)
        assert logs[0]["method"] == "StreamSynthesize" and "secret" not in str(logs)


@pytest.mark.parametrize(
    ("path", "method", "body", "status"),
    [
        ("/v1/audio/speech", "GET", None, 405),
        ("/v1/models", "DELETE", None, 405),
        ("/v1/chat/completions", "POST", b"{}", 404),
        ("/v1/audio/speech", "POST", b"{", 400),
        ("/v1/audio/speech", "POST", b"[]", 400),
        ("/v1/audio/speech", "POST", b"[" * 100_000, 400),
        ("/v1/audio/speech", "POST", b" " * (1 << 21), 413),
    ],
)
def test_what_is_no_request_is_refused(server, path, method, body, status):
    assert error(server, body, path=path, method=method)[0] == status


def test_the_model_is_listed(server):
    status, _, data = said(server, None, path="/v1/models", method="GET")
    assert status == 200 and [one["id"] for one in json.loads(data)["data"]] == ["wavesynth"]
    assert said(server, None, path="/v1/models/tts-1", method="GET")[0] == 200
    assert error(server, None, path="/v1/models/other", method="GET")[0] == 404


def test_tokens_are_those_of_grpc(guarded):
    for wrong in ({}, {"Authorization": "Bearer wrong"}):
        status, headers, found = error(guarded, **wrong)
        assert (status, found["code"], headers["WWW-Authenticate"]) == (401, "invalid_api_key", "Bearer")
        assert error(guarded, None, path="/v1/models", method="GET", **wrong)[0] == 401
    assert error(guarded, Authorization="Bearer lists")[0] == 403
    assert said(guarded, Authorization="Bearer all")[0] == 200
    assert said(guarded, None, path="/v1/models", method="GET", Authorization="Bearer lists")[0] == 200


def test_nothing_is_read_of_a_caller_without_the_token(guarded):
    with socket.create_connection(("127.0.0.1", guarded.web_port), 20) as connection:
        connection.sendall(
            b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\n"
        )
        assert b" 401 " in connection.recv(4096).split(b"\r\n")[0]


def test_a_request_that_does_not_come_is_cut(guarded):
    for sent in (b"", b"POST /v1/aud", b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\n"):
        with socket.create_connection(("127.0.0.1", guarded.web_port), 20) as connection:
            connection.sendall(sent)
            with suppress(ConnectionResetError):
                assert connection.recv(4096) == b""


def test_a_page_of_another_name_is_refused(server):
    status, _, found = error(server, Host="evil.org")
    assert status == 403 and "--web-host adds names" in found["message"]
    assert error(server, Origin="https://evil.org")[0] == 403


def test_a_full_server_says_when_to_come_back(server):
    with Client(f"localhost:{server.port}") as client:
        streams = [iter(client.stream(text=TEXT * 100, voice="reader")) for _ in range(2)]
        for stream in streams:
            next(stream)
        status, headers, found = error(server)
        for stream in streams:
            stream.close()
    assert (status, found["code"]) == (429, "rate_limit_exceeded")
    assert int(headers["retry-after-ms"]) >= 100 and int(headers["Retry-After"]) >= 1
    eventually(lambda: server.engine.live == 0)


def test_a_request_keeps_the_name_that_it_was_given(server):
    assert said(server, **{"x-request-id": "mine-1"})[1]["x-request-id"] == "mine-1"
    assert error(server, {}, **{"x-request-id": "mine-2"})[1]["x-request-id"] == "mine-2"


def test_a_request_may_come_byte_by_byte(server):
    body = json.dumps(ASKED).encode()
    head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.web_port), 60) as connection:
        for byte in head.encode() + body:
            connection.send(bytes([byte]))
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.fixture(scope="module")
def openai():
    return pytest.importorskip("openai", reason="needs openai: pip install openai")


def client_of(openai, server, key="all"):
    return openai.OpenAI(base_url=f"http://127.0.0.1:{server.web_port}/v1", api_key=key, max_retries=0)


def test_the_public_client_hears_it(openai, guarded):
    with client_of(openai, guarded) as client:
        asked = client.audio.speech.with_streaming_response.create(**ASKED)
        with asked as response:
            heard = b"".join(response.iter_bytes(1024))
        assert heard == said(guarded, Authorization="Bearer all")[2]
        whole = client.audio.speech.create(model="tts-1", voice="coral", input=TEXT, speed=1.5)
        assert len(whole.content) > 500  # mp3, as nothing else was asked for
        assert [model.id for model in client.models.list()] == ["wavesynth"]


def test_the_public_client_raises_its_own_errors(openai, guarded):
    with client_of(openai, guarded) as client:
        with pytest.raises(openai.NotFoundError, match="the voices are reader, tiny"):
            client.audio.speech.create(**{**ASKED, "voice": "nobody"})
        with pytest.raises(openai.BadRequestError) as refused:
            client.audio.speech.create(**{**ASKED, "speed": 9})
        assert refused.value.param == "speed" and refused.value.request_id
    with client_of(openai, guarded, "wrong") as client, pytest.raises(openai.AuthenticationError):
        client.audio.speech.create(**ASKED)
