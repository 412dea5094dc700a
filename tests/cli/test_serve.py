"""wavesynth serve: a process that says when it is ready, drains when told to end, and fails in one sentence."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.voices_for_tests import tiny_voice
from wavesynth.cli import app
from wavesynth.clients.client import Client, ServiceError


def serve(*options):
    return CliRunner().invoke(app, ["serve", *map(str, options)])


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices")
    tiny_voice(folder)
    return folder


@pytest.mark.parametrize("workers", [0, 2])
def test_sighup_reloads_and_sigterm_lets_a_call_end_and_the_process_exits_well(tmp_path, workers):
    tiny_voice(tmp_path)
    command = [sys.executable, "-c", "from wavesynth.cli import main; main()", "serve", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--voices", str(tmp_path), "--workers", str(workers)],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert line.startswith("listening on 127.0.0.1:")
        pieces = [np.zeros(1000, np.float32)] * 2
        heard = threading.Event()

        def microphone():
            yield pieces[0]
            assert heard.wait(20)  # so that the call is under way
            tiny_voice(tmp_path, "coming")
            os.killpg(process.pid, signal.SIGHUP)  # all of them, as when their terminal is closed
            while "coming" not in [voice.name for voice in client.voices().voices]:
                pass
            process.send_signal(signal.SIGTERM)
            with pytest.raises(ServiceError) as refused:
                while True:
                    client.voices()
            assert refused.value.code == "UNAVAILABLE"
            yield pieces[1]

        with Client(line.removeprefix("listening on ").strip()) as client:
            call = client.resynthesize(microphone())
            made = 0
            for samples in call:
                made += len(samples)
                heard.set()
            assert made == 2000
        assert process.wait(30) == 0
        logged = [json.loads(line) for line in process.stderr]
        assert logged[0]["event"].startswith("loading voices and measuring how many live streams")
        ending = [entry for entry in logged if entry["event"].startswith("ending: new calls are refused")]
        calls = [0] * (workers - 1) + [1]  # of each process that speaks gRPC
        assert sorted(entry["calls"] for entry in ending) == calls
        assert {entry["seconds"] for entry in ending} == {30}
        spoken = next(entry for entry in logged if entry.get("method") == "Resynthesize")
        assert spoken["code"] == "OK" and spoken["voice"] == "tiny" and spoken["samples"] == 2000
        assert spoken["time_to_first_audio"] > 0 and spoken["real_time_factor"] > 0
    finally:
        process.kill()
        process.wait()


def test_a_port_in_use_is_one_sentence_and_exit_code_1(voices):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = serve("--port", port, "--voices", voices)
    assert result.exit_code == 1
    *_, last = result.stderr.splitlines()
    assert last == f"wavesynth: cannot listen on 127.0.0.1:{port}: the port is in use"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--voices", "{tmp}"],
            "{tmp} holds no voices; a voice is a folder with voice.json and weights.safetensors",
        ),
        (["--backend", "abacus"], "backend is 'abacus'; it must be one of cpu, triton, reference"),
        (
            ["--tls-cert", "{tmp}/cert.pem"],
            "--tls-key is missing; TLS needs both of --tls-cert and --tls-key",
        ),
        (["--token-file", "{tmp}/none"], "none"),
        (["--token-file", "{tmp}/empty"], "{tmp}/empty is empty; it must hold the token"),
    ],
)
def test_what_cannot_be_served_is_one_sentence_and_exit_code_1(options, sentence, voices, tmp_path):
    (tmp_path / "empty").touch()
    filled = [option.format(tmp=tmp_path) for option in options]
    result = serve("--port", 0, *([] if "--voices" in options else ["--voices", voices]), *filled)
    assert result.exit_code == 1
    (said,) = (line for line in result.stderr.splitlines() if not line.startswith("{"))  # but for the log
    assert said.startswith("wavesynth: ") and sentence.format(tmp=tmp_path) in said


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_other_machines_are_served_in_the_clear_only_if_somebody_says_so(host):
    result = serve("--host", host)
    assert result.exit_code == 1
    assert result.stderr.startswith(
        f"wavesynth: host is {host}, which other machines may reach; give --tls-cert and --tls-key, and --tokens or"
    )
    assert serve("--host", host, "--insecure", "--print-config").exit_code == 0
    assert serve("--host", host, "--token-file", __file__, "--print-config").exit_code == 1  # in the clear
    assert serve("--host", "localhost", "--print-config").exit_code == 0
