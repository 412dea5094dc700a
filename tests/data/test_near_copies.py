"""Fingerprints, and the near copies that are found by them."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.data.speech import RATE, noisy, speech
from wavesynth.data.fingerprints import bit_errors, fingerprint
from wavesynth.data.near_copies import HOP, NearCopy, groups, near_copies

pytestmark = pytest.mark.usefixtures("one_thread")


def found(*waveforms: Tensor) -> list[NearCopy]:
    words = [fingerprint(waveform, RATE, HOP) for waveform in waveforms]
    return near_copies(words, waveforms.__getitem__, RATE)


def test_words_stay_when_a_recording_is_cut_elsewhere_and_are_others_of_another() -> None:
    x = speech(3, 1)
    words, moved = (
        fingerprint(x, RATE, HOP),
        fingerprint(0.3 * x[160 + 3200 :], RATE, HOP),
    )  # half a hop beside
    inner = slice(10, 110)
    assert bit_errors(words[10:][inner], moved[inner]).mean() < 0.12
    assert 0.4 < bit_errors(words[inner], fingerprint(speech(3, 2), RATE, HOP)[inner]).mean() < 0.6
    assert len(fingerprint(x[:1000], RATE, HOP)) == 0


@pytest.mark.parametrize(
    ("copy", "seconds"),
    [
        (lambda x: x.clone(), 4.0),
        (lambda x: x[: 2 * RATE], 2.0),  # its beginning
        (lambda x: torch.cat([speech(3, 7), x[RATE : 3 * RATE], speech(1, 8)]), 2.0),  # spliced into another
        (lambda x: noisy(-0.2 * x[777:], -20), 3.95),  # coded anew, another level and polarity
        (lambda x: x[RATE : RATE + RATE // 2], 0.5),  # a short part of it
    ],
)
def test_a_near_copy_is_found_wherever_it_is(copy, seconds) -> None:
    x = speech(4, 1)
    [pair] = found(speech(5, 2), x, speech(4, 3), copy(x), speech(2, 4))
    assert (pair.one, pair.other) == (1, 3)
    assert pair.seconds == pytest.approx(seconds, abs=0.35) and pair.residual < -14


def test_what_shares_too_little_or_resembles_too_little_is_no_copy() -> None:
    x = speech(4, 1)
    assert not found(x, noisy(x, 0), speech(4, 5))
    assert not found(x, torch.cat([speech(3, 6), x[: RATE // 2], speech(3, 7)]))


def test_many_copies_of_one_take_are_one_group() -> None:
    x, other = speech(2, 1), speech(2, 2)
    waveforms = [x[shift:] if shift % 2 else torch.cat([other[:shift], x]) for shift in range(1, 13)]
    assert groups(14, found(*waveforms, other, speech(3, 4))) == [list(range(12)), [12], [13]]


def test_recordings_without_words_are_nobodys_copies() -> None:
    assert found(torch.zeros(500), torch.zeros(500)) == []
    assert near_copies([], lambda number: torch.zeros(0), RATE) == []
    assert found(speech(1, 1)) == []
    assert np.array_equal(fingerprint(speech(1, 1), RATE, HOP), fingerprint(speech(1, 1), RATE, HOP))
