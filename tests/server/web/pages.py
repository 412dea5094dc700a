"""What the tests of the page share: how it is opened, read and waited for, in a real Chromium."""

import re
import shutil
import time
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile

playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
pytest.importorskip("websockets", reason="needs websockets: pip install '.[web]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


@contextmanager
def opened(chromium, server, host="127.0.0.1", prepare=lambda page: None, status=r"Ready\."):
    """A page of a server's, in a window of its own, which `prepare` gets before it is loaded."""
    page = chromium.new_page()
    prepare(page)
    page.set_default_timeout(120_000)
    problems = []
    page.on("pageerror", lambda problem: problems.append(problem))
    page.on("console", lambda said: problems.append(said.text) if "Security Policy" in said.text else None)
    page.goto(f"http://{host}:{server.web_port}/")
    expect(page, status)
    yield page
    page.close()
    assert not problems


def expect(page, status, seconds=120):
    locator = page.get_by_role("status")
    playwright.expect(locator).to_have_text(re.compile(status), timeout=1000 * seconds)


def expect_idle(server):
    """No call is left behind."""
    end = time.monotonic() + 30
    while server.engine.live:
        assert time.monotonic() < end
        time.sleep(0.01)


def picture(page, side):
    """The spectrogram of what goes "in" or comes "out", its red values: [rows, columns]."""
    return canvas(page, f"#{side} .spectrogram")


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


def saved(page, path):
    """What the page lets one save: samples and rate."""
    with page.expect_download() as download:
        page.get_by_role("link", name="Save what you heard").click()
    download.value.save_as(path)
    return soundfile.read(path, dtype="int16")
