"""Which recordings are compared with which, and how loud they are."""

import numpy as np
import pytest
import soundfile

from wavesynth.evaluation.listening.sets import names_of, pairs_of, read_set
from wavesynth.evaluation.report import ReportClip, write_report


def tone(level, rate=16000):
    return level * np.sin(2 * np.pi * 440 * np.arange(rate // 4) / rate).astype(np.float32)


@pytest.fixture
def make(tmp_path):
    def make(name, clips, rate=16000):
        for clip, level in clips.items():
            path = tmp_path / name / clip
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, tone(level, rate), rate)
        return tmp_path / name

    return make


def test_recordings_of_one_name_are_a_pair_whatever_their_formats_and_rates(make):
    a = make("a", {"x.wav": 0.2, "deep/y.flac": 0.2, "only-a.wav": 0.2})
    b = make("b", {"x.flac": 0.2, "deep/y.wav": 0.2}, rate=24000)
    pairs, alone = pairs_of(read_set(a), read_set(b), None, 20)
    assert [pair.name for pair in pairs] == ["deep/y", "x"] and alone == ["only-a"]
    assert [rate for _, rate in pairs[0].takes] == [16000, 24000]


def test_both_takes_are_as_loud_as_the_quieter_one(make):
    pairs, _ = pairs_of(read_set(make("a", {"x.wav": 0.4})), read_set(make("b", {"x.wav": 0.1})), None, 20)
    peaks = [np.abs(samples).max() for samples, _ in pairs[0].takes]
    assert peaks == pytest.approx([0.1, 0.1], abs=1e-3)


def test_silence_makes_no_other_take_silent(make):
    pairs, _ = pairs_of(read_set(make("a", {"x.wav": 0.4})), read_set(make("b", {"x.wav": 0.0})), None, 20)
    assert np.abs(pairs[0].takes[0][0]).max() == pytest.approx(0.4, abs=1e-3)


def test_no_more_pairs_than_asked_for_and_spread_over_all(make):
    clips = {f"{i:02}.wav": 0.1 for i in range(9)}
    pairs, _ = pairs_of(read_set(make("a", clips)), read_set(make("b", clips)), None, 3)
    assert [pair.name for pair in pairs] == ["00", "04", "08"]


def test_a_report_of_evaluate_is_a_set_and_brings_its_originals(tmp_path, make):
    figures = {
        "voice": "one",
        "description": "",
        "licence": "",
        "sample_rate": 16000,
        "bits_per_sample": None,
        "command": "",
        "notes": [],
    }
    clip = ReportClip("x", {"original": tone(0.3), "one": tone(0.2)}, {})
    write_report(tmp_path / "report.html", figures, [clip])
    report, folder = read_set(tmp_path / "report.html"), read_set(make("b", {"x.wav": 0.2}))
    (pair,), _ = pairs_of(report, folder, None, 20)
    assert (report.name, folder.name) == ("one", "b")
    assert np.allclose(pair.takes[0][0], tone(0.2), atol=1e-3)
    assert np.allclose(pair.original[0], tone(0.3), atol=1e-3)


def test_sets_of_one_name_are_called_by_their_paths(tmp_path, make):
    paths = make("a/out", {"x.wav": 0.1}), make("b/out", {"x.wav": 0.1})
    assert names_of(read_set(paths[0]), read_set(paths[1]), paths) == tuple(map(str, paths))


@pytest.mark.parametrize(
    ("clips", "sentence"),
    [({"x.wav": 0.1, "x.flac": 0.1}, "two recordings named 'x'"), ({}, "has no recordings")],
)
def test_a_folder_that_is_no_set_is_refused(make, tmp_path, clips, sentence):
    (tmp_path / "a").mkdir()
    with pytest.raises(ValueError, match=sentence):
        read_set(make("a", clips))


def test_sets_without_a_common_name_are_refused_with_an_example_of_each(make):
    with pytest.raises(ValueError, match="'x' and 'y'"):
        pairs_of(read_set(make("a", {"x.wav": 0.1})), read_set(make("b", {"y.wav": 0.1})), None, 20)


def test_a_page_that_is_no_report_is_refused(tmp_path):
    (tmp_path / "page.html").write_text("<p>hello</p>")
    with pytest.raises(ValueError, match="it must be a report"):
        read_set(tmp_path / "page.html")
