"""The page in a real Chromium: what comes back is the voice's audio without a gap, and everybody can use the page."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests.clients.servers import served
from wavesynth.audio.mel import log_mel
from wavesynth.clients import Client
from wavesynth.server.web.config import WebConfig
from wavesynth.synthesis.voice import SHIPPED

playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
pytest.importorskip("starlette", reason="needs starlette: pip install 'wavesynth-neural[web]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")

HELD_OUT = Path(__file__).parents[3] / "wavesynth" / "data" / "held_out" / "vm-newuser.flac"
SECONDS = 3


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """Three seconds of speech at 48 kHz, which a browser does not have to resample: FLOAT.wav and PCM_16.wav."""
    folder = tmp_path_factory.mktemp("speech")
    samples = soundfile.read(HELD_OUT)[0][: 16000 * SECONDS]
    for subtype in ("FLOAT", "PCM_16"):
        soundfile.write(folder / f"{subtype}.wav", np.repeat(samples, 3), 48000, subtype)
    return folder


@pytest.fixture(scope="module")
def server():
    web = WebConfig(port=0, example=HELD_OUT)
    with served(None, voices=SHIPPED, web=web) as server:
        yield server


@pytest.fixture(scope="module")
def chromium(speech):
    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
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
    page = chromium.new_page()
    page.set_default_timeout(120_000)
    problems = []
    page.on("pageerror", lambda problem: problems.append(problem))
    page.goto(f"http://127.0.0.1:{server.web_port}/")
    expect(page, r"Ready\.")
    yield page
    page.close()
    assert not problems


def expect(page, status, seconds=120):
    locator = page.get_by_role("status")
    playwright.expect(locator).to_have_text(re.compile(status), timeout=1000 * seconds)


def saved(page, path):
    """What the page lets one save: samples and rate."""
    with page.expect_download() as download:
        page.get_by_role("link", name="Save what you heard").click()
    download.value.save_as(path)
    return soundfile.read(path, dtype="int16")


def test_a_dropped_recording_comes_back_to_the_byte_as_over_grpc(page, server, speech, tmp_path):
    page.get_by_label("Choose a recording").set_input_files(speech / "FLOAT.wav")
    expect(page, r"Done\. First sound after \d+ ms")
    heard, rate = saved(page, tmp_path / "heard.wav")
    sent = soundfile.read(speech / "FLOAT.wav", dtype="float32")[0]
    with Client(f"localhost:{server.port}") as client:
        whole = client.synthesize(audio=sent, sample_rate=48000, temperature=0.8)
    assert rate == 16000 and heard.tobytes() == whole.pcm
    assert (
        page.evaluate(  # and the spectrogram drew itself
            "() => new Set(document.querySelector('canvas').getContext('2d').getImageData(0, 0, 200, 256).data).size"
        )
        > 50
    )


def test_a_microphone_comes_back_with_its_spectrum(page, tmp_path):
    speak = page.get_by_role("button", name="Speak")
    speak.click()
    expect(page, "First sound after")
    playwright.expect(speak).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(1000 * (SECONDS + 2))
    speak.click()
    expect(page, "Stopped")
    heard = saved(page, tmp_path / "heard.wav")[0].astype(np.float32) / 32768
    spoken = soundfile.read(HELD_OUT, dtype="float32")[0][: 16000 * SECONDS]
    # The fake microphone plays its file again and again from wherever it is, and a busy machine makes it stumble: so
    # each second by itself.
    mine, theirs = (log_mel(torch.from_numpy(x)).numpy() for x in (heard, np.tile(spoken, 2)))
    seconds = [mine[i : i + 100].ravel() for i in range(50, len(mine) - 100, 50)]
    assert len(seconds) >= 2
    likeness = [
        max(np.corrcoef(second, theirs[lag : lag + 100].ravel())[0, 1] for lag in range(len(theirs) - 100))
        for second in seconds
    ]
    assert np.median(likeness) > 0.8


def test_it_works_with_the_keyboard_alone(page):
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "example":
            break
    page.keyboard.press("Enter")
    expect(page, "First sound after")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "stop":
            break
    page.keyboard.press("Space")
    expect(page, "Stopped|Done")


def test_a_screen_reader_is_told_what_everything_is(page):
    for role, name in (
        ("combobox", "Voice"),
        ("slider", re.compile("Temperature")),
        ("button", "Play the example"),
        ("button", "Speak"),
        ("img", "Spectrogram of what you hear"),
    ):
        assert page.get_by_role(role, name=name).count() == 1, name
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.get_by_role("status").get_attribute("aria-live") == "polite"
    options = page.get_by_role("combobox").locator("option").all_text_contents()
    assert {"allison", "allison-small"} <= set(options)


def test_pictures_are_drawn_and_their_first_half_gets_other_endings(page):
    page.get_by_role("tab", name="Pictures").click()
    assert page.get_by_role("button", name="Speak").count() == 0  # the other tab's
    page.get_by_label("Model").select_option("mnist-binary")
    page.get_by_role("button", name="Draw").click()
    expect(page, "16 pictures drawn")
    drawn = canvas(page)
    assert drawn.shape == (112, 112) and set(np.unique(drawn)) == {0, 255}
    assert 0.05 < (drawn == 255).mean() < 0.3  # digits have some 13 % of white
    page.get_by_role("button", name="Other endings").click()
    expect(page, "16 pictures drawn")
    cells = canvas(page).reshape(4, 28, 4, 28).swapaxes(1, 2).reshape(16, 28, 28)
    assert (cells[:, :14] == drawn[:14, :28]).all()
    assert len({cell[14:].tobytes() for cell in cells}) > 8
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def canvas(page):
    """The red values of what is drawn, [height, width]."""
    data = page.evaluate(
        """() => {
            const canvas = document.getElementById("canvas");
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return [canvas.width, Array.from(data.filter((_, i) => i % 4 === 0))];
        }"""
    )
    return np.array(data[1]).reshape(-1, data[0])


def test_it_fits_a_phone(page):
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    for button in page.get_by_role("button").all():
        assert button.bounding_box()["height"] >= 44  # a finger's width


def test_what_goes_wrong_is_said(page, server, tmp_path):
    nonsense = tmp_path / "nonsense.wav"
    nonsense.write_bytes(b"nonsense")
    page.get_by_label("Choose a recording").set_input_files(nonsense)
    expect(page, r"nonsense\.wav is no recording that this browser can read")
