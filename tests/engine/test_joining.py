"""Streams that join others, and leave them."""

import gc
import weakref

import pytest

from tests.engine.engines import (
    VOICES,
    GateElsewhere,
    audio,
    chunks,
    from_nothing,
    gated,
    running,
    until,
)
from wavesynth.engine import engine as engine_module
from wavesynth.engine import step
from wavesynth.engine.engine import Engine
from wavesynth.engine.scheduler import Capacity
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
def test_a_stream_that_comes_during_a_step_elsewhere_is_heard_before_the_next_one(first):
    gate = GateElsewhere(VOICES["free"].sampler)
    with gated(gate) as engine:
        other = engine.open(from_nothing(480, seed=1))
        until(lambda: gate.waited_for)
        stream = engine.open(from_nothing(480, seed=2, first_sample=first))
        gate.step()
        assert gate.steps == [[1], [1], [2]]
        gate.allowed.release(1 + first // 160)
        read = until(stream.take)
        assert other.samples_made == 160
        gate.allowed.release(1000)
        assert (
            b"".join(chunk.audio for chunk in [*read, *chunks(stream)])
            == made_alone(480, seed=2)[2 * first :]
        )
        assert audio(other) == made_alone(480, seed=1)
        alone = [[2], [1, 2], [2]] if not first else [[2], [2], [1], [2]]
        assert gate.steps == [[1], [1], *alone]


def test_a_stream_that_is_unheard_when_the_others_end_goes_onalone():
    gate = GateElsewhere(VOICES["free"].sampler)
    with gated(gate) as engine:
        engine.open(from_nothing(320, seed=1))
        until(lambda: gate.waited_for)
        stream = engine.open(from_nothing(1600, seed=2, first_sample=1440))
        gate.allowed.release(1000)
        assert b"".join(chunk.audio for chunk in chunks(stream)) == made_alone(1600, seed=2)[2 * 1440 :]


@pytest.mark.parametrize(("ready", "order"), [(True, [1, 2, 9, 3, 4]), (False, [1, 2, 3, 4])])
def test_a_stream_that_comes_while_a_step_is_handed_out_is_heard_as_soon_as_its_chunk_is_there(
    monkeypatch, ready, order
):
    """Before the last of that step, then; and until its chunk is there it holds nobody up."""
    for module in (engine_module, step):
        monkeypatch.setattr(module, "STREAMS_AT_A_TIME", 1)
    gate, heard = GateElsewhere(VOICES["free"].sampler), []
    gate.ready = ready
    gate.allowed.release(1000)

    def notify(streams):
        heard.extend(stream.request.params.seed for stream in streams)
        if heard == [1]:
            engine.open(from_nothing(160, seed=9))

    voices = {"free": LoadedVoice(VOICES["free"].voice, gate)}
    engine = Engine(voices, Capacity.of(9, voices), notify=notify)
    for seed in range(1, 5):
        engine.open(from_nothing(320, seed=seed))
    with engine:
        until(lambda: len(heard) >= 9)
    assert heard[: len(order)] == order
    assert sorted(heard[:9]) == [1, 1, 2, 2, 3, 3, 4, 4, 9]


def test_a_stream_that_has_ended_is_forgotten(gate):
    gate.allowed.release(1000)
    with gated(gate) as engine:
        ended = weakref.ref(engine.open(from_nothing(320, seed=1)))
        chunks(ended())
        chunks(engine.open(from_nothing(320, seed=2)))
        until(lambda: (gc.collect(), ended())[1] is None)
