import numpy as np
import pytest

from tests.audio.speechlike import CONFIG, mel, speechlike
from wavesynth.audio.correction import SpectralCorrection
from wavesynth.audio.mel import MelConfig


def correct(samples, target_mel, cuts=(), lead=0, frames=4):
    """In pieces, cut at `cuts`; each frame is given `lead` pieces before its samples."""
    correction = SpectralCorrection(CONFIG, frames)
    pieces = np.split(samples, cuts)
    ends = np.cumsum([len(piece) for piece in pieces])
    out, given = [], 0
    for number, piece in enumerate(pieces):
        known = CONFIG.frames(ends[min(number + lead, len(ends) - 1)])
        out.append(correction.push(piece, target_mel[given:known]))
        given = known
    return np.concatenate([*out, correction.finish()])


def distance(a, b):
    return 20 * float(np.abs(a - b).mean())


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 4000, 12_000])
def test_audio_that_has_its_target_stays_as_it_is(samples):
    original = speechlike(0)[:samples]
    corrected = correct(original, mel(original))
    assert corrected.dtype == np.float32 and len(corrected) == samples
    assert np.abs(corrected - original).max() < 1e-6


def test_the_log_mel_comes_nearer_to_what_was_asked_for():
    target_mel = mel(speechlike(0))
    generated = speechlike(1)
    assert distance(mel(generated), target_mel) > 4
    assert distance(mel(correct(generated, target_mel)), target_mel) < 0.25 * distance(
        mel(generated), target_mel
    )


def test_more_joint_frames_bring_the_log_mel_nearer():
    target_mel, generated = mel(speechlike(0)), speechlike(1)
    few, more, many = (
        distance(mel(correct(generated, target_mel, frames=frames)), target_mel) for frames in (2, 4, 12)
    )
    assert many < 0.75 * more < 0.75 * 0.75 * few


@pytest.mark.parametrize("factor", [0.1, 0.3, 3.0])
def test_a_wrong_level_is_made_good(factor):
    original = speechlike(0)
    assert distance(mel(correct(factor * original, mel(original), frames=12)), mel(original)) < 0.2


def test_a_frame_without_a_target_stays_as_it_is():
    original = speechlike(0)
    quieter = correct(original, mel(0.5 * original)[:30])
    assert np.array_equal(quieter[30 * 160 + 320 :], original[30 * 160 + 320 :])
    assert np.sqrt(np.mean(quieter[:4000] ** 2) / np.mean(original[:4000] ** 2)) == pytest.approx(
        0.5, rel=0.02
    )


def test_the_bits_do_not_depend_on_where_the_stream_is_cut():
    generated, target_mel = speechlike(1), mel(speechlike(0))
    whole = correct(generated, target_mel)
    cuts = np.sort(np.random.default_rng(2).integers(0, len(generated), 40))
    assert np.array_equal(correct(generated, target_mel, cuts), whole)
    assert np.array_equal(correct(generated, target_mel, cuts, lead=3), whole)
    assert np.array_equal(correct(generated, target_mel, range(160, len(generated), 160)), whole)


@pytest.mark.parametrize("frames", [1, 4, 12])
def test_a_sample_is_final_26_ms_and_10_for_each_frame_after_it_was_generated(frames):
    generated, target_mel = speechlike(1), mel(speechlike(0))
    correction = SpectralCorrection(CONFIG, frames)
    out = 0
    for number in range(50):
        out += len(
            correction.push(generated[160 * number : 160 * (number + 1)], target_mel[number : number + 1])
        )
        assert out == max(0, 160 * (number + 1) - 416 - 160 * frames)
    # Nothing that comes so much after has a part in it.
    other = generated.copy()
    other[4160 + 416 + 160 * frames :] = 0
    same = correct(other, target_mel, frames=frames) == correct(generated, target_mel, frames=frames)
    assert same[:4160].all() and not same[:4400].all()


def test_an_analysis_that_does_not_overlap_is_refused():
    with pytest.raises(ValueError, match=r"mel window is 400; .* at least 512, two hops"):
        SpectralCorrection(MelConfig(window=400, hop=200), 4)
