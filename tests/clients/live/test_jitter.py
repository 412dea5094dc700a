"""The jitter buffer, in simulated time: chunks that come irregularly, from a clock that is not the loudspeaker's."""

import numpy as np
import pytest

from wavesynth.clients.live.jitter import Clock

pytest.importorskip("samplerate", reason="needs samplerate: pip install '.[live]'")
from wavesynth.clients.live.jitter import JitterBuffer

RATE, CHUNK, BLOCK = 16000, 160, 80


def simulate(seconds, drift=0.0, jitter=0.0, stall=None, buffer=None, seed=0):
    """Plays for so long; returns the buffer, and its level at every block.

    A chunk leaves every 10 ms of a clock that is faster by `drift`, and arrives up to `jitter` seconds later, in order;
    none arrives during `stall`, and what it held up comes together at its end.
    """
    buffer = buffer or JitterBuffer(RATE, RATE)
    random = np.random.default_rng(seed)
    count = int(1.01 * seconds * RATE / CHUNK)  # the faster clock has more to say
    arrivals = np.arange(count) * CHUNK / RATE / (1 + drift) + random.uniform(0, jitter, count)
    if stall:
        held = (arrivals > stall[0]) & (arrivals < stall[1])
        arrivals[held] = stall[1]
    arrivals = np.maximum.accumulate(arrivals)
    levels, sent = [], 0
    for block in range(int(seconds * RATE / BLOCK)):
        now = block * BLOCK / RATE
        while sent < count and arrivals[sent] <= now:
            buffer.push(np.full(CHUNK, 0.5, np.float32), sent * CHUNK)
            sent += 1
        buffer.pull(BLOCK)
        levels.append(buffer.level)
    return buffer, np.array(levels)


@pytest.mark.parametrize("drift", [400e-6, -400e-6])
def test_clocks_that_differ_neither_fill_it_nor_run_it_dry(drift):
    buffer, levels = simulate(120, drift)
    assert buffer.underruns == 0
    assert levels[len(levels) // 2 :].max() < 0.045
    assert buffer.drift == pytest.approx(drift, abs=150e-6)


def test_without_the_correction_they_would(monkeypatch):
    monkeypatch.setattr(Clock, "update", lambda *_: 0.0)
    assert simulate(120, -400e-6)[0].underruns > 0


def test_irregular_chunks_get_the_margin_that_they_need_and_no_underruns_after():
    buffer, _ = simulate(20, jitter=0.06)
    after_warming_up = buffer.underruns
    assert 0 < after_warming_up < 10 and buffer.margin > 0.02
    _, levels = simulate(20, jitter=0.06, buffer=buffer, seed=1)
    assert buffer.underruns <= after_warming_up + 1
    assert levels.mean() < 0.15


def test_one_underrun_is_enough_for_the_margin_that_would_have_prevented_it():
    buffer, _ = simulate(10, stall=(5, 5.08))
    assert buffer.underruns == 1
    simulate(10, stall=(5, 5.08), buffer=buffer)
    assert buffer.underruns == 1 and buffer.margin < 0.1


def test_a_service_that_was_away_does_not_make_it_late_for_good():
    buffer, _ = simulate(10, stall=(5, 8))
    assert buffer.underruns == 1 and buffer.margin < 0.04


def test_what_comes_while_the_loudspeaker_stands_still_is_skipped_as_soon_as_it_goes_on():
    buffer, _ = simulate(5)
    for chunk in range(100):
        buffer.push(np.zeros(CHUNK, np.float32), 80_000 + chunk * CHUNK)
    buffer.pull(BLOCK)
    assert buffer.level < 0.05 and buffer.skipped > 0.9


def test_a_margin_that_is_not_needed_goes_away():
    buffer, _ = simulate(1)
    buffer.margin = 0.05
    simulate(100, buffer=buffer)
    assert buffer.underruns == 0 and buffer.margin < 0.047


def test_what_a_stall_held_up_is_skipped_and_not_played_late_for_ever():
    buffer, levels = simulate(30, stall=(10, 10.5))
    assert buffer.underruns >= 1
    assert 0.3 < buffer.skipped < 0.6
    assert levels[-200:].max() < 0.08


def test_what_is_played_says_which_sample_it_is():
    buffer = JitterBuffer(RATE, RATE)
    assert buffer.pull(BLOCK)[1] is None  # it fills up first
    for chunk in range(10):
        buffer.push(np.full(CHUNK, chunk / 10, np.float32), chunk * CHUNK)
    for block in range(8):
        samples, index = buffer.pull(BLOCK)
        assert index == pytest.approx(block * BLOCK, abs=25)  # the resampler's own delay
        assert abs(samples[BLOCK // 2] - (index // CHUNK) / 10) < 0.11


def test_other_rates_are_resampled():
    buffer = JitterBuffer(16000, 48000)
    tone = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000).astype(np.float32)
    for first in range(0, 16000, CHUNK):
        buffer.push(tone[first : first + CHUNK], first)
    played, _ = buffer.pull(40000)
    spectrum = np.abs(np.fft.rfft(played * np.hanning(40000)))
    assert np.argmax(spectrum) * 48000 / 40000 == pytest.approx(440, abs=1.3)


def test_a_new_call_may_begin_at_any_time():
    buffer, _ = simulate(2)
    buffer.push(np.zeros(CHUNK, np.float32), 0)
    assert buffer.pull(BLOCK)[0].shape == (BLOCK,)
