"""The page in a real Chromium: a text is typed, and heard while it is made."""

import pytest

from tests.server.web.pages import expect, expect_idle, needs_chromium, opened, playwright, saved
from tests.voices_for_tests import make_text_voice, tiny_voice
from wavesynth.clients import Client
from wavesynth.server.web.config import WebConfig
from wavesynth.voices.voice import save_voice

pytestmark = needs_chromium
TEXT = "Ünder 𝔸 every word is seen, while it is said."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Voices: reader, which takes text, and tiny, the default, which does not."""
    folder = tmp_path_factory.mktemp("voices")
    save_voice(folder / "reader", make_text_voice())
    tiny_voice(folder, "tiny", layers=2)
    return folder


@pytest.fixture(scope="module")
def server(serve, folder):
    with serve(voices=folder, web=WebConfig(port=0)) as server:
        yield server


def test_a_text_is_heard_as_over_grpc_and_its_words_are_seen(page, server, tmp_path):
    text, say = page.get_by_label("Text to be read aloud"), page.get_by_role("button", name="Say it")
    assert page.locator("#voice").input_value() == "reader"  # one that reads, though it is not the default
    assert text.bounding_box()["y"] < page.get_by_role("combobox", name="Voice").bounding_box()["y"]
    page.evaluate(
        """() => {
            window.seen = [];
            const look = () => window.seen.push(document.querySelector("#spoken mark").textContent);
            new MutationObserver(look).observe(document.querySelector("#spoken"), { childList: true, subtree: true });
        }"""
    )
    text.fill(TEXT)
    say.click()
    expect(page, r"Done\. First sound after \d+ ms")
    heard, rate = saved(page, tmp_path / "heard.wav")
    with Client(f"localhost:{server.port}") as client:
        chunks = list(client.stream(text=TEXT, voice="reader").chunks())
    assert rate == 16000 and heard.tobytes() == b"".join(chunk.pcm for chunk in chunks)
    seen = [word for word in dict.fromkeys(page.evaluate("window.seen")) if word]
    words = [word.text for chunk in chunks for word in chunk.words]
    assert len(seen) > 2 and seen == [word for word in dict.fromkeys(words) if word in seen]
    assert seen[-1] == "said" and page.locator("#spoken").is_hidden()


def test_a_text_is_said_and_stopped_by_keys(page, server):
    page.get_by_label("Text to be read aloud").fill(TEXT * 40)
    page.keyboard.press("Control+Enter")
    expect(page, "First sound after")
    say = page.get_by_role("button", name="Say it")
    playwright.expect(say).to_have_attribute("aria-pressed", "true")
    say.focus()
    page.keyboard.press("Space")
    expect(page, "Stopped")
    expect_idle(server)


def test_a_voice_that_takes_no_text_says_which_do(page):
    page.get_by_role("combobox", name="Voice").select_option("tiny")
    assert page.get_by_role("button", name="Say it").is_disabled()
    assert page.locator("#text-hint").inner_text() == "tiny takes no text. Choose reader below."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (" ", "there is no text: type a sentence"),
        ("x" * 10_001, "the text has 10001 characters; the page sends at most 10000"),
        ("…", "The service could not do it: .*text"),
    ],
)
def test_what_cannot_be_said_is_said(page, text, sentence):
    page.get_by_label("Text to be read aloud").fill(text)
    page.get_by_role("button", name="Say it").click()
    expect(page, sentence)


def test_a_page_for_phones_has_the_text_too(page):
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.get_by_role("button", name="Say it").bounding_box()["height"] >= 44


def test_a_text_needs_the_token_where_one_is_wanted(chromium, serve, folder):
    with (
        serve(voices=folder, web=WebConfig(port=0), token="secret") as server,
        opened(chromium, server, status="The service wants a token") as page,
    ):
        assert page.get_by_label("Text to be read aloud").is_hidden()
        page.get_by_label("Token").fill("secret")
        page.get_by_label("Token").press("Enter")
        expect(page, r"Ready\.")
        page.get_by_label("Text to be read aloud").fill(TEXT)
        page.get_by_role("button", name="Say it").click()
        expect(page, "Done")


def test_who_reads_too_slowly_is_compared_with_voices_that_read(page):
    said = page.evaluate(
        """async () => {
            const { tooSlow } = await import("/static/health.js");
            const voice = (name, layers, text) => ({ name, layers, text, melBands: 80 });
            return tooSlow(voice("slow", 30, true), [voice("reads", 9, true), voice("mute", 5, false)], true);
        }"""
    )
    assert said.endswith("Voices of fewer layers need less work: reads.")
