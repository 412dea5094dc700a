"""Streams that join others, and leave them."""

import gc
import threading
import time
import weakref

import pytest

from tests.engine.engines import (
    VOICES,
    Delegating,
    GateElsewhere,
    audio,
    chunks,
    from_nothing,
    gated,
    running,
    until,
)
from wavesynth.voices.loaded import LoadedVoice


def made_alone(samples, seed):
    with running() as engine:
        return audio(engine.open(from_nothing(samples, seed=seed)))


def test_streams_join_and_leave_between_steps(gate):
    with gated(gate) as engine:
        engine.open(from_nothing(480, seed=1))
        until(lambda: gate.steps)
        last = engine.open(from_nothing(160, seed=2))
        gate.step()
        gate.step()
        gate.allowed.release()
        chunks(last)
        assert gate.steps == [[1], [1, 2], [1]]


@pytest.mark.parametrize("first", [0, 160])  # after one chunk, or after one that is dropped
def test_a_stream_that_comes_during_steps_elsewhere_has_one_of_its_own(first):
    gate = GateElsewhere(VOICES["free"].sampler)
    with gated(gate) as engine:
        other = engine.open(from_nothing(480, seed=1))
        until(lambda: len(gate.steps) == 2)
        stream = engine.open(from_nothing(480, seed=2, first_sample=first))
        until(lambda: len(gate.steps) == 3)
        assert gate.steps == [[1], [1], [2]]
        gate.allowed.release(1000)
        assert audio(stream) == made_alone(480, seed=2)[2 * first :]
        assert audio(other) == made_alone(480, seed=1)


def test_a_stream_that_is_unheard_when_the_others_end_goes_onalone():
    gate = GateElsewhere(VOICES["free"].sampler)
    with gated(gate) as engine:
        engine.open(from_nothing(320, seed=1))
        until(lambda: gate.waited_for)
        stream = engine.open(from_nothing(1600, seed=2, first_sample=1440))
        gate.allowed.release(1000)
        assert (
            b"".join(chunk.samples.tobytes() for chunk in chunks(stream))
            == made_alone(1600, seed=2)[2 * 1440 :]
        )


class HeldUp(Delegating):
    """A sampler that computes elsewhere, and gives samples of streams with other seeds than 9 only when told."""

    elsewhere = True

    def __init__(self, sampler):
        super().__init__(sampler)
        self.go_on = threading.Event()

    def launch(self, states, conditioning, keys, n):
        drawn = self.sampler.advance(states, conditioning, keys, n)

        def finished():
            assert {key.seed for key in keys} == {9} or self.go_on.wait(20)
            return drawn

        return finished


def under_way(sampler, streams):
    """Whether both steps under way have all of `streams`, none of which ends now; or else lets them end."""
    sampler.go_on.clear()
    time.sleep(0.05)
    if all(stream.steps == 2 for stream in streams):
        return True
    sampler.go_on.set()
    return False


def test_a_stream_that_comes_is_heard_while_the_steps_of_others_are_waited_for():
    sampler = HeldUp(VOICES["free"].sampler)
    voices = {"free": LoadedVoice(VOICES["free"].voice, sampler)}
    with running(voices, queue=1_000_000) as engine:
        sampler.go_on.set()
        others = [engine.open(from_nothing(10**8, seed=seed)) for seed in range(1, 5)]
        until(lambda: all(stream.first_chunk_sent for stream in others))
        until(lambda: under_way(sampler, others))
        made = [stream.samples_made for stream in others]
        comes = engine.open(from_nothing(160, seed=9))
        until(lambda: comes.first_chunk_sent)
        assert [stream.samples_made for stream in others] == made
        sampler.go_on.set()


def test_a_stream_that_has_ended_is_forgotten(gate):
    gate.allowed.release(1000)
    with gated(gate) as engine:
        ended = weakref.ref(engine.open(from_nothing(320, seed=1)))
        chunks(ended())
        chunks(engine.open(from_nothing(320, seed=2)))
        until(lambda: (gc.collect(), ended())[1] is None)
