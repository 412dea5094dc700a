"""The engine's promises: the same bytes whatever the company, and an end that is told."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.engines import (
    ON_THREE_CORES,
    VOICES,
    audio,
    chunks,
    clip,
    definition,
    from_audio,
    from_nothing,
    gated,
    opened,
    running,
    until,
)
from wavesynth.audio.mel import MelConfig
from wavesynth.engine.config import EngineConfig
from wavesynth.engine.engine import ClosedError, Engine
from wavesynth.engine.scheduler import Capacity
from wavesynth.engine.stream import EngineRequest, InputError, StreamError
from wavesynth.voices.loaded import LoadedVoice

CLIP = clip(1000)


@pytest.fixture(scope="module")
def defined():
    return definition(CLIP, seed=7)


@pytest.mark.parametrize("chunk", [1, 37, 160, 4000])
@pytest.mark.parametrize("live", [True, False])
def test_the_audio_is_the_definitions(chunk, live, defined):
    with running(chunk=chunk) as engine:
        assert audio(opened(engine, from_audio(seed=7, live=live), CLIP)) == defined


def test_a_chunk_lasts_as_long_whatever_the_rate_of_its_voice():
    faster = replace(VOICES["free"].voice, mel=MelConfig(sample_rate=24000))
    voices = {"slow": VOICES["free"], "fast": LoadedVoice(faster, VOICES["free"].sampler)}
    requests = [EngineRequest(name, "duration", samples=4800) for name, v in voices.items()]
    with running(voices, chunk=160) as engine:
        streams = [opened(engine, request) for request in requests]
        lengths = [{len(chunk.samples) for chunk in chunks(stream)} for stream in streams]
    assert lengths == [{160}, {240}]


def test_a_queue_lasts_as_long_whatever_the_rate_of_its_voice():
    """A voice at 48 kHz is served with chunks of 200 ms, of which one is longer than the queue's number of samples."""
    voice = replace(VOICES["free"].voice, mel=MelConfig(sample_rate=48000))
    voices = {"fast": LoadedVoice(voice, VOICES["free"].sampler)}
    with running(voices, chunk=3200) as engine:
        stream = opened(engine, EngineRequest("fast", "duration", samples=9600))
        until(lambda: stream.samples_made == 9600)
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
def test_neighbours_steps_pieces_and_readers_do_not_change_a_stream(
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
            stream.push(piece)
        stream.finish()
        if late:  # an unread stream is left out until it is read
            until(lambda: stream.waiting + chunk > queue or stream.samples_made == len(CLIP))
        assert audio(stream) == defined


def test_chunks_follow_one_another_and_only_the_last_has_statistics():
    with running() as engine:
        read = chunks(opened(engine, from_audio(), CLIP))
    assert [chunk.first_sample for chunk in read] == [0, 160, 320, 480, 640, 800, 960]
    assert [len(chunk.samples) for chunk in read] == [160] * 6 + [40]
    *others, last = [chunk.statistics for chunk in read]
    assert not any(others)
    assert last.samples == 1000
    assert last.time_to_first_audio > 0
    assert last.real_time_factor > 0


def test_the_first_chunk_needs_880_samples_of_input():
    with running() as engine:
        stream = engine.open(from_audio())
        stream.push(CLIP[:879].numpy())
        late = engine.open(from_audio())  # a step of this one shows that there was one for both
        late.push(CLIP.numpy())
        until(late.take)
        assert stream.take() == []
        stream.push(CLIP[879:880].numpy())
        assert len(until(stream.take)[0].samples) == 160


@pytest.mark.parametrize(("samples", "first"), [(None, 224), (3000, 64)])
def test_who_speaks_while_listening_gets_a_whole_chunk_first(samples, first):
    """The correction gives 64 samples first; a player that begins with these has no more when the next input comes."""
    sound = clip(3000)
    with running() as engine:
        read = chunks(opened(engine, from_audio(correction=4, samples=samples), sound))
    assert [len(chunk.samples) for chunk in read[:2]] == [first, 160]
    assert sum(len(chunk.samples) for chunk in read) == 3000


@pytest.mark.parametrize("first", [1, 160, 999])
def test_a_resumed_stream_has_the_same_bytes_from_there(first, defined):
    with running() as engine:
        read = chunks(opened(engine, from_audio(seed=7, first_sample=first), CLIP))
    assert read[0].first_sample == first
    assert b"".join(chunk.samples.tobytes() for chunk in read) == defined[2 * first :]
    assert read[-1].statistics.samples == 1000 - first


def test_a_slow_reader_is_left_out_and_loses_nothing(defined):
    with running(queue=320) as engine:
        slow = opened(engine, from_audio(seed=7), CLIP)
        quick = opened(engine, from_audio(seed=7), CLIP)
        assert audio(quick) == defined
        assert slow.samples_made == 320
        assert audio(slow) == defined


def test_a_failing_sampler_ends_the_streams_of_its_step_and_no_others(gate, defined):
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


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_engine_whose_readers_cannot_be_told_says_that_it_is_lost():
    """Or whoever runs it would wait for ever."""

    def notify(streams):
        raise MemoryError

    lost = threading.Event()
    with Engine(VOICES, Capacity.of(4, VOICES), notify=notify, lost=lost.set) as engine:
        stream = opened(engine, from_nothing(1000))
        assert lost.wait(20)
        with pytest.raises(StreamError, match="the engine has failed"):
            [stream.take() for _ in range(2)]  # what was made, and the error


def test_a_notification_names_each_live_stream_that_got_a_chunk_and_each_stream_that_ended():
    """Once each; and the last one, when the engine ends, all that are open."""
    rung = []
    with running(notify=rung.append) as engine:
        live = [opened(engine, from_audio(seed=seed), CLIP) for seed in (1, 2)]
        offline = opened(engine, from_audio(live=False), CLIP)
        read = [chunks(stream) for stream in live]
        audio(offline)
    named = rung[:-1]
    assert all(len(set(streams)) == len(streams) for streams in named)
    assert [sum(stream in streams for streams in named) for stream in live] == [len(made) for made in read]
    assert [len(made) for made in read] == [7, 7]
    assert sum(offline in streams for streams in named) == 1


@pytest.mark.parametrize("values", [{"chunk": 0}, {"queue": 100}, {"waiting": 0}])
def test_a_configuration_out_of_range_is_refused(values):
    with pytest.raises(
        ValueError, match=f"{next(iter(values))} is {next(iter(values.values()))}; it must be"
    ):
        EngineConfig(**values)
