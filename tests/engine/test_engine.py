"""The engine's promises: the same bytes whatever the company, fairness, and room."""

import gc
import threading
import weakref
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.engines import (
    ON_THREE_CORES,
    VOICES,
    Delegating,
    audio,
    chunks,
    clip,
    definition,
    from_audio,
    from_nothing,
    opened,
    running,
    until,
)
from wavesynth.audio.mel import MelConfig
from wavesynth.engine import engine as engine_module
from wavesynth.engine import step
from wavesynth.engine.engine import CapacityError, ClosedError, Engine, EngineConfig
from wavesynth.engine.scheduler import Capacity
from wavesynth.engine.source import DurationSource
from wavesynth.engine.stream import EngineRequest, InputError, StreamError
from wavesynth.voices.loaded import LoadedVoice

CLIP = clip(1000)


@pytest.fixture(scope="module")
def defined():
    return definition(CLIP, seed=7)


def alone(request, *pieces):
    with running() as engine:
        return audio(opened(engine, request, *pieces))


@pytest.mark.parametrize("chunk", [1, 37, 160, 4000])
@pytest.mark.parametrize("live", [True, False])
def test_the_audio_is_the_definitions(chunk, live, defined):
    with running(chunk=chunk) as engine:
        assert audio(opened(engine, from_audio(seed=7, live=live), CLIP)) == defined


def test_a_chunk_lasts_as_long_whatever_the_rate_of_its_voice():
    faster = replace(VOICES["free"].voice, mel=MelConfig(sample_rate=24000))
    voices = {"slow": VOICES["free"], "fast": LoadedVoice(faster, VOICES["free"].sampler)}
    requests = [
        EngineRequest(name, lambda v=v: DurationSource(v.voice, None, 4800)) for name, v in voices.items()
    ]
    with running(voices, chunk=160) as engine:
        streams = [opened(engine, request) for request in requests]
        lengths = [{chunk.samples for chunk in chunks(stream)} for stream in streams]
    assert lengths == [{160}, {240}]


def test_a_queue_lasts_as_long_whatever_the_rate_of_its_voice():
    """A voice at 48 kHz is served with chunks of 200 ms, of which one is longer than the queue's number of samples."""
    voice = replace(VOICES["free"].voice, mel=MelConfig(sample_rate=48000))
    voices = {"fast": LoadedVoice(voice, VOICES["free"].sampler)}
    with running(voices, chunk=3200) as engine:
        stream = opened(engine, EngineRequest("fast", lambda: DurationSource(voice, None, 9600)))
        until(lambda: stream.made == 9600)
        stream.cancel()


@settings(max_examples=25, deadline=None)
@given(
    chunk=st.integers(1, 400),
    queue=st.integers(400, 1200),
    voices=st.sampled_from([VOICES, ON_THREE_CORES]),
    neighbours=st.lists(
        st.tuples(st.sampled_from(sorted(VOICES)), st.booleans(), st.integers(1, 1500)), max_size=5
    ),
    cuts=st.lists(st.integers(0, 1000), max_size=6),
    late=st.booleans(),
)
def test_neighbours_ticks_pieces_and_readers_do_not_change_a_stream(
    chunk, queue, voices, neighbours, cuts, late, defined
):
    pieces = np.split(CLIP.numpy(), sorted(cuts))
    with running(voices, chunk=chunk, queue=queue) as engine:
        for seed, (voice, live, samples) in enumerate(neighbours):
            make = from_nothing if voice == "free" else lambda n, **k: from_audio(**k)
            request = make(samples, voice=voice, seed=seed, live=live)
            opened(engine, request, *([] if voice == "free" else [clip(samples, seed)]))
        stream = engine.open(from_audio(seed=7))
        for piece in pieces:
            stream.push(torch.from_numpy(piece))
        stream.finish()
        if late:  # an unread stream is left out until it is read
            until(lambda: stream.waiting + chunk > queue or stream.made == len(CLIP))
        assert audio(stream) == defined


def test_chunks_follow_one_another_and_only_the_last_has_statistics():
    with running() as engine:
        read = chunks(opened(engine, from_audio(), CLIP))
    assert [chunk.first_sample for chunk in read] == [0, 160, 320, 480, 640, 800, 960]
    assert [chunk.samples for chunk in read] == [160] * 6 + [40]
    *others, last = [chunk.statistics for chunk in read]
    assert not any(others)
    assert last.samples == 1000
    assert last.time_to_first_audio > 0
    assert last.real_time_factor > 0


def test_the_first_chunk_needs_880_samples_of_input():
    with running() as engine:
        stream = engine.open(from_audio())
        stream.push(CLIP[:879])
        late = engine.open(from_audio())  # a tick of this one shows that there was one for both
        late.push(CLIP)
        until(late.take)
        assert stream.take() == []
        stream.push(CLIP[879:880])
        assert until(stream.take)[0].samples == 160


