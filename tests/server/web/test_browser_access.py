"""The page in a real Chromium: everybody can use it, with a keyboard, a screen reader, a phone, by day and by night."""

import re
from pathlib import Path

from tests.server.web.pages import (
    expect,
    needs_chromium,
    playwright,
)

pytestmark = needs_chromium

CONTRASTS = Path(__file__).with_name("contrasts.js").read_text(encoding="utf-8")
QUIET = """([low, high]) => {
    const spectrogram = document.querySelector("#in .spectrogram").getContext("2d");
    const [red, , , opaque] = spectrogram.getImageData(0, 0, 1, 1).data; // of the silence before the first word
    return opaque && low <= red && red <= high;
}"""


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


def test_arrows_go_from_tab_to_tab(page):
    page.get_by_role("tab", name="Sound").focus()
    page.keyboard.press("ArrowRight")
    playwright.expect(page.get_by_role("tab", name="Pictures")).to_be_focused()
    assert page.get_by_role("tabpanel").all_text_contents() and page.locator("#sound").is_hidden()


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
