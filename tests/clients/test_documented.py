"""The examples of docs/clients.md do what the page says: Python, buf curl, Node.js, and the notebook."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
import soundfile

from tests.clients.network import Network
from tests.clients.servers import served
from wavesynth.clients import Client
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceServicer, add_SynthesisServiceServicer_to_server

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
TLS = ROOT / "tests" / "server" / "tls"
BUF = shutil.which("buf", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
CLIP = np.random.default_rng(0).integers(-8000, 8000, 1000, np.int16)


def examples(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    """A folder with the root certificate, the key and the token that the page makes."""
    folder = tmp_path_factory.mktemp("secrets")
    if shutil.which("openssl") is None:
        shutil.copy(TLS / "cert.pem", folder / "root.pem")
        shutil.copy(TLS / "key.pem", folder / "key.pem")
        (folder / "token").write_text("secret\n")
    else:
        (script,) = (e for e in examples("sh") if "openssl" in e)
        subprocess.run(["bash", "-euc", script], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def secure(tmp_path_factory, secrets):
    tls, token = (secrets / "root.pem", secrets / "key.pem"), (secrets / "token").read_text().strip()
    options = {"tls": tls, "token": token}
    with served(tmp_path_factory.mktemp("voices"), **options) as server:
        yield server


@pytest.fixture
def folder(tmp_path, monkeypatch, secrets):
    soundfile.write(tmp_path / "speech.wav", CLIP, 16000)
    (tmp_path / "speech.pcm").write_bytes(CLIP.tobytes())
    shutil.copy(secrets / "root.pem", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def expected(address):
    with Client(address) as client:
        return client.synthesize(audio=CLIP, sample_rate=16000, seed=1).pcm


@pytest.fixture
def shell(folder, address):
    def run(script):
        """Runs an example in the folder, with this environment's tools; returns what it prints."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        script = script.replace("localhost:50051", address)
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env={**os.environ, "PATH": path, "XDG_CACHE_HOME": str(folder / "cache")},  # buf wants one
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


PYTHON = examples("python")


@pytest.mark.parametrize("example", PYTHON, ids=range(len(PYTHON)))
def test_python(example, folder, address, secure, capsys):
    if "wavesynth.clients.notebook" in example:
        pytest.importorskip("IPython", reason="needs Jupyter: pip install nbclient ipykernel")
    code = example.replace("localhost:50051", address)
    code = code.replace("localhost:50052", f"localhost:{secure.port}")
    exec(compile(code, "docs/clients.md", "exec"), {"__name__": "example"})
    printed = capsys.readouterr().out.split("\n")[:-1]
    if "print(len(samples))" in code:
        assert sum(int(line) for line in printed if line.isdigit()) == 1000
    elif "again.wav" in code:
        assert not printed and soundfile.info("again.wav").frames == 1000
    else:
        assert printed == ["tiny"]


def test_the_recording_that_the_examples_send_can_be_made(shell, folder):
    (script,) = (e for e in examples("sh") if "held_out" in e)
    (folder / "speech.wav").unlink()
    (folder / "speech.pcm").unlink()
    shell(script)
    samples, rate = soundfile.read(folder / "speech.wav", dtype="int16")
    assert rate == 16000 and len(samples) > 16000
    assert (folder / "speech.pcm").read_bytes() == samples.tobytes()


@pytest.mark.skipif(BUF is None, reason="needs buf: pip install buf-bin")
def test_buf_curl(shell, folder, expected):
    methods, voices, health, stream, whole = (e for e in examples("sh") if "buf curl" in e)
    assert "wavesynth.v1.SynthesisService/StreamSynthesize" in shell(methods).split()
    assert [voice["name"] for voice in json.loads(shell(voices))["voices"]] == ["free", "tiny"]
    assert json.loads(shell(health)) == {"status": "SERVING"}
    shell(stream)
    assert (folder / "again.pcm").read_bytes() == expected
    shell(whole)
    assert soundfile.info(folder / "again.wav").frames == 960


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


def test_node_streams_to_a_file(node, shell, folder, expected):
    (example,) = (e for e in examples("sh") if "node " in e)
    command = example.strip().splitlines()[-1].replace("clients/node", f"{node}/clients/node")
    assert shell(f"{command} --seed 1").startswith("1000 samples, the first after ")
    samples, rate = soundfile.read(folder / "again.wav", dtype="int16")
    assert rate == 16000
    assert samples.tobytes() == expected


def test_node_reaches_a_server_far_away_and_past_a_proxy(node, folder, secure, expected):
    (folder / "token").write_text("secret")
    options = ["--certificates", "root.pem", "--token-file", "token", "--seed", "1"]
    with Network(secure.port, delay=0.3) as network:
        given = ["--address", network.address, "--audio", "speech.wav", "--out", "again.wav", *options]
        program = ["node", str(node / "clients/node/stream.mjs"), *given]
        environment = {**os.environ, "http_proxy": "http://127.0.0.1:9"}
        result = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True)
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
        (["--audio", "speech.wav"], "--audio and --out must both be given"),
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


def test_without_jupyter_the_notebook_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "wavesynth.clients.notebook", raising=False)
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    with pytest.raises(OSError, match=r"playing in a notebook needs .* pip install '.*\[notebook\]'"):
        importlib.import_module("wavesynth.clients.notebook")


def test_the_notebook_plays_audio_as_it_comes(folder, address):
    nbformat = pytest.importorskip("nbformat", reason="needs Jupyter: pip install nbclient ipykernel")
    nbclient = pytest.importorskip("nbclient", reason="needs Jupyter: pip install nbclient ipykernel")
    soundfile.write(folder / "speech.wav", np.tile(CLIP, 20), 16000)
    notebook = nbformat.read(ROOT / "docs" / "stream.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("localhost:50051", address)
    nbclient.NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": folder}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    played = [output for output in outputs if "application/javascript" in output.get("data", {})]
    assert len(played) >= 2  # at most half a second waits for a reader
    assert "20000 samples" in "".join(output.get("text", "") for output in outputs)


def test_the_example_of_the_readme(address, folder):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^  ```python\n(.*?)^  ```$", text, re.DOTALL | re.MULTILINE)
    code = textwrap.dedent(example).replace("localhost:50051", address)
    recording = "wavesynth/data/held_out/vm-newuser.flac"
    assert recording in code and (ROOT / recording).is_file()
    exec(compile(code.replace(recording, "speech.wav"), "README.md", "exec"), {"__name__": "example"})
    assert soundfile.info("again.wav").frames == 1000
