"""The page in a real Chromium, of a server of the voices that ship."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from wavesynth.server.web.config import WebConfig
from wavesynth.voices.folders import SHIPPED


@pytest.fixture(scope="session")
def held_out():
    """A recording of speech at 16 kHz."""
    return Path(__file__).parents[3] / "wavesynth" / "data" / "held_out" / "vm-newuser.flac"


@pytest.fixture(scope="session")
def speech(held_out, tmp_path_factory):
    """Three seconds of speech at 48 kHz, which a browser does not have to resample: FLOAT.wav and PCM_16.wav."""
    folder = tmp_path_factory.mktemp("speech")
    samples = soundfile.read(held_out)[0][: 16000 * 3]
    for subtype in ("FLOAT", "PCM_16"):
        soundfile.write(folder / f"{subtype}.wav", np.repeat(samples, 3), 48000, subtype)
    return folder


@pytest.fixture(scope="module")
def server(serve, held_out):
    web = WebConfig(port=0, example=held_out, hosts=("far.test",))
    with serve(voices=SHIPPED, web=web) as server:
        yield server


@pytest.fixture(scope="module")
def chromium(speech):
    """A browser whose microphone hears the three seconds again and again."""
    from tests.server.web.pages import CHROMIUM, playwright

    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP far.test 127.0.0.1",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={speech / 'PCM_16.wav'}",
    ]
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, server):
    from tests.server.web.pages import opened

    with opened(chromium, server) as page:
        yield page
