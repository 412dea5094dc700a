"""Features are computed once, are read again when nothing has changed, and are never those of something else."""

import json
import os

import pytest
import soundfile
import torch

from tests.training.runs import prepared
from wavesynth.audio.companding import encode
from wavesynth.audio.mel import MelConfig, log_mel
from wavesynth.data.dataset import Crops, Recordings
from wavesynth.data.features import Features, FeatureSettings, features


@pytest.fixture
def folder(tmp_path):
    return prepared(tmp_path / "data")


@pytest.fixture
def reads(monkeypatch):
    """The files that are decoded."""
    seen, read = [], soundfile.read

    def noted(path, *arguments, **options):
        seen.append(str(path))
        return read(path, *arguments, **options)

    monkeypatch.setattr(soundfile, "read", noted)
    return seen


def kept(folder):
    return sorted(path.name for path in (Recordings(folder).path / "features").iterdir())


def same(a: Features, b: Features) -> bool:
    tensors = [(getattr(a, name), getattr(b, name)) for name in ("lengths", "mel", "tokens", "waveform")]
    return all(
        (x is None and y is None) or (x is not None and y is not None and torch.equal(x, y))
        for x, y in tensors
    )


def test_they_are_those_of_each_recording_and_nothing_is_decoded_twice(folder, reads):
    settings = FeatureSettings(classes=512, coefficient=0.5, waveform=True)
    first = features(Recordings(folder), "train", settings)
    assert len(reads) == 3
    waveforms = [waveform for _, waveform in Recordings(folder).split("train")]
    assert torch.equal(first.mel[0], torch.cat([log_mel(waveform) for waveform in waveforms]))
    assert torch.equal(first.tokens.long(), torch.cat([encode(waveform, 512, 0.5) for waveform in waveforms]))
    assert torch.equal(first.waveform, (torch.cat(waveforms) * 32767).round().to(torch.int16))
    reads.clear()
    assert same(features(Recordings(folder), "train", settings), first) and not reads


def test_the_threads_of_pytorch_are_as_before(folder):
    before = torch.get_num_threads()
    features(Recordings(folder), "train", FeatureSettings())
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    "other",
    [
        FeatureSettings(classes=128),
        FeatureSettings(classes=256, coefficient=0.5),
        FeatureSettings(classes=256, waveform=True),
        FeatureSettings(mel=MelConfig(bands=40), classes=256),
    ],
)
def test_other_settings_have_their_own(folder, other):
    settings = FeatureSettings(classes=256)
    first = features(Recordings(folder), "train", settings)
    assert not same(features(Recordings(folder), "train", other), first)
    assert len(kept(folder)) == 2
    assert same(features(Recordings(folder), "train", settings), first)


def test_changed_recordings_are_computed_anew_and_the_old_ones_features_go(folder, reads):
    settings = FeatureSettings(classes=256)
    features(Recordings(folder), "validation", settings)
    first = features(Recordings(folder), "train", settings)
    path = Recordings(folder).audio("train", "1")
    stat = path.stat()
    soundfile.write(path, torch.zeros(8000).numpy(), 16000)

    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # it is what it holds that counts
    reads.clear()
    changed = features(Recordings(folder), "train", settings)
    assert len(reads) == 3 and not same(changed, first)
    assert [name.split("-")[1] for name in kept(folder)] == ["train", "validation"]
    description = Recordings(folder).path / "dataset.json"
    dataset = json.loads(description.read_text())
    dataset["files"] = dataset["files"][1:]
    description.write_text(json.dumps(dataset))
    assert len(features(Recordings(folder), "train", settings).lengths) == 2


@pytest.mark.parametrize("damage", [lambda whole: whole[:-100], lambda whole: b"", lambda whole: b"x" * 500])
def test_damaged_features_are_computed_anew(folder, damage):
    first = features(Recordings(folder), "train", FeatureSettings(classes=256))
    (path,) = (Recordings(folder).path / "features").iterdir()
    path.write_bytes(damage(path.read_bytes()))
    again = features(Recordings(folder), "train", FeatureSettings(classes=256))
    assert same(again, first) and len(kept(folder)) == 1


def test_where_they_cannot_be_kept_they_are_computed_and_that_is_said(folder):
    (Recordings(folder).path / "features").write_text("a file stands in the way")
    with pytest.warns(UserWarning, match="features cannot be kept in .*features"):
        found = features(Recordings(folder), "train", FeatureSettings())
    assert len(found.lengths) == 3


def test_a_missing_recording_is_named_whether_features_are_kept_or_not(folder):
    Crops([folder], "train")
    Recordings(folder).audio("train", "1").unlink()
    with pytest.raises(ValueError, match=r"1\.flac cannot be read; run wavesynth prepare again"):
        Crops([folder], "train")


def test_they_can_be_read_while_nothing_is_differentiated(folder):
    with torch.inference_mode():
        found = features(Recordings(folder), "train", FeatureSettings(classes=256))
    assert not found.mel.is_inference()


def test_progress_is_of_each_recording(folder):
    seen = []

    def track(items, description, total):
        for item in items:
            yield item
            seen.append((description, total))

    Crops([folder], "train", track=track)
    checked, read = [(f"{work} {folder}, train", 3) for work in ("Checking", "Reading")]
    assert seen == [checked] * 3 + [read] * 3 + [checked] * 3  # that nobody changed them meanwhile