@pytest.mark.parametrize("first", [1, 160, 999])
def test_a_resumed_stream_has_the_same_bytes_from_there(first, defined):
    with running() as engine:
        read = chunks(opened(engine, from_audio(seed=7, first_sample=first), CLIP))
    assert read[0].first_sample == first
    assert b"".join(chunk.audio for chunk in read) == defined[2 * first :]
    assert read[-1].statistics.samples == 1000 - first


def test_a_slow_reader_is_left_out_and_loses_nothing(defined):
    with running(queue=320) as engine:
        slow = opened(engine, from_audio(seed=7), CLIP)
        quick = opened(engine, from_audio(seed=7), CLIP)
        assert audio(quick) == defined
        assert slow.made == 320
        assert audio(slow) == defined


class Gate(Delegating):
    """A sampler that advances only when told, and notes the seeds of each tick."""

    def __init__(self, sampler):
        super().__init__(sampler)
        self.allowed = threading.Semaphore(0)
        self.ticks = []
        self.error = None

    def launch(self, states, conditioning, keys, n):
        self.ticks.append(sorted(key.seed for key in keys))
        self.allowed.acquire()
        if self.error:
            raise self.error
        return self.sampler.launch(states, conditioning, keys, n)

    def tick(self):
        count = len(self.ticks)
        self.allowed.release()
        until(lambda: len(self.ticks) > count)


class GateElsewhere(Gate):
    """One that computes elsewhere: told to advance, it is waited for no sooner than its samples are needed."""

    waited_for, ready = 0, True

    def launch(self, states, conditioning, keys, n):
        self.ticks.append(sorted(key.seed for key in keys))
        drawn = self.sampler.advance(states, conditioning, keys, n)

        def finished():
            self.waited_for += 1
            self.allowed.acquire()
            return drawn

        finished.ready = lambda: self.ready
        return finished


@pytest.fixture
def gate():
    return Gate(VOICES["free"].sampler)


@contextmanager
def gated(gate, **others):
    """A running engine whose voice without mel is sampled through `gate`, which is open at the end."""
    with running({**VOICES, "free": LoadedVoice(VOICES["free"].voice, gate)}, **others) as engine:
        try:
            yield engine
        finally:
            gate.allowed.release(1000)


def test_streams_join_and_leave_between_ticks(gate):
    with gated(gate) as engine:
        engine.open(from_nothing(480, seed=1))
        until(lambda: gate.ticks)
        last = engine.open(from_nothing(160, seed=2))
        gate.tick()
        gate.tick()
        gate.allowed.release()
        chunks(last)
        assert gate.ticks == [[1], [1, 2], [1]]


