"""Pauses between attempts: they grow, and have a bound however many fail."""

from wavesynth.server.back_off import BackOff


def test_pauses_grow_to_a_bound_stay_there_and_begin_anew_after_a_success():
    pauses = BackOff(0.1, 5.0)
    assert [pauses.failed() for _ in range(4)] == [0.1, 0.2, 0.4, 0.8]
    assert [pauses.failed() for _ in range(2000)][5:] == [5.0] * 1995
    pauses.succeeded()
    assert pauses.failed() == 0.1
