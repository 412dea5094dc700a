"""The page in a real Chromium: what comes back is the voice's audio without a gap, and everybody can use the page."""

import re
import shutil
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from wavesynth.audio.mel import log_mel
from wavesynth.clients import Client
from wavesynth.server.web.config import WebConfig
from wavesynth.voices.voice import SHIPPED

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
def server(serve):
    web = WebConfig(port=0, example=HELD_OUT)
    with serve(voices=SHIPPED, web=web) as server:
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
        "--host-resolver-rules=MAP far.test 127.0.0.1",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={speech / 'PCM_16.wav'}",
    ]
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@contextmanager
def opened(chromium, server, host="127.0.0.1", prepare=lambda page: None):
    """A page of a server's, in a window of its own, which `prepare` gets before it is loaded."""
    page = chromium.new_page()
    prepare(page)
    page.set_default_timeout(120_000)
    problems = []
    page.on("pageerror", lambda problem: problems.append(problem))
    page.goto(f"http://{host}:{server.web_port}/")
    expect(page, r"Ready\.")
    yield page
    page.close()
    assert not problems


@pytest.fixture
def page(chromium, server):
    with opened(chromium, server) as page:
        yield page


def picture(page, side):
    """The spectrogram of what goes "in" or comes "out", its red values: [rows, columns]."""
    return canvas(page, f"#{side} .spectrogram")


def expect(page, status, seconds=120):
    locator = page.get_by_role("status")
    playwright.expect(locator).to_have_text(re.compile(status), timeout=1000 * seconds)


def expect_idle(server):
    """No call is left behind."""
    end = time.monotonic() + 30
    while server.engine.live:
        assert time.monotonic() < end
        time.sleep(0.01)


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
        whole = client.synthesize(audio=sent, sample_rate=48000)
    assert rate == 16000 and heard.tobytes() == whole.pcm
    for side in ("in", "out"):  # and the spectrograms drew themselves
        assert len(np.unique(picture(page, side))) > 50, side


def test_a_microphone_comes_back_with_its_spectrum(page, tmp_path):
    speak = page.get_by_role("button", name="Speak")
    speak.click()
    expect(page, "First sound after")
    playwright.expect(speak).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(1000 * (SECONDS + 2))
    for figure, unit in (("latency", " ms"), ("queued", " ms"), ("gaps", ""), ("length", " s")):
        assert re.fullmatch(rf"[\d.]+{unit}", page.locator(f"#{figure}").text_content()), figure
    for side in ("goes in", "you hear"):
        assert page.get_by_role("meter", name=f"Level of what {side}").get_attribute("aria-valuetext")
        assert f"{side}, 8.0 seconds across" in page.get_by_role(
            "img", name=f"Waveform of what {side}"
        ).get_attribute("aria-label")
    speak.click()
    expect(page, "Stopped")
    heard = saved(page, tmp_path / "heard.wav")[0].astype(np.float32) / 32768
    spoken = soundfile.read(HELD_OUT, dtype="float32")[0][: 16000 * SECONDS]
    # The fake microphone plays its file again and again from wherever it is, and a busy machine makes it stumble: so
    # each second by itself.
    mine, theirs = (log_mel(torch.from_numpy(x)).numpy() for x in (heard, np.tile(spoken, 2)))
    seconds = [mine[i : i + 100].ravel() for i in range(50, len(mine) - 100, 50)]
    assert len(seconds) >= 2
    speaker_similarity = [
        max(np.corrcoef(second, theirs[lag : lag + 100].ravel())[0, 1] for lag in range(len(theirs) - 100))
        for second in seconds
    ]
    assert np.median(speaker_similarity) > 0.8


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
        ("img", "Spectrogram of what goes in"),
        ("img", "Spectrogram of what you hear"),
        ("meter", "Level of what goes in"),
        ("meter", "Level of what you hear"),
    ):
        assert page.get_by_role(role, name=name).count() == 1, name
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.get_by_role("status").get_attribute("aria-live") == "polite"
    options = page.get_by_role("combobox").locator("option").all_text_contents()
    assert {"allison", "allison-small"} <= set(options)


