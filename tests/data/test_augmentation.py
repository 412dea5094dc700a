from pathlib import Path

import pytest
import soundfile
import torch
from torch import Generator, Tensor

from tests.data.recordings import CONTEXT, HOP, dataset, noise
from wavesynth.audio.companding import Deemphasis, decode
from wavesynth.audio.mel import log_mel
from wavesynth.data.augmentation import FASTEST, augment
from wavesynth.data.dataset import Crops


def test_alterations_depend_on_the_generator_alone_and_stay_within_one() -> None:
    waveform = noise(24000, 0) * 2
    augmented = [augment(waveform, 16000, Generator().manual_seed(seed)) for seed in range(30)]
    for seed, out in enumerate(augmented):
        assert torch.equal(out, augment(waveform, 16000, Generator().manual_seed(seed)))
        assert len(out) >= len(waveform) / FASTEST - 1 and out.abs().max() <= 1
    assert len({len(out) for out in augmented}) > 5  # speeds
    assert len({float(out.abs().max()) for out in augmented}) > 15  # levels
    assert all(
        torch.isfinite(augment(torch.zeros(9000), 16000, Generator().manual_seed(i))).all() for i in range(9)
    )


def test_a_faster_tone_is_higher() -> None:
    tone = 0.3 * torch.sin(torch.arange(48000) * (2 * torch.pi * 400 / 16000))
    found = set()
    for seed in range(30):
        out = augment(tone, 16000, Generator().manual_seed(seed))[2000:10192]
        found.add(
            round(float(torch.fft.rfft(out * torch.hann_window(8192)).abs().argmax()) * 16000 / 8192 / 20)
            * 20
        )
    assert min(found) <= 340 and max(found) >= 480  # 0.8 and 1.3 times 400 Hz, by 20 Hz


def speakers(tmp_path: Path) -> Crops:
    """Noise, and another speaker's, which is a tone."""
    folders = dataset(tmp_path / "noise", (24000, 16000)), dataset(tmp_path / "tone", (24000, 16000))
    for file, length in (("0", 24000), ("1", 16000)):
        tone = 0.3 * torch.sin(torch.arange(length) * 0.5)
        soundfile.write(folders[1] / f"audio/train/{file}.flac", tone.numpy(), 16000)
    return Crops(folders, "train", context=CONTEXT, augmented=1.0)


def speech(tokens: Tensor) -> Tensor:
    return torch.from_numpy(Deemphasis().push(decode(tokens).numpy()))


def test_an_altered_crops_features_are_those_of_its_samples(tmp_path: Path) -> None:
    crops = speakers(tmp_path)
    plain = Crops([tmp_path / "noise", tmp_path / "tone"], "train", context=CONTEXT)
    batch = crops.batch(Generator().manual_seed(0), 24, 40)
    assert batch.tokens.shape == batch.targets.shape == (24, 40 * HOP) and batch.mel.shape == (24, 46, 80)
    assert torch.equal(batch.tokens[:, 1:], batch.targets[:, :-1])
    known = plain.batch(Generator().manual_seed(0), 24, 40)
    assert torch.equal(batch.speaker, known.speaker)
    assert sum(torch.equal(a, b) for a, b in zip(batch.targets, known.targets, strict=True)) < 4
    for targets, mel in zip(batch.targets, batch.mel, strict=True):
        again = log_mel(speech(targets))[3:-3]
        loud = mel[CONTEXT + 3 : -CONTEXT - 3] > again.max() - 0.5  # where μ-law's noise does not count
        assert (again - mel[CONTEXT + 3 : -CONTEXT - 3])[loud].abs().mean() < 0.02


def test_what_is_altered_is_of_the_same_speaker(tmp_path: Path) -> None:
    batch = speakers(tmp_path).batch(Generator().manual_seed(1), 40, 60)
    for targets, speaker in zip(batch.targets, batch.speaker, strict=True):
        spectrum = torch.fft.rfft(speech(targets)).abs().square()
        tonal = float(spectrum.topk(20).values.sum() / spectrum.sum())
        assert (tonal > 0.3) == bool(speaker)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_share_of_the_crops_is_altered(tmp_path: Path, share: float) -> None:
    folder = dataset(tmp_path / "noise", (24000, 16000))
    crops, plain = Crops([folder], "train", augmented=share), Crops([folder], "train")
    batches = [each.batch(Generator().manual_seed(0), 60, 20) for each in (crops, plain)]
    same = (batches[0].targets == batches[1].targets).all(1).float().mean()
    assert float(same) == pytest.approx(1 - share, abs=0.2)
