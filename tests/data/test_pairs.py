"""Pairs: the source is a copy or the recording itself, the target the recording, at the same frames."""

from pathlib import Path

import pytest
import torch

from tests.training.runs import prepared
from wavesynth.audio.mel import MelConfig, log_mel
from wavesynth.data.dataset import Recordings
from wavesynth.data.pairs import Pairs, another_microphone

pytest.importorskip("pkg_resources", reason="needs setuptools<80: pip install '.[evaluate]'")
pytest.importorskip("pyworld", reason="needs pyworld: pip install '.[evaluate]'")

MEL = MelConfig()
FRAMES = 50  # of each recording


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return Path(prepared(tmp_path_factory.mktemp("pairs")))


def test_a_crop_is_a_copy_beside_the_recording_with_silence_beyond_its_ends(folder):
    pairs = Pairs([(0, folder)], "validation", MEL, copies=2, past=2, look_ahead=3)
    [(stem, waveform)] = Recordings(folder).split("validation")
    copies = [log_mel(copy) for copy in Recordings(folder).copies("validation", stem, waveform, 2)]
    [first, second] = pairs.sequential(FRAMES // 2, 1)
    for number, (pair, copy) in enumerate(zip((first, second), copies, strict=True)):
        at = number * FRAMES // 2
        assert torch.equal(pair.target[0], log_mel(waveform)[at : at + FRAMES // 2])
        assert torch.equal(pair.source[0, 2:-3], copy[at : at + FRAMES // 2])
    assert (first.source[0, :2] == MEL.silence).all() and (second.source[0, -3:] == MEL.silence).all()
    assert torch.equal(first.source[0, -3:], copies[0][FRAMES // 2 :][:3])
    assert torch.equal(second.source[0, :2], copies[1][: FRAMES // 2][-2:])


def test_random_crops_hear_every_copy_and_the_recording_itself(folder, monkeypatch):
    monkeypatch.setattr("wavesynth.data.pairs.another_microphone", lambda mel, silence, generator: mel)
    pairs = Pairs([(0, folder)], "train", MEL, copies=2)
    batch = pairs.batch(torch.Generator().manual_seed(0), 60, 20)
    found = set()
    for source, target in zip(batch.source, batch.target, strict=True):
        [(recording, first)] = [
            (number, first)
            for number, (_, waveform) in enumerate(Recordings(folder).split("train"))
            for first in range(FRAMES - 20 + 1)
            if torch.equal(log_mel(waveform)[first : first + 20], target)
        ]
        stem, waveform = list(Recordings(folder).split("train"))[recording]
        voices = [waveform, *Recordings(folder).copies("train", stem, waveform, 2)]
        found |= {
            (recording, voice)
            for voice, samples in enumerate(voices)
            if torch.equal(log_mel(samples)[first : first + 20], source)
        }
    assert found == {(recording, voice) for recording in range(3) for voice in range(3)}
    again = pairs.batch(torch.Generator().manual_seed(0), 60, 20)
    assert all(torch.equal(a, b) for a, b in zip(batch, again, strict=True))


def test_half_of_the_crops_are_the_first_speakers_however_much_there_is_of_the_others(folder, tmp_path):
    others = [Path(prepared(tmp_path / str(seed), seed)) for seed in (1, 2, 3)]
    speakers = [(0, folder), *((1 + number // 2, other) for number, other in enumerate(others))]
    pairs = Pairs(speakers, "train", MEL, copies=0)
    batch = pairs.batch(torch.Generator().manual_seed(0), 1200, FRAMES)
    whole = {number: [log_mel(w) for f in folders for _, w in Recordings(f).split("train")]
             for number, folders in enumerate(([folder], others[:2], others[2:]))}  # fmt: skip
    for target, speaker in zip(batch.target[:30], batch.speaker[:30].tolist(), strict=True):
        assert any(torch.equal(target, mel) for mel in whole[speaker])
    counts = torch.bincount(batch.speaker).tolist()
    assert counts == pytest.approx([600, 400, 200], abs=60)


def test_a_recording_shorter_than_a_crop_is_followed_by_silence(folder):
    pairs = Pairs([(0, folder)], "validation", MEL, copies=1)
    [pair] = pairs.sequential(FRAMES + 10, 1)
    assert (pair.target[0, FRAMES:] == MEL.silence).all() and (pair.source[0, FRAMES:] == MEL.silence).all()
    assert (pair.target[0, :FRAMES] > MEL.silence).any()


def test_another_microphone_changes_the_colour_but_not_when_things_are_heard():
    mel = torch.full((40, 30, 80), -0.5)
    mel[:, 10:20] = 0.5  # 20 dB above
    source = another_microphone(mel, MEL.silence, torch.Generator().manual_seed(0))
    assert source.shape == mel.shape and source.min() >= MEL.silence
    louder = source[:, 10:20].mean(1) - source[:, :10].mean(1)
    assert (louder > 0).all() and (louder <= 1.01).all()  # noise can only hide what is quiet
    colours = source[:, 10:20].mean(1)
    assert colours.std(0).mean() > 0.1  # 2 dB, between crops
    assert (colours[:, 1:] - colours[:, :-1]).abs().max() < 0.1


def test_folders_without_recordings_are_refused(tmp_path):
    prepared(tmp_path)
    with pytest.raises(ValueError, match="have no recordings in their test split"):
        Pairs([(0, tmp_path)], "test", MEL, copies=0)
