import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.docs.pages import ROOT, examples

CLIP = np.random.default_rng(0).integers(-8000, 8000, 1000, np.int16)
TLS = ROOT / "tests" / "server" / "tls"


@pytest.fixture(scope="session")
def secrets(tmp_path_factory):
    """A folder with the root certificate, the key and the token that the page about clients makes."""
    folder = tmp_path_factory.mktemp("secrets")
    if shutil.which("openssl") is None:
        shutil.copy(TLS / "cert.pem", folder / "root.pem")
        shutil.copy(TLS / "key.pem", folder / "key.pem")
        (folder / "token").write_text("secret\n")
    else:
        page = ROOT / "docs" / "guide" / "clients.md"
        (example,) = (e for e in examples(page) if "openssl" in e.code)
        subprocess.run(["bash", "-euc", example.code], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def secure(serve, secrets):
    """The second server of the page about clients: TLS and a token."""
    tls, token = (secrets / "root.pem", secrets / "key.pem"), (secrets / "token").read_text().strip()
    with serve(tls=tls, token=token) as server:
        yield server


@pytest.fixture
def folder(tmp_path, monkeypatch, secrets):
    """The working directory of an example: the recording that examples send, and what a checkout has."""
    soundfile.write(tmp_path / "speech.wav", CLIP, 16000)
    (tmp_path / "speech.pcm").write_bytes(CLIP.tobytes())
    shutil.copy(secrets / "root.pem", tmp_path)
    for part in ("clients/node", "proto"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("node_modules"))
    held_out = tmp_path / "wavesynth" / "data" / "held_out"
    held_out.mkdir(parents=True)
    shutil.copy(ROOT / "wavesynth" / "data" / "held_out" / "vm-newuser.flac", held_out)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def here(server, secure):
    """Puts the addresses of the tests' servers in the place of the examples' into a text."""
    names = {"localhost:50051": f"localhost:{server.port}", "localhost:50052": f"localhost:{secure.port}"}

    def replaced(text):
        for name, address in names.items():
            text = text.replace(name, address)
        return text

    return replaced


@pytest.fixture
def shell(folder, server, here):
    """Runs a script of the shell in `folder` with this environment's tools; returns what it prints."""
    calls_a_service = 'stream|live) command wavesynth "$@" --address localhost:50051'
    function = f'wavesynth() {{ case "$1" in {calls_a_service};; *) command wavesynth "$@";; esac; }}\n'

    def run(script):
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", here(function + script)],
            cwd=folder,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "XDG_CACHE_HOME": str(folder / "cache"),  # buf wants one
            },
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run
