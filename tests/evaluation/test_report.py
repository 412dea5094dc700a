import base64
import io
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
from PIL import Image

from wavesynth.evaluation.report import ReportClip, write_report

VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """The elements of a page, and whether each that is opened is closed."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.text = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def tone(hertz, seconds=1.0):
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(int(16000 * seconds)) / 16000)).astype(np.float32)


FIGURES = {
    "voice": "a <b> voice", "description": 'says "hello" & more', "licence": "CC0-1.0", "sample_rate": 16000,
    "split": "test", "command": "wavesynth evaluate 'a <b>'", "notes": ["a note & more"],
    "bits_per_sample": {"float32": 3.5, "seconds": 120.0, "int8": 3.61, "int8_seconds": 8.0, "float32_there": 3.6},
    "clips": 2, "clip_seconds": 2.5, "words": 7,
    "rows": {
        "original": {"dnsmos": 3.2},
        "copy": {"pesq_wb": 2.346, "log_mel_db": 3.0, "dnsmos": 3.1},
        "world": {"pesq_wb": None, "log_mel_db": 2.7, "dnsmos": 3.0},
    },
}  # fmt: skip
CLIPS = [
    ReportClip(
        "first", {"original": tone(440), "a <b> voice": tone(450)}, {"pesq_wb": 2.0}, "understood: <hello>"
    ),
    ReportClip("second", {"original": tone(300, 1.5), "a <b> voice": tone(310, 1.5)}, {}),
]


@pytest.fixture
def text(tmp_path):
    write_report(tmp_path / "report.html", FIGURES, CLIPS)
    return (tmp_path / "report.html").read_text("utf-8")


@pytest.fixture
def page(text):
    return Page(text)


def test_every_clip_has_two_players_with_its_audio_and_two_pictures_with_alternative_texts(page):
    players, pictures = page.all("audio"), page.all("img")
    assert len(players) == len(pictures) == 2 * len(CLIPS) == 2 * len(page.all("article"))
    wanted = [(clip.name, title, audio) for clip in CLIPS for title, audio in clip.versions.items()]
    for player, picture, (name, title, audio) in zip(players, pictures, wanted, strict=True):
        assert "controls" in player and player["aria-label"] == f"{title}, {name}"
        assert picture["alt"].startswith(f"Spectrogram of {title}, {name}: {len(audio) / 16000:.1f} s")
        kind, data = player["src"].split(",", 1)
        assert kind == "data:audio/flac;base64"
        heard, rate = soundfile.read(io.BytesIO(base64.b64decode(data)), dtype="float32")
        assert rate == 16000 and np.allclose(heard, audio, atol=1e-4)
        kind, data = picture["src"].split(",", 1)
        assert kind == "data:image/png;base64"
        Image.open(io.BytesIO(base64.b64decode(data))).verify()


def test_the_picture_shows_the_tone_at_its_height(page):
    data = page.all("img")[0]["src"].split(",", 1)[1]
    levels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    brightest = levels.sum(1, dtype=int).argmax()
    assert levels.shape[0] - 1 - brightest == round(440 / 8000 * 256)


def test_the_page_needs_nothing_from_elsewhere(page, text):
    assert not page.all("script") and not page.all("link") and not page.all("iframe")
    sources = [attributes["src"] for _, attributes in page.elements if "src" in attributes]
    assert all(source.startswith("data:") for source in sources)
    assert "http" not in text and "@import" not in text and "url(" not in text


def test_texts_are_texts_and_not_markup(page):
    assert page.open == [] and not page.all("b") and not page.all("hello")
    text = "".join(page.text)
    for wanted in (
        "a <b> voice",
        'says "hello" & more',
        "wavesynth evaluate 'a <b>'",
        "understood: <hello>",
        "a note & more",
    ):
        assert wanted in text


def test_the_table_has_the_rows_with_their_figures_and_a_dash_for_what_is_not_known(page, text):
    rows = [row for row in text.split("<tr") if 'scope="row"' in row]
    assert [row.count("<td>") for row in rows] == [3, 3, 3]
    assert "a &lt;b&gt; voice" in rows[1] and "<td>2.35</td>" in rows[1]
    assert "<td>–</td>" in rows[2] and "<td>2.70</td>" in rows[2]
    caption = "Mean over 2 clips, 2 s, of the test split; word errors in 7 words"
    assert caption in "".join(page.text)
    assert "+0.0100" in "".join(page.text) and "3.500" in "".join(page.text)


def test_it_is_a_page_for_phones_keyboards_and_screen_readers(page):
    assert page.all("html")[0]["lang"] == "en"
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
    assert (
        len(page.all("h1"))
        == len(page.all("main"))
        == len(page.all("title"))
        == len(page.all("caption"))
        == 1
    )
    scrolling = [a for a in page.all("div") if a.get("class") == "scroll"]
    assert scrolling and all(a["tabindex"] == "0" and a["role"] == "region" for a in scrolling)
    assert all("scope" in heading for heading in page.all("th"))


def test_a_voice_that_cannot_copy_has_one_player(tmp_path):
    figures = {
        name: value
        for name, value in FIGURES.items()
        if name not in ("rows", "clips", "clip_seconds", "words")
    }
    write_report(tmp_path / "free.html", figures, [ReportClip("a sample", {"free": tone(200)}, {})])
    page = Page((tmp_path / "free.html").read_text("utf-8"))
    assert len(page.all("audio")) == len(page.all("img")) == 1 and not page.all("table")
