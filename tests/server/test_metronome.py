"""A call whose input comes in real time is sent as evenly as it is played."""

import numpy as np
import pytest

from wavesynth.server.metronome import Metronome

RATE, CHUNK = 16000, 160


def sent(ready):
    """When chunks are sent that are ready at these times, in seconds; those that wait go together."""
    metronome, times = Metronome(RATE), []
    while len(times) < len(ready):
        now = max(ready[len(times)], times[-1] if times else 0.0)
        waiting = max(1, int(np.searchsorted(ready, now, "right")) - len(times))
        times += [now + metronome.wait(now, waiting * CHUNK)] * waiting
    return np.array(times)


def test_chunks_that_are_ready_sooner_or_later_are_sent_at_one_pace():
    late = np.random.default_rng(0).uniform(0, 0.008, 2000)
    ready = np.arange(2000) * 0.01 + late
    assert np.percentile(np.diff(ready), 99) > 0.015
    gaps = np.diff(sent(ready))[200:]
    assert np.percentile(gaps, 99) < 0.011
    assert gaps.max() < 0.0145


def test_no_chunk_is_kept_once_it_is_late():
    ready = np.arange(300) * 0.01
    ready[150:] += 0.012
    assert sent(ready)[150:] == pytest.approx(ready[150:], abs=1e-9)


def test_a_first_chunk_that_came_late_does_not_make_the_others_late():
    """It waits for a step of its own, so the others are ready earlier after it."""
    ready = np.arange(300) * 0.01
    ready[0] = 0.008
    assert sent(ready)[2:] == pytest.approx(ready[2:], abs=1e-9)


def test_a_first_chunk_is_kept_so_that_there_is_more_in_hand_when_a_later_one_is_late():
    times = sent(np.arange(300) * 0.01)
    assert times[0] == pytest.approx(0.01)
    assert times[10:] == pytest.approx(np.arange(10, 300) * 0.01, abs=1e-9)


def test_after_a_pause_chunks_are_soon_sent_as_they_are_ready_again():
    ready = np.arange(6000) * 0.01
    ready[1000] += 0.015
    kept = sent(ready) - ready
    assert 0 < kept[1001] < 0.006  # no later than the first one's pace and a little
    assert kept[4500:] == pytest.approx(0, abs=1e-9)
    ready[1000:1010] = ready[1010]  # longer than any chunk is kept
    assert (sent(ready) - ready)[1012:] == pytest.approx(0, abs=1e-9)


def test_input_that_comes_faster_than_real_time_is_not_held_up():
    ready = np.arange(1000) * 0.002
    assert sent(ready)[-1] < ready[-1] + 0.025
