"""The engine with a sampler whose results are waited for, as a GPU's are."""

import threading

import numpy as np
import pytest
import torch

from tests.engine.engines import Delegating, audio, clip, opened, running, until
from tests.sampling.backends.triton_voices import VOICE
from wavesynth.audio.fixed_batch import FixedBatch
from wavesynth.engine.config import EngineConfig
from wavesynth.engine.pipeline import pipeline_of
from wavesynth.engine.planes import plane_of
from wavesynth.engine.scheduler import Capacity, Scheduler
from wavesynth.engine.stream import EngineRequest, EngineStream, Status, StreamError
from wavesynth.engine.work import Work
from wavesynth.sampling.backends.sampler import LostError
from wavesynth.sampling.params import SamplingParams
from wavesynth.voices.loaded import LoadedVoice
from wavesynth.voices.samplers import make_sampler


class Elsewhere(Delegating):
    """A sampler whose results are waited for, as a GPU's are; notes what is begun and what is waited for."""

    elsewhere = True

    def __init__(self, sampler):
        super().__init__(sampler)
        self.seen, self.error = [], None
        self.finished = self.most_under_way = 0
        self.lengths, self.go_on = {}, threading.Event()
        self.go_on.set()

    def launch(self, states, conditioning, keys, n):
        number = sum(kind == "begun" for kind, _ in self.seen)
        self.seen.append(("begun", number))
        self.most_under_way = max(self.most_under_way, number + 1 - self.finished)
        for key in keys:
            self.lengths.setdefault(key.seed, []).append(n)
        drawn = self.sampler.advance(states, conditioning, keys, n)

        def wait():
            self.seen.append(("waited", number))
            assert self.go_on.wait(20)
            self.finished += 1
            if self.error:
                raise self.error
            return drawn

        wait.ready = lambda: True
        return wait


@pytest.fixture
def elsewhere():
    return Elsewhere(make_sampler(VOICE))


def test_no_step_is_planned_before_the_last_one_is_begun(elsewhere):
    plane = plane_of(LoadedVoice(VOICE, elsewhere))
    config = EngineConfig()
    work = Work(Scheduler(Capacity.of(1, ["tiny"]), config.chunk, 3), config)
    stream = EngineStream(EngineRequest("tiny", "audio"), plane, work.rouse, work.lock)
    stream.push(np.zeros(16000, np.float32))
    work.add(stream)

    def planned():
        plan, _ = work.next_step()
        return plan, lambda: list(plane.advance([stream.pipeline], stream.n, False))

    first, advance = planned()
    advance()
    work.begun(first)
    second, advance = planned()
    work.done(first)  # while the second is not begun
    assert stream.status is Status.RUNNING
    advance()
    work.begun(second)
    assert stream.status is Status.READY


def test_the_next_chunk_is_begun_before_the_last_one_is_waited_for(elsewhere):
    request = EngineRequest("tiny", "audio", SamplingParams(7))
    here = {"tiny": LoadedVoice(VOICE, make_sampler(VOICE))}
    there = {"tiny": LoadedVoice(VOICE, elsewhere)}
    with running(here, chunk=50) as engine:
        expected = audio(opened(engine, request, clip(190)))
    elsewhere.go_on.clear()
    with running(there, chunk=50) as engine:
        stream = opened(engine, request, clip(190))
        until(lambda: ("begun", 1) in elsewhere.seen)
        elsewhere.go_on.set()
        assert audio(stream) == expected
    assert [number for kind, number in elsewhere.seen if kind == "begun"] == [0, 1, 2, 3]
    assert elsewhere.most_under_way == 2


def test_an_unread_stream_is_not_made_beyond_its_queue(elsewhere):
    request = EngineRequest("tiny", "audio", SamplingParams(7))
    with running({"tiny": LoadedVoice(VOICE, elsewhere)}, chunk=50, queue=100) as engine:
        stream = opened(engine, request, clip(500))
        until(lambda: stream.waiting == 100)
        assert sum(kind == "begun" for kind, _ in elsewhere.seen) == 2
        assert len(audio(stream)) == 1000


def test_a_launch_that_fails_ends_its_streams_and_no_others(elsewhere):
    request = EngineRequest("tiny", "audio", SamplingParams(7))
    with running({"tiny": LoadedVoice(VOICE, elsewhere)}) as engine:
        elsewhere.error = RuntimeError("an illegal address")
        with pytest.raises(Exception, match="making the audio failed: an illegal address"):
            audio(opened(engine, request, clip(1000)))
        elsewhere.error = None
        assert len(audio(opened(engine, request, clip(1000)))) == 2000


