"""A session that is not live says so, and whose fault it is."""

import pytest

from wavesynth.clients.live.pace import Pace, too_slow


@pytest.mark.parametrize(
    ("pace", "begins", "says"),
    [
        (
            Pace(20, 1.4, 13, 0, 0.85),
            "the service is too slow",
            "it made 0.85 s of audio in a second; 1,400 ms",
        ),
        (
            Pace(20, 1.4, 0, 1, 0.85),
            "the service is too slow",
            "0 underruns in 20 s. Take a voice of fewer layers",
        ),
        (Pace(20, 0.2, 13, 0, 1.0), "audio comes too irregularly", "200 ms of latency, 13 underruns in 20 s"),
        (
            Pace(20, 0.2, 13, 9, 0.9),
            "this machine is too slow",
            "9 times it did not look after the microphone",
        ),
    ],
)
def test_what_is_too_slow_is_named_with_its_figures(pace, begins, says):
    sentence = too_slow(pace)
    assert sentence.startswith(begins) and says in sentence


@pytest.mark.parametrize(
    "pace",
    [
        Pace(600, 0.09, 0, 0, 1.0),
        Pace(600, 0.09, 5, 5, 0.96),  # now and then
        Pace(10, 0.3, 2, 2, 0.9),
        Pace(2, 1.4, 13, 13, 0.5),  # it has just begun
    ],
)
def test_a_session_that_keeps_up_is_left_alone(pace):
    assert too_slow(pace) is None
