"""What a vocoder hears that learns from a text network's log-mel too, in place of the recordings'."""

import json
from pathlib import Path

import pytest
import soundfile
import torch

pytest.importorskip("pkg_resources", reason="needs setuptools<80: pip install '.[evaluate]'")
pytest.importorskip("pyworld", reason="needs pyworld: pip install '.[evaluate]'")

from tests.training import runs
from tests.voices_for_tests import make_voice
from wavesynth.audio.analysis import MelConfig
from wavesynth.data.dataset import Crops
from wavesynth.data.features import untracked
from wavesynth.training.export import export
from wavesynth.training.reader import Reading, trained_reader
from wavesynth.training.run import parse_run
from wavesynth.voices.voice import load_voice, save_voice

READER = "allison-reads"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return runs.spoken(tmp_path_factory.mktemp("spoken"))


def reading(path):
    return Reading(trained_reader("reader", path, MelConfig()), MelConfig(), untracked)


def test_a_vocoder_hears_what_a_reader_predicts_in_half_of_its_crops(folder):
    """Of recordings, in their own time; a recording without a transcript is heard as it is."""
    heard = Crops([folder], "validation", reading=reading(READER))
    recorded, read = heard.mel.view(2, len(heard), -1)
    assert torch.equal(recorded, Crops([folder], "validation").mel)
    assert not torch.equal(read, recorded)
    batch = heard.batch(torch.Generator().manual_seed(0), 64, 20)
    known = {row.numpy().tobytes() for row in recorded}
    of_recordings = [crop[10].numpy().tobytes() in known for crop in batch.mel]
    assert 16 < sum(of_recordings) < 48


def test_what_has_no_transcript_is_heard_as_it_was_recorded(folder, tmp_path):
    silent = runs.spoken(tmp_path / "spoken")
    lines = (Path(silent) / "transcripts.tsv").read_text().splitlines()
    (Path(silent) / "transcripts.tsv").write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    heard = Crops([silent], "validation", reading=reading(READER))
    recorded, read = heard.mel.view(2, len(heard), -1)
    first = int(heard.end[0])
    assert torch.equal(read[:first], recorded[:first])
    assert not torch.equal(read[first:], recorded[first:])


def test_a_recording_that_was_cut_is_read_whole(folder, tmp_path):
    """Its pieces are read as the whole is, but for the frame in which it was cut."""
    cut, whole = Path(runs.spoken(tmp_path / "cut")), Crops([folder], "validation", reading=reading(READER))
    dataset = json.loads((cut / "dataset.json").read_text())
    [first] = [file for file in dataset["files"] if file["stem"] == "0"]
    samples, _ = soundfile.read(cut / "audio/validation/0.flac")
    middle = len(samples) // 320 * 160
    pieces = {"0-001": samples[:middle], "0-002": samples[middle:]}
    for stem, piece in pieces.items():
        soundfile.write(cut / f"audio/validation/{stem}.flac", piece, 16000)
    dataset["files"] = [
        *({"stem": stem, "split": "validation", "samples": len(piece)} for stem, piece in pieces.items()),
        *(file for file in dataset["files"] if file != first),
    ]
    (cut / "dataset.json").write_text(json.dumps(dataset))
    in_pieces = Crops([str(cut)], "validation", reading=reading(READER))
    length, at = int(whole.end[0]), middle // 160
    read, of_pieces = (crops.mel.view(2, len(crops), -1)[1][:length] for crops in (whole, in_pieces))
    assert torch.allclose(read[: at - 3], of_pieces[: at - 3], atol=0.5)
    assert torch.allclose(read[at + 3 : -2], of_pieces[at + 3 : -2], atol=0.5)


def test_a_vocoder_that_hears_a_reader_becomes_a_voice_as_any_other(folder, tmp_path):
    alone = runs.values(folder)
    _, plain, _ = runs.train(alone, tmp_path / "plain")
    _, losses, _ = runs.train({"reader": READER, **alone}, tmp_path / "heard")
    assert losses[6] != plain[6]
    shapes = []
    for name in ("plain", "heard"):
        export(tmp_path / name, tmp_path / "voice" / name)
        weights = load_voice(tmp_path / "voice" / name).network.weights
        shapes.append({key: value.shape for key, value in weights.items()})
    assert shapes[0] == shapes[1]


def test_a_run_goes_on_with_the_reader_that_it_began_with(folder, tmp_path):
    alone = runs.values(folder)
    runs.train({"reader": READER, **alone}, tmp_path / "heard")
    with pytest.raises(ValueError, match="reader"):
        runs.train(alone, tmp_path / "heard", resume=True)


def test_a_reader_of_other_features_is_refused():
    with pytest.raises(ValueError, match=r"whose \[data\] mel is not the configured one"):
        trained_reader("reader", READER, MelConfig(bands=40))


@pytest.mark.parametrize(("section", "keys"), [("data", {"augment": 0.5}), ("model", {"mel_bands": 0})])
def test_a_reader_needs_log_mel_that_nothing_else_alters(folder, section, keys):
    values = {"reader": "allison-reads", **runs.values(folder)}
    values[section] |= keys
    with pytest.raises(ValueError, match="needs mel bands, and perturb and augment 0"):
        parse_run(values)


def test_what_cannot_read_is_no_reader(tmp_path):
    save_voice(tmp_path, make_voice("dumb"))
    with pytest.raises(ValueError, match="a voice that takes no text"):
        trained_reader("reader", tmp_path, MelConfig())
    with pytest.raises(ValueError, match="does not exist"):
        trained_reader("reader", "nothing", MelConfig())