@pytest.mark.parametrize("first", [0, 160])  # after one chunk, or after one that is dropped
def test_a_stream_that_comes_during_a_tick_elsewhere_is_heard_before_the_next_one(first):
    gate = GateElsewhere(VOICES["free"].sampler)
    with gated(gate) as engine:
        other = engine.open(from_nothing(480, seed=1))
        until(lambda: gate.waited_for)
        stream = engine.open(from_nothing(480, seed=2, first_sample=first))
        gate.tick()
        assert gate.ticks == [[1], [1], [2]]
        gate.allowed.release(1 + first // 160)
        read = until(stream.take)
        assert other.made == 160
        gate.allowed.release(1000)
        assert b"".join(chunk.audio for chunk in [*read, *chunks(stream)]) == _alone(480, seed=2)[2 * first :]
        assert audio(other) == _alone(480, seed=1)
        alone = [[2], [1, 2], [2]] if not first else [[2], [2], [1], [2]]
        assert gate.ticks == [[1], [1], *alone]


def test_a_stream_that_is_unheard_when_the_others_end_goes_on_alone():
    gate = GateElsewhere(VOICES["free"].sampler)
    with gated(gate) as engine:
        engine.open(from_nothing(320, seed=1))
        until(lambda: gate.waited_for)
        stream = engine.open(from_nothing(1600, seed=2, first_sample=1440))
        gate.allowed.release(1000)
        assert b"".join(chunk.audio for chunk in chunks(stream)) == _alone(1600, seed=2)[2 * 1440 :]


@pytest.mark.parametrize(("ready", "order"), [(True, [1, 2, 9, 3, 4]), (False, [1, 2, 3, 4])])
def test_a_stream_that_comes_while_a_tick_is_handed_out_is_heard_as_soon_as_its_chunk_is_there(
    monkeypatch, ready, order
):
    """Before the last of that tick, then; and until its chunk is there it holds nobody up."""
    for module in (engine_module, step):
        monkeypatch.setattr(module, "SLICE", 1)
    gate, heard = GateElsewhere(VOICES["free"].sampler), []
    gate.ready = ready
    gate.allowed.release(1000)

    def notify(streams):
        heard.extend(stream.request.key.seed for stream in streams)
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


def _alone(samples, seed):
    with running() as engine:
        return audio(engine.open(from_nothing(samples, seed=seed)))


def test_a_cancelled_stream_is_in_no_further_tick_and_its_slot_is_free(gate):
    with gated(gate, capacity=Capacity.of(2, VOICES)) as engine:
        cancelled = engine.open(from_nothing(1600, seed=1))
        until(lambda: gate.ticks)
        engine.open(from_nothing(1600, seed=2))
        gate.tick()
        with pytest.raises(CapacityError):
            engine.open(from_nothing(160, seed=3))
        cancelled.cancel()  # in the middle of a tick
        engine.open(from_nothing(160, seed=3))
        gate.tick()
        assert gate.ticks == [[1], [1, 2], [2, 3]]
        assert cancelled.take() == []


def test_offline_streams_get_what_live_ones_leave_in_their_order(gate):
    with gated(gate, capacity=Capacity.of(2, VOICES)) as engine:
        engine.open(from_nothing(480, seed=9))
        until(lambda: gate.ticks)
        for seed in (1, 2, 3):
            last = engine.open(from_nothing(160, seed=seed, live=False))
        for _ in range(3):
            gate.tick()
        gate.allowed.release()
        chunks(last)
        assert gate.ticks == [[9], [1, 9], [2, 9], [3]]


def test_a_failing_sampler_ends_the_streams_of_its_tick_and_no_others(gate, defined):
    gate.error = RuntimeError("out of order")
    gate.allowed.release(1000)
    with gated(gate) as engine:
        healthy = opened(engine, from_audio(seed=7), CLIP)
        broken = engine.open(from_nothing(1600))
        with pytest.raises(StreamError, match="making the audio failed: out of order"):
            chunks(broken)
        assert audio(healthy) == defined
        gate.error = None
        assert len(audio(engine.open(from_nothing(1600)))) == 3200


def test_a_live_stream_that_does_not_fit_is_refused_with_the_time_to_come_back():
    with running(capacity=Capacity.of(1, VOICES)) as engine:
        engine.open(from_audio(samples=48_000))
        with pytest.raises(CapacityError, match="all 1 places for live streams are taken") as refused:
            engine.open(from_audio())
        assert refused.value.retry_after == 3.0


def test_a_voice_too_slow_for_real_time_is_served_alone():
    with running(capacity=Capacity({"free": [(1, 3.0)]})) as engine:
        stream = engine.open(from_nothing(320))
        with pytest.raises(CapacityError):
            engine.open(from_nothing(320))
        assert len(audio(stream)) == 640


def test_offline_streams_wait_in_a_queue_that_has_an_end(gate):
    with gated(gate, waiting=2) as engine:
        for _ in range(2):
            engine.open(from_nothing(160, live=False))
        with pytest.raises(CapacityError, match="offline"):
            engine.open(from_nothing(160, live=False))
        engine.open(from_nothing(160))  # live ones have places of their own


@pytest.mark.parametrize(
    ("first", "pieces", "message"),
    [
        (0, [], "the input is empty; it must have at least one sample"),
        (1000, [CLIP], "first_sample is 1000; it must be below 1000, the samples of the whole"),
    ],
)
def test_input_that_cannot_be_used_ends_its_stream(first, pieces, message):
    with running() as engine, pytest.raises(InputError, match=message):
        chunks(opened(engine, from_audio(first_sample=first), *pieces))


def test_closing_the_engine_ends_its_streams():
    with running() as engine:
        stream = engine.open(from_audio())
    with pytest.raises(ClosedError):
        stream.take()
    with pytest.raises(ClosedError):
        engine.open(from_audio())


def test_one_notification_a_tick_names_the_live_streams_and_those_that_ended():
    rung = []
    with running() as engine:
        engine._notify = rung.append
        streams = {opened(engine, from_audio(seed=seed), CLIP) for seed in (1, 2)}
        offline = opened(engine, from_audio(live=False), CLIP)
        for stream in [*streams, offline]:
            audio(stream)
    assert all(len(set(tick)) == len(tick) for tick in rung)
    assert sum(offline in tick for tick in rung) == 1


@pytest.mark.parametrize("values", [{"chunk": 0}, {"queue": 100}, {"waiting": 0}])
def test_a_configuration_out_of_range_is_refused(values):
    with pytest.raises(
        ValueError, match=f"{next(iter(values))} is {next(iter(values.values()))}; it must be"
    ):
        EngineConfig(**values)
