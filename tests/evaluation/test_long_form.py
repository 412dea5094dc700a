import numpy as np
import pytest

from wavesynth.evaluation.long_form import long_input, measure_long_form

RATE, HOP = 16000, 160
SECONDS = 30


@pytest.fixture(scope="module")
def original():
    noise = np.random.default_rng(0).standard_normal(SECONDS * RATE)
    syllables = np.random.default_rng(1).uniform(0.01, 0.3, SECONDS * 10)
    envelope = np.interp(np.arange(SECONDS * RATE) / (RATE / 10), np.arange(SECONDS * 10), syllables)
    return (np.convolve(noise, np.hanning(15) / 8, "same") * envelope).astype(np.float32)


def measure(original, copy):
    return measure_long_form(original, copy.astype(np.float32), HOP, RATE)


def test_a_perfect_copy_has_no_fault(original):
    figures = measure(original, original)
    assert figures.seconds == SECONDS
    assert figures.boundary_ratio == figures.boundary_ratio_original == pytest.approx(1, abs=0.05)
    assert figures.level_drift_db == figures.level_worst_db == figures.delay_samples == 0
    assert figures.log_mel_first_db == figures.log_mel_last_db == 0


def test_a_click_at_each_frame_is_seen(original):
    clicks = original.copy()
    clicks[::HOP] += 0.05
    figures = measure(original, clicks)
    assert figures.boundary_ratio > 2 > figures.boundary_ratio_original


def test_a_copy_that_grows_louder_is_seen(original):
    figures = measure(original, original * np.linspace(1, 2, len(original)))
    assert 3 < figures.level_drift_db < 6 and figures.level_worst_db > 5
    assert figures.log_mel_last_db > figures.log_mel_first_db + 3


def test_a_burst_is_seen_though_the_end_is_as_the_beginning(original):
    burst = original.copy()
    burst[12 * RATE : 14 * RATE] = 0.9
    figures = measure(original, burst)
    assert figures.level_worst_db > 10 and abs(figures.level_drift_db) < 0.01


@pytest.mark.parametrize("lag", [-250, 130])
def test_a_copy_that_falls_behind_is_seen(original, lag):
    assert abs(measure(original, np.roll(original, lag)).delay_samples - lag) <= 25


def test_the_input_is_the_recordings_one_after_the_other_and_again(original):
    pieces = [np.full(RATE, 1, np.float32), np.full(2 * RATE, 2, np.float32)]
    joined = long_input(pieces, 4.5, RATE)
    assert len(joined) == 4.5 * RATE
    assert [joined[int(t * RATE)] for t in (0.5, 2, 3.5, 4.4)] == [1, 2, 1, 2]


def test_a_copy_of_another_length_is_refused(original):
    with pytest.raises(ValueError, match="the copy has 480001 samples and the original 480000"):
        measure_long_form(original, np.append(original, original[:1]), HOP, RATE)