def test_a_lost_gpu_ends_all_streams_and_the_engine_says_so(elsewhere):
    request = EngineRequest("tiny", "audio", SamplingParams(7))
    with running({"tiny": LoadedVoice(VOICE, elsewhere)}) as engine:
        waiting = engine.open(request)  # without input: it has no part in the launch
        elsewhere.error = LostError("the GPU failed: gone; start the service again")
        with pytest.raises(StreamError, match="the GPU failed: gone"):
            audio(opened(engine, request, clip(1000)))
        with pytest.raises(Exception, match="the GPU failed: gone"):
            until(waiting.take)
        with pytest.raises(Exception, match="the GPU failed: gone; start the service again"):
            engine.open(request)


@pytest.mark.parametrize("chunk", [50, 160])
def test_streams_analysed_and_corrected_together_are_each_as_if_alone(elsewhere, chunk):
    request = EngineRequest("tiny", "audio", SamplingParams(7), correction=4)
    together, blocks = [], FixedBatch(torch.device("cpu"), 64)
    elsewhere.executor = lambda f, *given, **others: (
        together.append(len(given[0])) or blocks(f, *given, **others)
    )
    with running({"tiny": LoadedVoice(VOICE, elsewhere)}) as engine:
        expected = [audio(opened(engine, request, clip(400, seed))) for seed in range(4)]
    with running({"tiny": LoadedVoice(VOICE, elsewhere)}, chunk=chunk) as engine:
        streams = [opened(engine, request, clip(400, seed)) for seed in range(4)]
        assert [audio(stream) for stream in streams] == expected
    assert max(together) > 4


@pytest.mark.parametrize("given", [2000, 900])  # as much input as it takes until something is heard, and less
def test_a_corrected_stream_that_comes_is_made_in_one_go_until_it_is_heard(elsewhere, given):
    def request(seed):
        return EngineRequest("tiny", "audio", SamplingParams(seed), correction=4)

    hop, sound = VOICE.mel.hop, clip(2000)
    lead = pipeline_of(VOICE, correction=4).held_back
    assert lead == 1120
    with running({"tiny": LoadedVoice(VOICE, make_sampler(VOICE))}) as engine:
        expected = audio(opened(engine, request(2), sound))
    with running({"tiny": LoadedVoice(VOICE, elsewhere)}, chunk=hop) as engine:
        elsewhere.go_on.clear()
        opened(engine, request(1), sound)
        until(lambda: ("waited", 0) in elsewhere.seen)
        stream = engine.open(request(2))
        stream.push(sound[:given])
        elsewhere.go_on.set()
        until(lambda: 2 in elsewhere.lengths)
        stream.push(sound[given:])
        stream.finish()
        assert audio(stream) == expected
    assert elsewhere.lengths[2][0] == (lead if given == 2000 else hop)


@pytest.mark.parametrize("sample", [10, 1000])  # needed for the first chunk, and looked at ahead
def test_a_stream_whose_input_cannot_be_used_does_not_trouble_those_analysed_with_it(elsewhere, sample):
    request = EngineRequest("tiny", "audio", SamplingParams(7))
    good, bad = clip(2000), clip(2000)
    bad[sample] = float("nan")
    with running({"tiny": LoadedVoice(VOICE, elsewhere)}) as engine:
        streams = [opened(engine, request, sound) for sound in (good, bad, good)]
        with pytest.raises(Exception, match="mel has NaN or infinite values"):
            audio(streams[1])
        assert audio(streams[0]) == audio(streams[2])


def test_a_gpu_that_is_lost_in_the_analysis_ends_all_streams(elsewhere):
    def lost(*_, **__):
        raise LostError("the GPU failed: gone; start the service again")

    elsewhere.executor = lost
    request = EngineRequest("tiny", "audio", SamplingParams(7))
    with running({"tiny": LoadedVoice(VOICE, elsewhere)}) as engine:
        with pytest.raises(StreamError, match="the GPU failed: gone"):
            audio(opened(engine, request, clip(1000)))
        with pytest.raises(Exception, match="the GPU failed: gone; start the service again"):
            engine.open(request)