def test_a_voice_comes_with_its_own_speakers_and_temperature(page):
    voice, speaker = page.get_by_label("Voice"), page.get_by_role("combobox", name="Speaker")
    assert speaker.count() == 0
    voice.select_option("five")
    assert speaker.locator("option").all_text_contents() == ["allison", "june", "carlo", "ivr", "nsh"]
    voice.select_option("piano")
    assert speaker.count() == 0 and page.get_by_label("Temperature", exact=False).first.input_value() == "0.3"


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


def canvas(page, selector="#canvas"):
    """The red values of what is drawn, [height, width]."""
    data = page.evaluate(
        """(selector) => {
            const canvas = document.querySelector(selector);
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return [canvas.width, Array.from(data.filter((_, i) => i % 4 === 0))];
        }""",
        selector,
    )
    return np.array(data[1]).reshape(-1, data[0])


@pytest.fixture
def tone(tmp_path):
    """Half a second of 3 kHz at half of full scale, between silences of a quarter, at 48 kHz."""
    path = tmp_path / "tone.wav"
    sine = 0.5 * np.sin(2 * np.pi * 3000 * np.arange(24000) / 48000)
    soundfile.write(path, np.pad(sine, 12000), 48000, "FLOAT")
    return path


def test_axes_say_when_and_how_high_and_any_place_can_be_heard_again(page, tone):
    page.get_by_label("Choose a recording").set_input_files(tone)
    expect(page, "Done")
    for side in ("in", "out"):
        figure = page.locator(f"#{side}")
        times = figure.locator(".time span").all()
        assert [float(tick.text_content()) for tick in times] == pytest.approx(np.arange(0, 1.01, 0.1))
        assert figure.locator(".frequency span").all_text_contents() == ["0", "2", "4", "6", "8"]
        plot = figure.locator(".spectrogram").bounding_box()
        places = [(box := tick.bounding_box())["x"] + box["width"] / 2 for tick in times]
        assert places == pytest.approx(plot["x"] + plot["width"] * np.arange(0, 1.01, 0.1), abs=1)
    assert page.locator("#in .spectrogram").bounding_box()["x"] == plot["x"]  # one above the other
    drawn = 255 - picture(page, "in").astype(float)
    rows, columns = drawn.shape
    assert (rows - 1 - drawn[:, columns // 2].argmax()) / rows * 8000 == pytest.approx(3000, abs=60)
    loud = np.flatnonzero(drawn.max(0) > 128) / columns
    assert (loud[0], loud[-1]) == pytest.approx((0.25, 0.75), abs=0.03)
    assert "peak −6 dBFS" in page.locator("#in .reading").text_content()
    name = "Spectrogram of what goes in, 1.0 seconds across, 0 to 8 kilohertz up"
    assert page.get_by_role("img", name=name).count() == 1
    hear_again(page)


def hear_again(page):
    """Both sounds can be heard again, from anywhere, with the mouse and with the keyboard."""
    for side in ("what goes in", "what you heard"):
        page.get_by_role("button", name=f"Listen to {side}").click()
        playwright.expect(page.locator("[aria-pressed=true]")).to_have_count(1)
        playwright.expect(page.locator("[aria-pressed=true]")).to_have_count(0)  # it ends by itself
    position = page.get_by_role("slider", name="Position in what you hear")
    position.focus()
    before = float(position.input_value())
    page.keyboard.press("ArrowLeft")
    assert float(position.input_value()) < before
    box = position.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 10)
    assert float(position.input_value()) == pytest.approx(0.5, abs=0.1)


def test_arrows_go_from_tab_to_tab(page):
    page.get_by_role("tab", name="Sound").focus()
    page.keyboard.press("ArrowRight")
    playwright.expect(page.get_by_role("tab", name="Pictures")).to_be_focused()
    assert page.get_by_role("tabpanel").all_text_contents() and page.locator("#sound").is_hidden()


CONTRASTS = Path(__file__).with_name("contrasts.js").read_text(encoding="utf-8")
QUIET = """([low, high]) => {
    const spectrogram = document.querySelector("#in .spectrogram").getContext("2d");
    const [red, , , opaque] = spectrogram.getImageData(0, 0, 1, 1).data; // of the silence before the first word
    return opaque && low <= red && red <= high;
}"""


def test_words_stand_out_by_day_and_by_night(page):
    page.get_by_role("button", name="Play the example").click()
    expect(page, "First sound")
    for scheme, quiet in ("dark", (0, 60)), ("light", (195, 255)):
        page.emulate_media(color_scheme=scheme)
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 20
        assert not [(words, ratio) for words, ratio in contrasts if ratio < 4.5], scheme
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        assert all(quiet[0] <= colour <= quiet[1] for colour in ground), scheme
        page.wait_for_function(QUIET, arg=quiet)  # the spectrogram follows


def test_it_fits_a_phone(page):
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    for button in page.get_by_role("button").all():
        assert button.bounding_box()["height"] >= 44  # a finger's width
    page.get_by_role("button", name="Play the example").click()
    expect(page, "First sound")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_what_goes_wrong_is_said(page, server, tmp_path):
    nonsense = tmp_path / "nonsense.wav"
    nonsense.write_bytes(b"nonsense")
    page.get_by_label("Choose a recording").set_input_files(nonsense)
    expect(page, r"nonsense\.wav is no recording that this browser can read")


def test_a_token_is_asked_for_where_one_is_wanted_and_a_full_service_says_so(page, chromium, serve):
    assert page.get_by_label("Token").is_hidden()
    with ExitStack() as stack:
        server = stack.enter_context(serve(web=WebConfig(port=0), token="secret", live_streams=1))
        one, two = (stack.enter_context(opened(chromium, server)) for _ in range(2))
        one.get_by_role("button", name="Speak").click()
        expect(one, "The service wants a token")
        playwright.expect(one.get_by_label("Token")).to_be_focused()
        for page in (one, two):
            page.get_by_label("Token").fill("secret")
        one.get_by_role("button", name="Speak").click()
        expect(one, "First sound")
        two.get_by_role("button", name="Speak").click()
        expect(two, r"The service is full: all its places are taken\. Try again in \d+ s\.")
        one.get_by_role("button", name="Stop").click()
        expect(one, "Stopped")


def test_calls_end_with_the_limit(chromium, server, speech):
    def two_seconds(page):
        page.route("**/voices", lambda route: route.fulfill(json=route.fetch().json() | {"maxSeconds": 2}))

    with opened(chromium, server, prepare=two_seconds) as page:
        page.get_by_label("Choose a recording").set_input_files(speech / "FLOAT.wav")
        expect(page, r"FLOAT\.wav has 3 seconds; the service takes at most 2\.")
        page.get_by_role("button", name="Speak").click()
        expect(page, "Ended after 2 seconds, the longest that the service allows")
        expect_idle(server)


def test_a_service_that_goes_is_missed(chromium, server):
    sockets = []

    def between(page):
        page.route_web_socket(
            "**/stream", lambda socket: (socket.connect_to_server(), sockets.append(socket))
        )

    with opened(chromium, server, prepare=between) as page:
        playwright.expect(page.get_by_text("Connected", exact=True)).to_be_visible()
        page.get_by_role("button", name="Speak").click()
        expect(page, "First sound")
        page.route_web_socket("**/stream", lambda socket: socket.close())  # no new ones
        for socket in sockets:
            socket.close()
        expect(page, "The connection to the service was lost")
        playwright.expect(page.get_by_text("Not connected")).to_be_visible()
        playwright.expect(page.get_by_role("link", name="Save what you heard")).to_be_visible()


def test_a_page_that_may_not_hear_says_why(chromium, server):
    with opened(chromium, server, host="far.test") as page:
        playwright.expect(page.get_by_role("alert")).to_contain_text("open it over https")
        assert page.get_by_role("button", name="Speak").is_disabled()


def test_gaps_mean_too_slow_and_silence_means_lost(page):
    told = page.evaluate(
        """async () => {
            const { Health, tooSlow } = await import("/static/health.js");
            const health = new Health(true);
            const slow = [health.slow];
            for (let gap = 0; gap < 3; gap++) health.gap();
            const voice = (name, layers) => ({ name, layers, melBands: 80 });
            const lost = [health.lost];
            health.sign -= 20_000; // nothing came back, though the microphone spoke
            lost.push(health.lost);
            health.asked -= 20_000; // nor did the microphone speak
            lost.push(health.lost);
            return [...slow, health.slow, lost, tooSlow(voice("large", 50), [voice("large", 50), voice("small", 30)])];
        }"""
    )
    assert told[:3] == [False, True, [False, True, False]]
    assert told[3].endswith("need less work: small.")
