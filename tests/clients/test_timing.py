"""What a listener would notice of how a stream arrived."""

import pytest

from wavesynth.clients.timing import Timing, percentiles


def timed(*arrivals, samples=100):
    """A call made at 0 whose chunks of `samples` samples, 1000 a second, arrive at the given seconds."""
    timing = Timing(0.0)
    for now in arrivals:
        timing.arrived(now, samples, 1000)
    return timing


def test_a_player_begins_with_a_buffer_so_that_a_short_first_chunk_is_no_underrun():
    timing = Timing(0.0)
    for now, samples in ((0.0, 4), (0.005, 10), (0.009, 10), (0.03, 10)):
        timing.arrived(now, samples, 1000)
    assert timing.underruns == 0
    assert timing.ahead == pytest.approx(0.009 + 0.034 - 0.03)  # it began at 0.009
    timing.arrived(0.044, 10, 1000)  # dry since 0.043: it waits for 20 ms again
    assert timing.underruns == 1 and timing.ahead == pytest.approx(0.01)
    timing.arrived(0.06, 10, 1000)
    assert timing.underruns == 1 and timing.ahead == pytest.approx(0.02)


def test_a_live_player_begins_a_buffer_after_the_first_chunk_however_long_that_is():
    timing = Timing(0.0, live=True)
    for now in (1.0, 1.029, 1.039):  # 10 ms each: dry at 1.03, 1.04, 1.05
        timing.arrived(now, 10, 1000)
    assert timing.underruns == 0
    timing.arrived(1.051, 10, 1000)
    assert timing.underruns == 1
    assert timing.ahead == pytest.approx(0.03)  # it begins again as it began
    timing.arrived(1.08, 10, 1000)
    assert timing.underruns == 1


def test_a_stream_that_keeps_up_has_no_underrun():
    timing = timed(0.5, 0.59, 0.65, 0.79)
    assert timing.underruns == 0
    assert timing.ahead == pytest.approx(0.9 - 0.79)
    assert timing.time_to_first_audio == 0.5


def test_a_chunk_after_the_player_ran_dry_is_an_underrun_and_playback_goes_on_from_there():
    timing = timed(0.0, 0.15, 0.24, 0.36)
    assert timing.underruns == 2  # at 0.15 (dry since 0.1) and at 0.36 (dry since 0.35)


def test_the_real_time_factor_is_audio_over_time():
    assert timed(0.1, 0.2).real_time_factor == pytest.approx(1.0)


def test_figures_are_in_milliseconds():
    figures = timed(0.1, 0.15, 0.25).figures()
    assert figures["time_to_first_audio_ms"] == pytest.approx(100)
    assert figures["chunk_gap_ms"]["p50"] == pytest.approx(75)
    assert figures["chunk_gap_ms"]["max"] == pytest.approx(100)
    assert figures["chunks"] == 3 and figures["samples"] == 300 and figures["seconds"] == 0.3


def test_a_single_chunk_has_no_gaps():
    assert percentiles(timed(0.1).gaps()) == {"p50": 0.0, "p95": 0.0, "p99": 0.0, "max": 0.0}
