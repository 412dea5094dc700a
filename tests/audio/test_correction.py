import numpy as np
import pytest
import torch

from wavesynth.audio.correction import SpectralCorrection
from wavesynth.audio.mel import MelConfig, log_mel

CONFIG = MelConfig()


def speechlike(seed, samples=12_000):
    """Noise whose loudness and colour change all the time."""
    generator = np.random.default_rng(seed)
    envelope = np.interp(np.arange(samples), np.arange(0, samples, 600), generator.uniform(0.02, 0.3, 20))
    noise = generator.standard_normal(samples)
    colour = np.interp(np.arange(samples), np.arange(0, samples, 1200), generator.uniform(0, 1, 10))
    return (envelope * (colour * noise + (1 - colour) * np.convolve(noise, np.ones(9) / 3, "same"))).astype(
        np.float32
    )


def mel(samples):
    return log_mel(torch.from_numpy(samples), CONFIG).numpy()


def correct(samples, wanted, cuts=(), lead=0, frames=4):
    """In pieces, cut at `cuts`; each frame is given `lead` pieces before its samples."""
    correction = SpectralCorrection(CONFIG, frames)
    pieces = np.split(samples, cuts)
    ends = np.cumsum([len(piece) for piece in pieces])
    out, given = [], 0
    for number, piece in enumerate(pieces):
        known = CONFIG.frames(ends[min(number + lead, len(ends) - 1)])
        out.append(correction.push(piece, wanted[given:known]))
        given = known
    return np.concatenate([*out, correction.finish()])


def distance(a, b):
    return 20 * float(np.abs(a - b).mean())


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 4000, 12_000])
def test_what_is_already_right_stays_as_it_is(samples):
    original = speechlike(0)[:samples]
    corrected = correct(original, mel(original))
    assert corrected.dtype == np.float32 and len(corrected) == samples
    assert np.abs(corrected - original).max() < 1e-6


def test_the_log_mel_comes_nearer_to_what_was_asked_for():
    wanted = mel(speechlike(0))
    made = speechlike(1)
    assert distance(mel(made), wanted) > 4
    assert distance(mel(correct(made, wanted)), wanted) < 0.25 * distance(mel(made), wanted)


def test_the_more_frames_settle_together_the_nearer_they_come():
    wanted, made = mel(speechlike(0)), speechlike(1)
    few, more, many = (distance(mel(correct(made, wanted, frames=frames)), wanted) for frames in (2, 4, 12))
    assert many < 0.75 * more < 0.75 * 0.75 * few


@pytest.mark.parametrize("factor", [0.1, 0.3, 3.0])
def test_a_wrong_level_is_made_good(factor):
    original = speechlike(0)
    assert distance(mel(correct(factor * original, mel(original), frames=12)), mel(original)) < 0.2


def test_a_frame_that_nothing_is_wanted_of_stays_as_it_is():
    original = speechlike(0)
    quieter = correct(original, mel(0.5 * original)[:30])
    assert np.array_equal(quieter[30 * 160 + 320 :], original[30 * 160 + 320 :])
    assert np.sqrt(np.mean(quieter[:4000] ** 2) / np.mean(original[:4000] ** 2)) == pytest.approx(
        0.5, rel=0.02
    )


def test_the_bits_do_not_depend_on_where_the_stream_is_cut():
    made, wanted = speechlike(1), mel(speechlike(0))
    whole = correct(made, wanted)
    cuts = np.sort(np.random.default_rng(2).integers(0, len(made), 40))
    assert np.array_equal(correct(made, wanted, cuts), whole)
    assert np.array_equal(correct(made, wanted, cuts, lead=3), whole)
    assert np.array_equal(correct(made, wanted, range(160, len(made), 160)), whole)


@pytest.mark.parametrize("frames", [1, 4, 12])
def test_a_sample_comes_26_ms_and_10_for_each_frame_after_it_was_made(frames):
    made, wanted = speechlike(1), mel(speechlike(0))
    correction = SpectralCorrection(CONFIG, frames)
    out = 0
    for number in range(50):
        out += len(correction.push(made[160 * number : 160 * (number + 1)], wanted[number : number + 1]))
        assert out == max(0, 160 * (number + 1) - 416 - 160 * frames)
    # Nothing that comes so much after has a part in it.
    other = made.copy()
    other[4160 + 416 + 160 * frames :] = 0
    same = correct(other, wanted, frames=frames) == correct(made, wanted, frames=frames)
    assert same[:4160].all() and not same[:4400].all()


def test_an_analysis_that_does_not_overlap_is_refused():
    with pytest.raises(ValueError, match=r"mel window is 400; .* at least 512, two hops"):
        SpectralCorrection(MelConfig(window=400, hop=200), 4)
