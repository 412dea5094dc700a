"""wavesynth live on a real PortAudio: recorded speech is the microphone, PulseAudio's null sinks are the devices."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from wavesynth.clients import Client
from wavesynth.clients.live.devices import library

try:
    library()
except OSError as error:
    pytest.skip(str(error), allow_module_level=True)


def missing():
    """What a machine without PulseAudio has to install."""
    packages: dict[str, object] = {
        "pulseaudio": shutil.which("pulseaudio"),
        "pulseaudio-utils": shutil.which("pacat"),
    }
    packages["libasound2-plugins"] = os.path.exists("/usr/share/alsa/alsa.conf.d/pulse.conf")
    return " ".join(name for name, there in packages.items() if not there)


pytestmark = pytest.mark.skipif(bool(missing()), reason=f"needs a sound server: apt-get install {missing()}")


@pytest.fixture
def sound(tmp_path, monkeypatch):
    """A sound server of its own with a microphone that hears a recording again and again; its process."""
    folder = tmp_path / "pulse"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("PULSE_SERVER", f"unix:{folder}/native")
    monkeypatch.setenv("PULSE_RUNTIME_PATH", str(folder))
    monkeypatch.setenv("PULSE_STATE_PATH", str(folder))
    monkeypatch.setenv("PULSE_SOURCE", "microphone.monitor")
    monkeypatch.setenv("PULSE_SINK", "loudspeaker")
    sinks = [
        option
        for name in ("loudspeaker", "microphone")
        for option in ("--load", f"module-null-sink sink_name={name} rate=16000 channels=1")
    ]
    protocol = f"module-native-protocol-unix socket={folder}/native auth-anonymous=1"
    server = subprocess.Popen(
        ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--load", protocol, *sinks],
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 60
    while subprocess.run(["pactl", "info"], capture_output=True).returncode:
        assert time.monotonic() < end, "PulseAudio did not start"
        time.sleep(0.1)
    loud = np.random.default_rng(0).integers(-8000, 8000, 16000 * 300, np.int16)
    (tmp_path / "speech.raw").write_bytes(loud.tobytes())
    player = subprocess.Popen(
        ["pacat", "--device=microphone", "--rate=16000", "--channels=1", "--format=s16le", "--raw"],
        stdin=(tmp_path / "speech.raw").open("rb"),
    )
    yield server
    for process in (player, server):
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def service(server_process):
    return server_process


def live(service, *arguments):
    program = [sys.executable, "-c", "from wavesynth.cli import main; main()", "live"]
    command = [
        *program,
        "--address",
        service.address,
        "--microphone",
        "pulse",
        "--loudspeaker",
        "pulse",
        *arguments,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until_heard(record, process, more=80_000):
    """Waits until so many bytes more of the voice were recorded; its file is hidden as long as it is not whole."""

    def size():
        return sum(path.stat().st_size for path in record.glob(".voice-*"))

    end, before = time.monotonic() + 120, size()
    while size() < before + more:
        assert process.poll() is None, "it ended"
        assert time.monotonic() < end, "nothing was heard"
        time.sleep(0.05)


def playing(process):
    """The numbers of the streams that a process plays, each with the microseconds that the sound server has of it."""
    command = ["pactl", "--format=json", "list", "sink-inputs"]
    plain = {**os.environ, "LC_ALL": "C"}  # pactl writes a comma in numbers where the language has one
    listed = json.loads(subprocess.run(command, capture_output=True, check=True, env=plain).stdout)
    return {
        stream["index"]: stream["buffer_latency_usec"]
        for stream in listed
        if stream["properties"].get("application.process.id") == str(process.pid)
    }


def until(condition, process, what):
    """Waits for `condition()` as long as the process runs; fails with `what` when it does not come true."""
    end = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, "it ended"
        assert time.monotonic() < end, what
        time.sleep(0.05)


def sentences(stderr):
    return [line for line in stderr.splitlines() if line.startswith("wavesynth: ")]


def test_a_session_plays_what_the_service_makes_of_the_microphone(sound, service, tmp_path):
    heard = subprocess.Popen(
        ["parec", "--device=loudspeaker.monitor", "--rate=16000", "--channels=1", "--format=s16le", "--raw"],
        stdout=(tmp_path / "heard.raw").open("wb"),
    )
    process = live(service, "--record", str(tmp_path / "record"), "--seed", "5", "--json")
    try:
        until_heard(tmp_path / "record", process)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
        heard.kill()
        heard.wait()
    assert process.returncode == 0, stderr
    assert "use headphones" in stderr
    spoken, rate = soundfile.read(tmp_path / "record/microphone.wav", dtype="int16")
    voice = soundfile.read(tmp_path / "record/voice.wav", dtype="int16")[0]
    assert rate == 16000 and np.abs(spoken).max() > 4000 and len(voice) > 8000
    with Client(service.address) as client:
        whole = client.synthesize(audio=spoken, seed=5).pcm
    assert voice[: len(spoken) - 1600].tobytes() == whole[: 2 * len(voice[: len(spoken) - 1600])]
    figures = json.loads(stdout)
    assert figures["latency_ms"]["p50"] > 55 and figures["interruptions"] == 0
    played = np.frombuffer((tmp_path / "heard.raw").read_bytes(), "<i2")
    assert np.abs(played).max() > 100  # it reached the loudspeaker


def test_a_service_that_dies_is_found_again(sound, service, tmp_path):
    process = live(service, "--record", str(tmp_path), "--json")
    try:
        until_heard(tmp_path, process)
        service.restart()
        until_heard(tmp_path, process, 20_000)
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, stderr
    assert json.loads(stdout)["interruptions"] >= 1


def test_a_loudspeaker_that_ran_dry_gets_a_larger_buffer_and_plays_on(sound, service, tmp_path):
    process = live(service, "--record", str(tmp_path), "--json")
    try:
        until_heard(tmp_path, process)
        process.send_signal(signal.SIGSTOP)
        until(lambda: not any(playing(process).values()), process, "the loudspeaker did not run dry")
        dry = playing(process)
        process.send_signal(signal.SIGCONT)
        until(lambda: playing(process).keys() - dry, process, "no other stream came for the one that ran dry")
        until(lambda: len(playing(process)) == 1, process, "the one that ran dry stayed")
        until_heard(tmp_path, process, 100_000)
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, stderr
    figures = json.loads(stdout)
    assert figures["underflows"] >= 1 and figures["loudspeaker"]["buffer_ms"] > 20


def test_a_device_that_is_gone_ends_it_with_one_sentence_and_whole_recordings(sound, service, tmp_path):
    process = live(service, "--record", str(tmp_path))
    try:
        until_heard(tmp_path, process)
        sound.kill()
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1
    (sentence,) = sentences(stderr)
    assert sentence in (
        "wavesynth: the microphone 'pulse' is gone",
        "wavesynth: the loudspeaker 'pulse' is gone",
    )
    assert soundfile.info(tmp_path / "voice.wav").frames > 8000
    assert soundfile.info(tmp_path / "microphone.wav").frames > 8000


def test_no_service_and_no_such_voice_are_one_sentence(sound, service):
    process = live(service, "--address", "localhost:1")
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    (sentence,) = sentences(stderr)
    assert sentence == "wavesynth: nothing answers at localhost:1; is `wavesynth serve` running there?"
    process = live(service, "nobody")
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert sentences(stderr) == ["wavesynth: voice is 'nobody'; the voices are free, tiny"]
