from pathlib import Path

import pytest
import soundfile
import torch
from torch import Generator, Tensor

from tests.data.recordings import BEGINS, CONTEXT, ENDS, FRAMES, HOP, dataset, noise
from tests.sampling.networks import float32, network
from wavesynth.audio.companding import encode
from wavesynth.audio.files import write_flac
from wavesynth.audio.mel import MelConfig, log_mel
from wavesynth.data.dataset import Crops, Recordings
from wavesynth.data.prepare import prepare
from wavesynth.data.split import SPLITS
from wavesynth.models.wavenet import start_token


def place(crops: Crops, targets: Tensor) -> int:
    """The frame at which a crop was cut, found again by what it holds."""
    windows = crops.tokens.unfold(0, HOP, HOP)  # [F, hop]
    (start,) = (windows == targets[:HOP].to(torch.uint8)).all(1).nonzero()[:, 0].tolist()
    assert torch.equal(crops.tokens[start * HOP :][: len(targets)].long(), targets)
    return start


def crops(*paths: Path) -> Crops:
    return Crops(paths, "train", context=CONTEXT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return dataset(tmp_path / "one")


def test_recordings_are_those_that_were_prepared(tmp_path: Path) -> None:
    (tmp_path / "voice").mkdir()
    for i in range(20):
        soundfile.write(tmp_path / f"voice/{i}.wav", noise(8000, i).numpy(), 16000)
    prepared = prepare(tmp_path / "voice", tmp_path / "out")
    recordings = Recordings(tmp_path / "out")
    for split in SPLITS:
        stems = [file["stem"] for file in prepared["files"] if file["split"] == split]
        assert [stem for stem, _ in recordings.split(split)] == stems
        for stem, waveform in recordings.split(split):
            torch.testing.assert_close(waveform, noise(8000, int(stem)), atol=1e-4, rtol=0)


def test_each_recording_starts_on_a_frame_and_has_its_own_features(path: Path) -> None:
    one, start = crops(path), 0
    for (_, waveform), frames in zip(Recordings(path).split("train"), FRAMES, strict=True):
        assert torch.equal(one.tokens[start * HOP :][: len(waveform)].long(), encode(waveform))
        assert torch.equal(one.mel[start : start + frames], log_mel(waveform))
        start += frames
    assert len(one) == start and len(one.tokens) == start * HOP


def test_tokens_are_the_targets_one_step_late(path: Path) -> None:
    batch = crops(path).batch(Generator().manual_seed(0), 32, 20)
    assert batch.tokens.shape == batch.targets.shape == (32, 20 * HOP)
    assert batch.tokens.dtype == batch.targets.dtype == torch.int64
    assert torch.equal(batch.tokens[:, 1:], batch.targets[:, :-1])


@pytest.mark.parametrize("frames", [1, 20, 100])
def test_a_crop_is_tokens_and_the_features_of_the_same_place(path: Path, frames: int) -> None:
    one = crops(path)
    batch = one.batch(Generator().manual_seed(0), 64, frames)
    for tokens, targets, mel in zip(batch.tokens, batch.targets, batch.mel, strict=True):
        start = place(one, targets)
        assert torch.equal(mel[CONTEXT:-CONTEXT], one.mel[start : start + frames])
        assert tokens[0] == (start_token(256) if start in BEGINS else one.tokens[start * HOP - 1])


@pytest.mark.parametrize("classes", [16, 128, 256, 1024])
def test_training_begins_with_the_token_that_sampling_begins_with(path: Path, classes: int) -> None:
    weights = float32(network(classes=classes))
    first = next(Crops([path], "train", classes=classes).sequential(20)).tokens[0, 0]
    assert first == weights.start().token == encode(torch.zeros(1), classes)


def test_context_is_the_neighbours_and_silence_beyond_a_recordings_ends(path: Path) -> None:
    one = crops(path)
    batch = one.batch(Generator().manual_seed(0), 256, 20)
    silent, real = torch.full((CONTEXT, 80), MelConfig().silence), 0
    for targets, mel in zip(batch.targets, batch.mel, strict=True):
        start = place(one, targets)
        if start in BEGINS:
            assert torch.equal(mel[:CONTEXT], silent)
        if start + 20 in ENDS:
            assert torch.equal(mel[-CONTEXT:], silent)
        if 26 + CONTEXT <= start <= 176 - 20 - CONTEXT:  # well inside the second recording
            assert torch.equal(mel, one.mel[start - CONTEXT : start + 20 + CONTEXT])
            real += 1
    assert real > 50


def test_crops_stay_within_a_recording_that_is_long_enough(path: Path) -> None:
    one = crops(path)
    starts = [place(one, t) for t in one.batch(Generator().manual_seed(0), 2000, 20).targets]
    allowed = {
        start
        for begin, end in zip(BEGINS, ENDS, strict=True)
        for start in range(begin, max(begin, end - 20) + 1)
    }
    assert set(starts) == allowed  # and every place is met
    long = sum(26 <= start < 176 for start in starts) / len(starts)
    assert long == pytest.approx(150 / 241, abs=0.04)  # picked by duration


def test_a_crop_longer_than_its_recording_goes_on_into_the_next(path: Path) -> None:
    one = crops(path)
    starts = {place(one, t) for t in one.batch(Generator().manual_seed(0), 300, 40).targets}
    assert {0, 176} <= starts  # 26 and 5 frames long
    assert max(starts) == 241 - 40


def test_crops_depend_on_the_generator_alone(path: Path) -> None:
    generator = Generator().manual_seed(7)
    first, again = crops(path), crops(path)
    first.batch(generator, 4, 20)
    state = generator.get_state()
    expected = first.batch(generator, 4, 20)
    resumed = again.batch(Generator().set_state(state), 4, 20)
    assert all(torch.equal(a, b) for a, b in zip(expected, resumed, strict=True))
    assert not torch.equal(expected.targets, first.batch(generator, 4, 20).targets)


def test_folders_are_speakers_and_never_mix(tmp_path: Path) -> None:
    both = crops(dataset(tmp_path / "alice"), dataset(tmp_path / "bob", (8000, 3200), seed=9))
    assert both.speakers == ("alice", "bob")
    batch = both.batch(Generator().manual_seed(0), 400, 60)
    for speaker, targets in zip(batch.speaker, batch.targets, strict=True):
        start = place(both, targets)
        assert start + 60 <= 241 if speaker == 0 else start >= 241
    assert (batch.speaker == 1).float().mean().item() == pytest.approx(70 / 311, abs=0.06)


def test_sequential_crops_cover_each_speakers_track_once(tmp_path: Path) -> None:
    both = crops(dataset(tmp_path / "alice"), dataset(tmp_path / "bob", (8000, 3200), seed=9))
    batches = list(both.sequential(30, batch_size=3))
    starts = [place(both, targets) for batch in batches for targets in batch.targets]
    assert starts == [*range(0, 240, 30), 241, 271]
    assert torch.cat([batch.speaker for batch in batches]).tolist() == [0] * 8 + [1] * 2


@pytest.mark.parametrize("frames", [0, 71, 10_000])
def test_a_crop_longer_than_a_speakers_split_is_refused(tmp_path: Path, frames: int) -> None:
    both = crops(dataset(tmp_path / "alice"), dataset(tmp_path / "bob", (8000, 3200), seed=9))
    with pytest.raises(ValueError, match=f"a crop has {frames} frames; it must have from 1 to 70"):
        both.batch(Generator(), 1, frames)
    with pytest.raises(ValueError, match="from 1 to 70"):
        next(both.sequential(frames))


def test_what_is_no_prepared_folder_is_refused_by_name(tmp_path: Path, path: Path) -> None:
    with pytest.raises(ValueError, match=r"voice is not a prepared folder: it has no dataset\.json"):
        Recordings(tmp_path / "voice")
    description = path / "dataset.json"
    whole = description.read_text()
    for damaged in (whole[:50], "[]", whole.replace('"stem"', '"name"')):
        description.write_text(damaged)
        with pytest.raises(ValueError, match=r"dataset\.json is damaged"):
            Recordings(path)
    description.write_text(whole.replace('"format": 1', '"format": 3'))
    with pytest.raises(ValueError, match="has format 3; it must be 1 or 2"):
        Recordings(path)


def test_a_recording_that_is_missing_or_another_is_refused_by_name(path: Path) -> None:
    write_flac(path / "audio/train/1.flac", noise(100, 0))
    with pytest.raises(ValueError, match=r"1\.flac is not what dataset\.json says"):
        crops(path)
    (path / "audio/train/1.flac").unlink()
    with pytest.raises(ValueError, match=r"1\.flac cannot be read"):
        crops(path)


def test_what_cannot_be_trained_on_is_refused(path: Path) -> None:
    with pytest.raises(
        ValueError,
        match=r"no recordings in its test split \(4 in train, 0 in validation, 0 in test\); add some and",
    ):
        Crops([path], "test")
    with pytest.raises(ValueError, match="split is 'tset'; it must be one of train, validation, test"):
        Crops([path], "tset")
    with pytest.raises(ValueError, match="sample rate of 16000 Hz; it must be the mel configuration's 22050"):
        Crops([path], "train", MelConfig(sample_rate=22050))
    with pytest.raises(ValueError, match="no folders"):
        Crops([], "train")


def test_features_of_perturbed_copies_stand_beside_the_recordings_own_samples(path: Path) -> None:
    pytest.importorskip("pkg_resources")
    pytest.importorskip("pyworld")
    own, one = crops(path), Crops([path], "train", context=CONTEXT, perturbed=3)
    assert torch.equal(one.tokens, own.tokens) and len(one) == len(own)
    _, waveform = next(Recordings(path).split("train"))
    copies = Recordings(path).copies("train", "0", waveform, 3)
    chosen = set()
    batch = one.batch(Generator().manual_seed(0), 64, 20)
    for targets, mel in zip(batch.targets, batch.mel, strict=True):
        start = place(own, targets)
        of = [i for i in range(3) if torch.equal(mel[CONTEXT:-CONTEXT], one.mel[241 * i + start :][:20])]
        assert len(of) == 1
        chosen |= set(of)
    assert chosen == {0, 1, 2}
    for i, copy in enumerate(copies):
        assert torch.equal(one.mel[241 * i :][: FRAMES[0]], log_mel(copy))
    again = one.batch(Generator().manual_seed(0), 64, 20)
    assert all(torch.equal(a, b) for a, b in zip(batch, again, strict=True))
    validated = next(one.sequential(20, batch_size=6)).mel[:, CONTEXT:-CONTEXT]
    for i, mel in enumerate(validated):
        assert torch.equal(mel, one.mel[241 * (i % 3) + 20 * i :][:20])
