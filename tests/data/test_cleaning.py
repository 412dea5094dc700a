from contextlib import nullcontext

import pytest
import torch
from torch import Tensor

from wavesynth.data.cleaning import Cleaning, UnusableError, centre, clean, divide, is_tone

RATE = 16000


def noise(seconds: float, level: float = 0.1) -> Tensor:
    return level * torch.randn(round(seconds * RATE), generator=torch.Generator().manual_seed(0))


def sine(hertz: float, seconds: float = 0.5) -> Tensor:
    return 0.3 * torch.sin(torch.arange(round(seconds * RATE)) * (2 * torch.pi * hertz / RATE))


def vowel(pitch: Tensor) -> Tensor:
    """Harmonics of a pitch [N] in hertz, weak above the first two, as a hummed vowel has them."""
    phase = (pitch / RATE).cumsum(0) * 2 * torch.pi
    return sum(0.3 / k**3 * torch.sin(k * phase) for k in range(1, 12))  # type: ignore[return-value]


def test_silence_is_trimmed_but_for_a_margin() -> None:
    x = torch.cat([noise(1, 1e-5), noise(0.5), noise(0.3, 0), noise(0.5), noise(2, 1e-5)])
    (piece,) = clean(x, RATE, Cleaning())
    assert torch.equal(piece, x[round(0.9 * RATE) : round(2.4 * RATE)])


def test_a_recording_that_begins_at_once_is_not_cut_short() -> None:
    x = noise(1)
    (piece,) = clean(x, RATE, Cleaning())
    assert torch.equal(piece, x)


@pytest.mark.parametrize(
    ("waveform", "reason"),
    [
        (torch.zeros(RATE), "silent"),
        (noise(1, 1e-3), "silent"),
        (noise(0.2), "too short: 0.20 s after trimming"),
        (torch.cat([noise(0.05), torch.zeros(RATE)]), "too short: 0.15 s after trimming"),
        (sine(1000), "a tone"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_with_its_reason(waveform: Tensor, reason: str) -> None:
    with pytest.raises(UnusableError, match=reason):
        clean(waveform, RATE, Cleaning())


def test_long_recordings_are_cut_where_they_are_quiet() -> None:
    gap = torch.zeros(RATE // 10)
    x = torch.cat([noise(9), gap, noise(11), gap, noise(10)])
    pieces = clean(x, RATE, Cleaning())
    assert torch.equal(torch.cat(pieces), x)
    assert [round(len(piece) / RATE) for piece in pieces] == [9, 11, 10]
    assert all(piece[:400].abs().max() == 0 for piece in pieces[1:])


@pytest.mark.parametrize("seconds", [15.01, 44.0, 100.0])
def test_no_piece_is_longer_than_allowed_nor_tiny(seconds: float) -> None:
    pieces = clean(noise(seconds), RATE, Cleaning())
    assert all(5 * RATE <= len(piece) <= 15 * RATE for piece in pieces)
    assert sum(map(len, pieces)) == round(seconds * RATE)


@pytest.mark.parametrize("hertz", [60, 440, 1000, 1004.5, 3333, 7000])
def test_a_beep_is_a_tone(hertz: float) -> None:
    assert is_tone(sine(hertz), RATE)
    assert is_tone(sine(hertz) + noise(0.5, 0.003), RATE)


def test_dialling_and_alternating_tones_are_tones() -> None:
    assert is_tone(sine(770) + sine(1336), RATE)
    assert is_tone(torch.cat([sine(800, 0.2), sine(1200, 0.2), sine(800, 0.2)]), RATE)


def test_voices_noise_and_tunes_are_not_tones() -> None:
    seconds = torch.arange(RATE) / RATE
    assert not is_tone(noise(1), RATE)
    assert not is_tone(vowel(220 - 40 * seconds), RATE)  # falling pitch
    assert not is_tone(vowel(220 + 3 * torch.sin(2 * torch.pi * 5 * seconds)), RATE)  # held, a natural tremor
    assert not is_tone(
        torch.cat([sine(220 * 2 ** (note / 12), 0.25) for note in (0, 2, 4, 5, 7, 9, 11, 12)]), RATE
    )
    assert not is_tone(sum(sine(150 * k) / k for k in range(1, 20)), RATE)  # a steady buzz, rich as a voice
    assert not is_tone(noise(0.01), RATE)


@pytest.mark.parametrize("offset", [0.18, -0.02])
def test_an_offset_is_removed_and_told(offset: float) -> None:
    x = torch.cat([torch.zeros(RATE), vowel(220 - 40 * torch.arange(RATE) / RATE), torch.zeros(RATE)])
    with pytest.raises(UnusableError, match="a tone") if offset > 0.1 else nullcontext():
        clean(x + offset, RATE, Cleaning())  # what it was taken for
    centred, told = centre(x + offset, RATE, Cleaning())
    assert told == pytest.approx(offset, abs=1e-3)
    assert torch.allclose(centred, x, atol=1e-3)
    (piece,) = clean(centred, RATE, Cleaning())
    assert len(piece) == round(1.2 * RATE)  # silence is found again


@pytest.mark.parametrize("offset", [0.0, 3e-4])
def test_a_recording_without_a_fault_stays_as_it_is_to_the_last_bit(offset: float) -> None:
    x = noise(1) + offset
    centred, told = centre(x, RATE, Cleaning())
    assert told == 0 and torch.equal(centred, x)


def test_what_has_nothing_but_an_offset_is_silent() -> None:
    centred, told = centre(torch.full((RATE,), 0.3), RATE, Cleaning())
    assert told == pytest.approx(0.3)
    with pytest.raises(UnusableError, match="silent"):
        clean(centred, RATE, Cleaning())


def test_the_end_that_is_divided_off_begins_where_it_is_quiet() -> None:
    x = torch.cat([noise(36), torch.zeros(RATE // 10), noise(5)])
    begin, end = divide(x, 4.0, RATE, Cleaning())
    assert torch.equal(torch.cat([*begin, *end]), x)
    assert max(map(len, begin)) <= 15 * RATE and len(begin) > 1
    assert end[0][:400].abs().max() == 0 and 5 * RATE < sum(map(len, end)) <= 5.1 * RATE
