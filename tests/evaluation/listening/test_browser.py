"""The listening page in a real Chromium, from the disk, without a network."""

import json
import re

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from tests.server.web.pages import CHROMIUM, needs_chromium, playwright
from wavesynth.cli import app

pytestmark = needs_chromium
CLIPS = ["x", "y", "z", "<i>w<!--"]


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as started:
        flags = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=user-gesture-required"]
        browser = started.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The page of two sets of four short tones."""
    folder = tmp_path_factory.mktemp("sets")
    for place, name in enumerate(("good", "bad", "originals")):
        (folder / name).mkdir()
        for clip in CLIPS:
            samples = 0.1 * np.sin(2 * np.pi * (300 + 100 * place) * np.arange(2400) / 16000)
            soundfile.write(folder / name / f"{clip}.wav", samples, 16000)
    arguments = ["compare", "page", folder / "good", folder / "bad", "--original", folder / "originals"]
    result = CliRunner().invoke(app, [str(one) for one in [*arguments, "--out", folder / "page.html"]])
    assert result.exit_code == 0, result.output
    return folder / "page.html"


@pytest.fixture
def page(chromium, file):
    context = chromium.new_context(offline=True)
    page = context.new_page()
    page.set_default_timeout(120_000)
    problems = []
    page.on("pageerror", lambda problem: problems.append(problem))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.on("request", lambda sent: problems.append(sent.url) if sent.url.startswith("http") else None)
    page.goto(file.as_uri())
    yield page
    context.close()
    assert not problems


def judge(page, key):
    playwright.expect(page.get_by_role("status")).to_have_text(re.compile("Press 1"), timeout=120_000)
    page.keyboard.press(key)


def begin(page, name="Anna"):
    page.get_by_role("textbox").fill(name)
    page.get_by_role("button", name="Begin").click()


def results(page, tmp_path, kind):
    with page.expect_download() as download:
        page.get_by_role("link", name=f"Save the results ({kind})").click()
    download.value.save_as(tmp_path / download.value.suggested_filename)
    return tmp_path / download.value.suggested_filename


def test_pairs_are_judged_by_keys_alone_and_the_command_reads_the_results(page, tmp_path):
    begin(page)
    for number, key in enumerate("1212", 1):
        playwright.expect(page.get_by_role("heading", name=f"Pair {number} of 4")).to_be_visible()
        judge(page, key)
    said = page.locator("#summary").inner_text()
    files = results(page, tmp_path, "TSV"), results(page, tmp_path, "JSON")
    assert all(re.fullmatch(r"listening-Anna-[0-9a-f]{16}\.(tsv|json)", file.name) for file in files)
    found = json.loads(files[1].read_text())["judgements"]
    assert [one["preferred"] == one["first"] for one in found] == [True, False, True, False]
    assert sorted(one["clip"] for one in found) == sorted(CLIPS)
    assert sorted(one["first"] for one in found) == ["bad", "bad", "good", "good"]  # each side as often
    assert {one["listener"] for one in found} == {"Anna"}
    figures = [
        json.loads(CliRunner().invoke(app, ["compare", "summary", str(file), "--json"]).output)
        for file in files
    ]
    assert figures[0] == figures[1]
    (one,) = figures[0]["preferences"]
    share, low, high = (f"{100 * one[name]:.1f} %" for name in ("share", "low", "high"))
    assert f"{one['a']} was preferred to {one['b']} in {one['for_a']} of 4 pairs: {share}, " in said
    assert f"95 % interval {low} to {high}." in said  # the page computes as the command does


def test_nobody_can_judge_what_was_not_heard(page):
    begin(page)
    page.keyboard.press("1")
    playwright.expect(page.get_by_role("status")).to_have_text("Hear both to their ends first.")
    assert page.get_by_role("button", name="1 The first").is_disabled()
    playwright.expect(page.get_by_role("heading", name="Pair 1 of 4")).to_be_visible()
    page.get_by_role("button", name="Play both").click()
    judge(page, "2")
    playwright.expect(page.get_by_role("heading", name="Pair 2 of 4")).to_be_visible()


def test_which_is_whose_is_not_seen_before_the_end(page):
    begin(page)
    judge(page, "1")
    seen = page.locator("main").inner_text() + page.title()
    assert "good" not in seen and "bad" not in seen and "x" not in page.locator("#trial-title").inner_text()
    page.get_by_role("button", name="End here").click()
    assert "good" in page.locator("#summary").inner_text()


def test_one_can_go_back_and_judge_again(page, tmp_path):
    begin(page)
    judge(page, "1")
    playwright.expect(page.get_by_role("heading", name="Pair 2 of 4")).to_be_visible()
    page.keyboard.press("Backspace")
    playwright.expect(page.get_by_role("heading", name="Pair 1 of 4")).to_be_visible()
    judge(page, "2")
    page.get_by_role("button", name="End here").click()
    (one,) = json.loads(results(page, tmp_path, "JSON").read_text())["judgements"]
    assert one["preferred"] == one["second"]


def test_a_page_that_was_closed_can_be_gone_on_with(page):
    begin(page)
    judge(page, "1")
    playwright.expect(page.get_by_role("heading", name="Pair 2 of 4")).to_be_visible()
    page.reload()
    page.get_by_role("button", name="Go on where you stopped").click()
    playwright.expect(page.get_by_role("heading", name="Pair 2 of 4")).to_be_visible()


def test_the_original_can_be_heard_beside_the_two(page):
    begin(page)
    page.get_by_role("button", name="Play the original").click()
    playwright.expect(page.get_by_role("status")).to_have_text("Playing the original.")


def test_the_page_needs_nothing_from_elsewhere_and_allows_nothing(file):
    text = file.read_text("utf-8")
    assert "default-src &#x27;none&#x27;" in text and "unsafe" not in text
    assert not re.search(r"https?://|@import|url\(", text)
    assert text.count("</script>") == 2 and "<i>w" not in text
