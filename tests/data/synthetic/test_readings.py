"""Sentences read aloud: a folder that grows, and that is the same however often the reading was interrupted."""

from __future__ import annotations

import csv
import io
import tarfile
from itertools import islice

import numpy as np
import pytest
import soundfile

from wavesynth.data.features import untracked
from wavesynth.data.recipes.recipe import make
from wavesynth.data.recipes.registry import find_recipe
from wavesynth.data.synthetic import readings
from wavesynth.data.synthetic.kokoro import FRAME, SAMPLE_RATE, Speech
from wavesynth.data.synthetic.readings import read_aloud
from wavesynth.data.synthetic.sentences import sentences

STYLE = np.zeros((510, 256), "<f4").tobytes()


class Model:
    """Says noise: a unit of duration for each phoneme and silence. It stops after `left` sentences."""

    left = 10**6

    def __call__(self, phonemes: str, style: np.ndarray) -> Speech:
        if not Model.left:
            raise KeyboardInterrupt
        Model.left -= 1
        assert style.shape == (510, 256)
        durations = (8, *[3] * len(phonemes), 8)
        noise = np.random.default_rng(len(phonemes)).normal(size=sum(durations) * FRAME)
        return Speech(noise.astype(np.float32) / 8, durations)


class Pronunciation:
    """Each letter is a phoneme."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect

    def __call__(self, text: str) -> str:
        return text.lower() if self.dialect == "us" else text.upper()


@pytest.fixture
def styles(tmp_path, monkeypatch):
    """The folder of two voices' styles, with an invented model to read them."""
    monkeypatch.setattr(readings, "Kokoro", Model)
    monkeypatch.setattr(readings, "Pronunciation", Pronunciation)
    monkeypatch.setattr(Model, "left", 10**6)
    folder = tmp_path / "styles"
    folder.mkdir()
    for voice in ("af_heart", "bm_george"):
        (folder / f"{voice}.bin").write_bytes(STYLE)
    return folder


def rows(folder):
    """The lines of a folder's transcripts."""
    text = (folder / "transcripts.tsv").read_text("utf-8")
    return list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


def test_each_voice_has_its_minutes_and_each_recording_its_text_phonemes_and_durations(styles, tmp_path):
    read_aloud(tmp_path / "out", styles, {"af_heart": 0.5, "bm_george": 0.2}, untracked)
    found = rows(tmp_path / "out")
    seconds = dict.fromkeys(("af_heart", "bm_george"), 0.0)
    for row in found:
        info = soundfile.info(tmp_path / "out" / f"{row['file']}.flac")
        durations = [int(units) for units in row["durations"].split()]
        assert (info.samplerate, info.frames) == (SAMPLE_RATE, sum(durations) * FRAME)
        assert len(durations) == len(row["phonemes"]) + 2
        seconds[row["file"].rpartition("-")[0]] += info.duration
    assert 30 <= seconds["af_heart"] < 45 and 12 <= seconds["bm_george"] < 27
    american = [row for row in found if row["file"].startswith("af_heart")]
    assert [row["text"] for row in american] == list(islice(sentences("af_heart"), len(american)))
    assert american[0]["phonemes"].islower() and found[-1]["phonemes"].isupper()


def test_an_interrupted_reading_goes_on_to_the_same_files(styles, tmp_path):
    minutes = {"af_heart": 0.5, "bm_george": 0.5}
    read_aloud(tmp_path / "whole", styles, minutes, untracked)
    for left in (3, 0, 9):
        Model.left = left
        with pytest.raises(KeyboardInterrupt):
            read_aloud(tmp_path / "cut", styles, minutes, untracked)
        with (tmp_path / "cut/transcripts.tsv").open("a") as file:
            file.write("af_heart-00")  # power failed in the middle of a line
    Model.left = 10**6
    read_aloud(tmp_path / "cut", styles, minutes, untracked)
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "cut").iterdir())
    assert all(
        (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes() for name in names
    )


def test_the_recipe_fetches_the_styles_and_keeps_what_was_said_beside_the_prepared_set(
    styles, tmp_path, monkeypatch
):
    with tarfile.open(tmp_path / "kokoro-js.tgz", "w:gz") as archive:
        archive.add(styles, "package/voices")
    npm = tmp_path / "bin/npm"
    npm.parent.mkdir()
    npm.write_text(f'#!/bin/sh\ntest "$1" = pack && cp "{tmp_path}/kokoro-js.tgz" kokoro-js-1.2.1.tgz\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:/usr/bin:/bin")
    recipe = find_recipe("kokoro")
    assert recipe.choose is not None
    chosen = recipe.choose(("af_heart",), 0.2)
    for need in chosen.needs:
        monkeypatch.setattr(type(need), "is_there", lambda: True, raising=False)
    object.__setattr__(chosen, "needs", ())
    dataset = make(chosen, tmp_path / "made", untracked, print)
    assert dataset is not None
    said = {row["file"] for row in rows(tmp_path / "made/recordings")}
    assert {file["stem"] for file in dataset["files"]} == said and said
    assert not (tmp_path / "made/.recipe").exists()


def test_a_voice_that_there_is_not_is_named(styles, tmp_path):
    with pytest.raises(ValueError, match="voices has 'zoe'; it must be of af_heart, bm_george"):
        read_aloud(tmp_path / "out", styles, {"zoe": 1.0}, untracked)
    recipe = find_recipe("kokoro")
    assert recipe.choose is not None
    with pytest.raises(ValueError, match="voices has 'zoe'; it must be of af_alloy, "):
        recipe.choose(("zoe",), None)
