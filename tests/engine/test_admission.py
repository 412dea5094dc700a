"""Which streams there is room for, and in which order they are made."""

import pytest

from tests.engine.engines import (
    VOICES,
    audio,
    chunks,
    from_audio,
    from_nothing,
    gated,
    running,
    until,
)
from wavesynth.engine.engine import CapacityError
from wavesynth.engine.scheduler import Capacity
from wavesynth.engine.stream import EngineRequest


def test_a_cancelled_stream_is_in_no_further_step_and_its_slot_is_free(gate):
    with gated(gate, capacity=Capacity.of(2, VOICES)) as engine:
        cancelled = engine.open(from_nothing(1600, seed=1))
        until(lambda: gate.steps)
        engine.open(from_nothing(1600, seed=2))
        gate.step()
        with pytest.raises(CapacityError):
            engine.open(from_nothing(160, seed=3))
        cancelled.cancel()  # in the middle of a step
        engine.open(from_nothing(160, seed=3))
        gate.step()
        assert gate.steps == [[1], [1, 2], [2, 3]]
        assert cancelled.take() == []


def test_offline_streams_get_what_live_ones_leave_in_their_order(gate):
    with gated(gate, capacity=Capacity.of(2, VOICES)) as engine:
        engine.open(from_nothing(480, seed=9))
        until(lambda: gate.steps)
        for seed in (1, 2, 3):
            last = engine.open(from_nothing(160, seed=seed, live=False))
        for _ in range(3):
            gate.step()
        gate.allowed.release()
        chunks(last)
        assert gate.steps == [[9], [1, 9], [2, 9], [3]]


def test_a_live_stream_that_does_not_fit_is_refused_with_the_time_to_come_back():
    with running(capacity=Capacity.of(1, VOICES)) as engine:
        engine.open(from_audio(samples=48_000))
        with pytest.raises(CapacityError, match="all 1 places for live streams are taken") as refused:
            engine.open(from_audio())
        assert refused.value.retry_after == 3.0


def test_a_voice_too_slow_for_real_time_is_servedalone():
    with running(capacity=Capacity({"free": [(1, 3.0)]})) as engine:
        stream = engine.open(from_nothing(320))
        with pytest.raises(CapacityError):
            engine.open(from_nothing(320))
        assert len(audio(stream)) == 640


def test_offline_streams_are_no_longer_together_than_there_is_memory_for(gate):
    with gated(gate, offline_samples=1000) as engine:
        engine.open(from_nothing(5000, live=False)).cancel()  # one is always admitted
        engine.open(from_nothing(800, live=False))
        with pytest.raises(
            CapacityError, match="for 800 samples, and this one for 300; together they may have 1000"
        ):
            engine.open(from_nothing(300, live=False))
        engine.open(from_nothing(200, live=False))
        engine.open(from_nothing(5000))  # live ones are made as they are heard


def test_an_offline_stream_of_unknown_length_counts_for_the_most_that_it_may_become(gate):
    def text(most):
        return EngineRequest("tiny", "mel", live=False, most_samples=most)

    with gated(gate, offline_samples=1000) as engine:
        engine.open(text(800))
        with pytest.raises(CapacityError, match="count for 800 samples, and this one for 300"):
            engine.open(text(300))
        engine.open(text(200))


def test_an_offline_stream_counts_for_what_it_has_made_if_that_is_more_than_was_thought():
    with running(offline_samples=1000) as engine:
        stream = engine.open(EngineRequest("tiny", "mel", live=False, most_samples=100))
        stream.samples_made = 900
        with pytest.raises(CapacityError, match="count for 900 samples, and this one for 200"):
            engine.open(from_nothing(200, live=False))


def test_offline_streams_wait_in_a_queue_that_has_an_end(gate):
    with gated(gate, waiting=2) as engine:
        for _ in range(2):
            engine.open(from_nothing(160, live=False))
        with pytest.raises(CapacityError, match="offline"):
            engine.open(from_nothing(160, live=False))
        engine.open(from_nothing(160))  # live ones have places of their own
