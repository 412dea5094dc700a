"""Long recordings are cut in their pauses, and joined so that nobody hears where."""

from itertools import pairwise

import numpy as np
import pytest

from wavesynth.audio.stage import Pipeline, Sampling
from wavesynth.batch.segments import LONGEST, Cut, cuts, join, seed_of

RATE, HOP = 16000, 160
AROUND = Pipeline(HOP, [], [Sampling(5000, look_ahead=2100)])


def noise(seconds, seed=0):
    return np.random.default_rng(seed).uniform(-0.3, 0.3, round(seconds * RATE)).astype(np.float32)


def with_pauses(*pauses):
    """75 seconds of noise with silence from each of `pauses`, in seconds, for a tenth of a second."""
    recording = noise(75)
    for pause in pauses:
        recording[round(pause * RATE) : round((pause + 0.1) * RATE)] *= 1e-3
    return recording


def test_what_is_not_long_stays_whole():
    assert cuts(noise(LONGEST), RATE, AROUND) == [Cut(0, round(LONGEST * RATE), 0, round(LONGEST * RATE))]


def test_cuts_are_in_the_pauses():
    places = cuts(with_pauses(13.3, 31.2, 44.0, 60.5), RATE, AROUND)
    middles = [(before.last + after.first) / 2 / RATE for before, after in pairwise(places)]
    assert len(middles) == 4
    for middle, pause in zip(middles, (13.3, 31.2, 44.0, 60.5), strict=True):
        assert pause < middle < pause + 0.1


def test_pieces_cover_the_recording_and_begin_on_a_frame_with_what_the_voice_remembers():
    recording = with_pauses(13.3)
    places = cuts(recording, RATE, AROUND)
    assert places[0].first == 0 and places[-1].last == places[-1].end == len(recording)
    for before, after in pairwise(places):
        assert before.last - after.first == 320
        assert after.begin % HOP == 0 and AROUND.before <= after.first - after.begin < AROUND.before + HOP
        assert before.end - before.last == AROUND.after


def pieces_of(whole, places):
    return [whole[place.first : place.last] for place in places]


def test_joining_what_was_never_different_changes_nothing():
    whole = (noise(40) * 32767).astype(np.int16)
    places = cuts(noise(40), RATE, AROUND)
    assert len(places) == 3
    assert np.array_equal(join(pieces_of(whole, places), places), whole)


@pytest.mark.parametrize("seed", range(5))
def test_joining_what_has_nothing_in_common_keeps_the_power_and_has_no_jump(seed):
    n, overlap = 4000, 320
    places = [Cut(0, 0, 0, n), Cut(0, 0, n - overlap, 2 * n - overlap)]
    time = np.arange(2 * n)
    tones = [8000 * np.sin(2 * np.pi * 300 * time / RATE + phase) for phase in (0, np.pi / 2)]
    a, b = (tone.astype(np.int16) for tone in tones)
    joined = join([a[:n], b[n - overlap : 2 * n - overlap]], places).astype(float)
    assert np.array_equal(joined[: n - overlap], a[: n - overlap])
    assert np.array_equal(joined[n:], b[n : 2 * n - overlap])
    steepest = 8000 * 2 * np.pi * 300 / RATE
    assert np.abs(np.diff(joined)).max() < 1.5 * steepest
    hiss = [(noise(0.25, seed + k) * 20000).astype(np.int16) for k in (0, 100)]
    joined = join([hiss[0], hiss[1]], places).astype(float)
    inside, outside = joined[n - overlap : n].std(), joined[: n - overlap].std()
    assert 0.8 < inside / outside < 1.25


def test_each_piece_has_its_own_randomness_and_the_first_the_recordings():
    assert seed_of(5, 0) == 5
    assert len({seed_of(seed, number) for seed in (5, 2**64 - 1) for number in range(100)}) == 200
    assert all(0 <= seed_of(2**64 - 1, number) < 2**64 for number in range(100))
