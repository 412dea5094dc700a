"""The Node.js client: it reaches servers far away and past proxies, and says in one sentence what is wrong."""

import os
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
import soundfile

from wavesynth.clients import Client
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceServicer, add_SynthesisServiceServicer_to_server

ROOT = Path(__file__).parents[2]
TLS = ROOT / "tests" / "server" / "tls"
CLIP = np.random.default_rng(0).integers(-8000, 8000, 1000, np.int16)


@pytest.fixture(scope="module")
def secure(serve):
    options = {"tls": (TLS / "cert.pem", TLS / "key.pem"), "token": "secret"}
    with serve(**options) as server:
        yield server


@pytest.fixture
def folder(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "speech.wav", CLIP, 16000)
    (tmp_path / "speech.pcm").write_bytes(CLIP.tobytes())
    shutil.copy(TLS / "cert.pem", tmp_path / "root.pem")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def expected(address):
    with Client(address) as client:
        return client.synthesize(audio=CLIP, sample_rate=16000, seed=1).pcm


@pytest.fixture(scope="session")
def node(tmp_path_factory):
    """A copy of the Node.js client with what it needs, laid out as in the repository."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("needs Node.js 18 or newer: apt-get install nodejs npm")
    copy = tmp_path_factory.mktemp("node")
    for folder in ("clients/node", "proto"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("node_modules"))
    install = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(copy / "clients/node")]
    if subprocess.run(install, capture_output=True).returncode:
        pytest.skip("needs the npm registry, to install @grpc/grpc-js")
    return copy


def test_node_streams_to_a_file(node, folder, address, expected):
    given = ["--address", address, "--audio", "speech.wav", "--out", "again.wav", "--seed", "1"]
    program = ["node", str(node / "clients/node/stream.mjs"), *given]
    result = subprocess.run(program, cwd=folder, capture_output=True, text=True)
    assert result.stdout.startswith("1000 samples, the first after "), result.stderr
    samples, rate = soundfile.read(folder / "again.wav", dtype="int16")
    assert rate == 16000
    assert samples.tobytes() == expected


def test_node_has_a_text_read_aloud(node, folder, serve, a_reader):
    with serve(voices=a_reader) as server, Client(f"localhost:{server.port}") as client:
        given = ["--address", f"localhost:{server.port}", "--text", "Hello there.", "--out", "said.wav"]
        program = ["node", str(node / "clients/node/stream.mjs"), *given]
        result = subprocess.run(program, cwd=folder, capture_output=True, text=True)
        expected = client.synthesize(text="Hello there.").pcm
    assert result.returncode == 0, result.stderr
    assert soundfile.read(folder / "said.wav", dtype="int16")[0].tobytes() == expected


def test_node_reaches_a_server_far_away_and_past_a_proxy(node, folder, secure, expected, network):
    (folder / "token").write_text("secret")
    options = ["--certificates", "root.pem", "--token-file", "token", "--seed", "1"]
    with network(secure.port, delay=0.3) as link:
        given = ["--address", link.address, "--audio", "speech.wav", "--out", "again.wav", *options]
        program = ["node", str(node / "clients/node/stream.mjs"), *given]
        environment = {**os.environ, "http_proxy": "http://127.0.0.1:9"}
        result = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert soundfile.read(folder / "again.wav", dtype="int16")[0].tobytes() == expected


def test_node_warns_of_a_token_that_everybody_on_the_way_can_read(node, folder, address, secure):
    (folder / "token").write_text("secret")
    warning = "the token goes to {} without TLS, where everybody on the way can read it\n"
    for where, options, warned in (
        ("127.0.0.1.invalid:1", [], True),
        ("127.0.0.1.invalid:1", ["--certificates", "root.pem"], False),
        (address, [], False),
    ):
        given = ["--address", where, "--audio", "speech.wav", "--out", "again.wav", "--token-file", "token"]
        program = ["node", str(node / "clients/node/stream.mjs"), *given, *options]
        said = subprocess.run(program, cwd=folder, capture_output=True, text=True).stderr
        assert said.startswith(warning.format(where)) is warned and "secret" not in said


def test_node_shows_a_certificate_to_a_server_that_asks_for_one(node, folder, serve, expected):
    options = ["--certificates", "root.pem", "--client-cert", str(TLS / "client.pem"), "--seed", "1"]
    with serve(tls=(TLS / "cert.pem", TLS / "key.pem"), tls_clients=TLS / "client.pem") as server:
        given = ["--address", f"localhost:{server.port}", "--audio", "speech.wav", "--out", "again.wav"]
        program = ["node", str(node / "clients/node/stream.mjs"), *given, *options]
        lacking = subprocess.run(program, cwd=folder, capture_output=True, text=True)
        program += ["--client-key", str(TLS / "client-key.pem")]
        result = subprocess.run(program, cwd=folder, capture_output=True, text=True)
    assert lacking.stderr == "wavesynth: --client-cert and --client-key must both be given, or neither\n"
    assert result.returncode == 0, result.stderr
    assert soundfile.read(folder / "again.wav", dtype="int16")[0].tobytes() == expected


def test_node_names_the_proxy_that_fails(node, folder):
    given = ["--address", "voices.example:1", "--audio", "speech.wav", "--out", "again.wav"]
    program = ["node", str(node / "clients/node/stream.mjs"), *given]
    environment = {**os.environ, "http_proxy": "http://127.0.0.1:9", "no_proxy": "", "no_grpc_proxy": ""}
    result = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 1 and "(by way of the proxy that http_proxy names)" in result.stderr


def test_node_names_no_proxy_that_is_not_asked(node, folder):
    given = ["--address", "127.0.0.1.invalid:1", "--audio", "speech.wav", "--out", "again.wav"]
    program = ["node", str(node / "clients/node/stream.mjs"), *given]
    environment = {**os.environ, "http_proxy": "http://127.0.0.1:9", "no_proxy": "other,.invalid"}
    environment.pop("no_grpc_proxy", None)
    result = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 1 and "proxy" not in result.stderr


class Stuck(SynthesisServiceServicer):
    """A service that answers, and makes nothing."""

    def __init__(self):
        self.end = threading.Event()

    def ListVoices(self, request, context):  # noqa: N802
        return pb.ListVoicesResponse(max_seconds=600)

    def Resynthesize(self, requests, context):  # noqa: N802
        self.end.wait(30)
        yield from ()


def test_node_gives_up_a_service_that_answers_but_makes_nothing(node, folder):
    program = node / "clients/node/impatient.mjs"
    text = (node / "clients/node/stream.mjs").read_text()
    assert text.count("LIMIT = 60_000;") == 1
    program.write_text(text.replace("LIMIT = 60_000;", "LIMIT = 1_000;"))
    service, server = Stuck(), grpc.server(ThreadPoolExecutor(2))
    add_SynthesisServiceServicer_to_server(service, server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    try:
        given = ["--address", f"localhost:{port}", "--audio", "speech.wav", "--out", "again.wav"]
        result = subprocess.run(["node", str(program), *given], cwd=folder, capture_output=True, text=True)
    finally:
        service.end.set()
        server.stop(0).wait()
    assert result.returncode == 1
    assert result.stderr == "wavesynth: the service answers, but has sent no audio for 1 s\n"
    assert {path.name for path in folder.iterdir()} == {"speech.wav", "speech.pcm", "root.pem"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--audio", "speech.wav"], "--out, and one of --audio and --text, must be given"),
        (["--audio", "speech.pcm", "--out", "out.wav"], "speech.pcm is not a WAV file"),
        (
            ["--audio", "speech.wav", "--out", "out.wav", "--voice", "nobody"],
            "voice is 'nobody'; the voices are free, tiny",
        ),
        (["--audio", "speech.wav", "--out", "out.wav", "--address", "localhost:1"], "ECONNREFUSED"),
        (["--audio", "speech.wav", "--out", "none/out.wav"], "none"),
    ],
)
def test_node_says_in_one_sentence_what_is_wrong_and_leaves_no_file(
    node, folder, address, arguments, sentence
):
    given = arguments if "--address" in arguments else [*arguments, "--address", address]
    program = ["node", str(node / "clients/node/stream.mjs"), *given]
    result = subprocess.run(program, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith("wavesynth: ") and sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert {path.name for path in folder.iterdir()} == {"speech.wav", "speech.pcm", "root.pem"}
