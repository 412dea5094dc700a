import csv
import json

import numpy as np
import pytest
import soundfile
from matplotlib.image import imread
from typer.testing import CliRunner

from tests.voices_for_tests import make_voice, tiny_voice
from wavesynth.cli import app
from wavesynth.engine.scoring import score


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A voice, and recordings: one of two channels at another rate, one that is too short."""
    folder = tmp_path_factory.mktemp("score")
    tiny_voice(folder)
    random = np.random.default_rng(0)
    soundfile.write(folder / "a.wav", random.uniform(-0.3, 0.3, 2000), 16000)
    soundfile.write(folder / "stereo.wav", random.uniform(-0.3, 0.3, (1600, 2)), 8000)
    soundfile.write(folder / "short.wav", np.zeros(700), 16000)
    return folder


def run(*arguments):
    result = CliRunner().invoke(app, ["score", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_it_prints_the_librarys_score_as_json_and_csv(folder, tmp_path):
    path = folder / "a.wav"
    code, out, _ = run(path, "--voice", folder / "tiny", "--json", "--csv", tmp_path / "frames.csv")
    expected = score(make_voice(), soundfile.read(path, dtype="float32")[0])
    [found] = json.loads(out)["recordings"]
    assert code == 0 and found["file"] == str(path)
    assert found["bits"] == pytest.approx(expected.bits, rel=1e-3)  # the saved voice has float16 weights
    assert (found["samples"], found["arithmetic"]) == (2000, "int8")
    rows = list(csv.DictReader((tmp_path / "frames.csv").open()))
    assert [float(row["bits_per_sample"]) for row in rows] == found["frame_bits_per_sample"]
    assert [float(row["seconds"]) for row in rows[:2]] == [0, 0.01] and len(rows) == 13


def test_of_several_recordings_all_are_counted_together(folder, tmp_path):
    paths = folder / "a.wav", folder / "stereo.wav"
    code, out, _ = run(*paths, "--voice", folder / "tiny", "--csv", tmp_path / "frames.csv")
    [whole] = [line.split("│") for line in out.splitlines() if "all" in line]
    assert code == 0 and whole[2].strip() == "0.33"  # 2,000 samples, and 1,600 at half the rate
    rows = list(csv.DictReader((tmp_path / "frames.csv").open()))
    assert {row["file"] for row in rows} == {str(path) for path in paths}
    code, _, err = run(*paths, "--voice", folder / "tiny", "--picture", tmp_path / "a.png")
    assert (code, err) == (1, "wavesynth: --picture is of one recording, and 2 are given\n")


def test_the_picture_has_the_spectrogram_above_the_bits(folder, tmp_path):
    code, _, _ = run(folder / "a.wav", "--voice", folder / "tiny", "--picture", tmp_path / "a.png")
    image = imread(tmp_path / "a.png")[..., :3]
    half = len(image) // 2
    dark = [(part.sum(2) < 0.6).mean() for part in (image[:half], image[half:])]
    assert code == 0 and dark[1] < 0.1 < (image[:half].mean(2) < 0.9).mean()


def test_what_cannot_be_scored_is_one_sentence(folder):
    path = folder / "short.wav"
    code, out, err = run(path, "--voice", folder / "tiny")
    assert (code, out) == (1, "")
    assert f"{path}: audio has 700 samples at 16000 hertz" in err and err.endswith("log-mel, 800\n")
    code, _, err = run(folder / "a.wav", "--voice", folder / "tiny", "--arithmetic", "bf16")
    assert (code, err) == (1, "wavesynth: arithmetic is 'bf16'; it must be one of int8, float32\n")
    code, _, err = run(folder / "a.wav", "--voice", "nobody")
    assert code == 1 and "voice is 'nobody'" in err


def test_a_service_scores_as_this_process_does(folder, serve):
    ours = json.loads(run(folder / "a.wav", "--voice", folder / "tiny", "--json")[1])
    with serve(voices=folder) as server:
        address = f"localhost:{server.port}"
        code, out, _ = run(folder / "a.wav", "--server", address, "--json")
        assert code == 0 and json.loads(out) == ours
        code, _, err = run(folder / "a.wav", "--voice", "nobody", "--server", address)
        assert code == 1 and err.startswith(f"wavesynth: {address}: voice is 'nobody'")
        code, _, err = run(folder / "short.wav", "--server", address)
        assert code == 1 and "audio has 700 samples" in err
        code, _, err = run(folder / "a.wav", "--server", address, "--arithmetic", "int8")
        assert code == 1 and "--arithmetic is for a voice in this process" in err
