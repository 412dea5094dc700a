"""The page in a real Chromium: what comes back is the voice's audio without a gap, and is seen and heard again."""

import re

import numpy as np
import pytest
import soundfile
import torch

from tests.server.web.pages import (
    canvas,
    expect,
    needs_chromium,
    picture,
    playwright,
    saved,
)
from wavesynth.audio.mel import log_mel
from wavesynth.clients import Client

pytestmark = needs_chromium


def test_a_dropped_recording_comes_back_to_the_byte_as_over_grpc(page, server, speech, tmp_path):
    page.get_by_label("Choose a recording").set_input_files(speech / "FLOAT.wav")
    expect(page, r"Done\. First sound after \d+ ms")
    heard, rate = saved(page, tmp_path / "heard.wav")
    sent = soundfile.read(speech / "FLOAT.wav", dtype="float32")[0]
    with Client(f"localhost:{server.port}") as client:
        whole = client.synthesize(page.locator("#voice").input_value(), audio=sent, sample_rate=48000)
    assert rate == 16000 and heard.tobytes() == whole.pcm
    for side in ("in", "out"):  # and the spectrograms drew themselves
        assert len(np.unique(picture(page, side))) > 50, side


def test_a_microphone_comes_back_with_its_spectrum(page, held_out, tmp_path):
    seconds = 3  # that the microphone hears again and again
    speak = page.get_by_role("button", name="Speak")
    speak.click()
    expect(page, "First sound after")
    playwright.expect(speak).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(1000 * (seconds + 2))
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
    spoken = soundfile.read(held_out, dtype="float32")[0][: 16000 * seconds]
    # The fake microphone plays its file again and again from wherever it is, and a busy machine makes it stumble: so
    # each second by itself.
    mine, theirs = (log_mel(torch.from_numpy(x)).numpy() for x in (heard, np.tile(spoken, 2)))
    spans = [mine[i : i + 100].ravel() for i in range(50, len(mine) - 100, 50)]
    assert len(spans) >= 2
    speaker_similarity = [
        max(np.corrcoef(span, theirs[lag : lag + 100].ravel())[0, 1] for lag in range(len(theirs) - 100))
        for span in spans
    ]
    assert np.median(speaker_similarity) > 0.8


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
