"""Engines for tests: tiny voices, requests, and readers."""

import threading
import time
from contextlib import contextmanager

import numpy as np
import torch

from tests.voices_for_tests import make_voice
from wavesynth.audio.companding import Deemphasis, decode
from wavesynth.audio.mel import StreamingLogMel
from wavesynth.audio.pcm import pcm16
from wavesynth.engine.conditioning import StreamingConditioner
from wavesynth.engine.config import EngineConfig
from wavesynth.engine.engine import Engine
from wavesynth.engine.scheduler import Capacity
from wavesynth.engine.stream import EngineRequest
from wavesynth.sampling import reference
from wavesynth.sampling.params import SamplingParams
from wavesynth.voices.loaded import LoadedVoice
from wavesynth.voices.samplers import make_sampler

_VOICES = (make_voice("tiny"), make_voice("other"), make_voice("free", mel=False))
VOICES, ON_THREE_CORES = (
    {voice.name: LoadedVoice(voice, make_sampler(voice, threads=threads)) for voice in _VOICES}
    for threads in (1, 3)
)


def clip(samples, seed=0):
    """Audio to be analysed, float32 [samples]."""
    return torch.rand(samples, generator=torch.Generator().manual_seed(seed)) - 0.5


class Delegating:
    """A sampler that does what another one does, but for what a subclass does instead."""

    def __init__(self, sampler):
        self.sampler = sampler

    def __getattr__(self, name):
        return getattr(self.sampler, name)


@contextmanager
def running(voices=VOICES, capacity=None, notify=lambda streams: None, planes=None, **config):
    capacity = capacity or Capacity.of(100, voices)
    with Engine(voices, capacity, EngineConfig(**config), notify, planes=planes) as engine:
        yield engine


def from_audio(voice="tiny", seed=0, rate=16000, samples=None, **others):
    """A request for audio that comes in pieces, unless it is said how many `samples` there are."""
    params, real_time = SamplingParams(seed), samples is None
    return EngineRequest(
        voice, "audio", params, sample_rate=rate, samples=samples, real_time=real_time, **others
    )


def from_nothing(samples, seed=0, voice="free", **others):
    return EngineRequest(voice, "duration", SamplingParams(seed), samples=samples, **others)


def opened(engine, request, *pieces):
    """A stream with all its input."""
    stream = engine.open(request)
    for piece in pieces:
        stream.push(np.asarray(piece))
    stream.finish()
    return stream


def until(condition, seconds=20.0):
    """Waits for `condition()`; fails when it does not come true."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.001)
    return value


def chunks(stream):
    """All chunks of a stream, read as they come."""
    read = []
    while not (read and read[-1].statistics):
        read += until(stream.take)
    return read


def audio(stream):
    return b"".join(chunk.samples.tobytes() for chunk in chunks(stream))


def definition(waveform, seed, voice=VOICES["tiny"].voice):
    """The 16-bit samples of a request for audio, put together from the definitions."""
    mel = StreamingLogMel(voice.mel)
    features = torch.cat([mel.push(waveform), mel.finish()])
    conditioner = StreamingConditioner(voice)
    frames = torch.cat([conditioner.push(features), conditioner.finish()])
    weights = voice.int8()
    tokens, _ = reference.sample(weights, weights.start(), frames, SamplingParams(seed), len(waveform))
    samples = pcm16(Deemphasis(voice.preemphasis).push(decode(tokens, mid_tread=voice.mid_tread).numpy()))
    return np.asarray(samples, "<i2").tobytes()


class Gate(Delegating):
    """A sampler that advances only when told, and notes the seeds of each step."""

    def __init__(self, sampler):
        super().__init__(sampler)
        self.allowed = threading.Semaphore(0)
        self.steps = []
        self.error = None

    def launch(self, states, conditioning, keys, n):
        self.steps.append(sorted(key.seed for key in keys))
        self.allowed.acquire()
        if self.error:
            raise self.error
        return self.sampler.launch(states, conditioning, keys, n)

    def step(self):
        count = len(self.steps)
        self.allowed.release()
        until(lambda: len(self.steps) > count)


class GateElsewhere(Gate):
    """One that computes elsewhere: told to advance, it is waited for no sooner than its samples are needed."""

    waited_for, ready, elsewhere = 0, True, True

    def launch(self, states, conditioning, keys, n):
        self.steps.append(sorted(key.seed for key in keys))
        drawn = self.sampler.advance(states, conditioning, keys, n)

        def finished():
            self.waited_for += 1
            self.allowed.acquire()
            return drawn

        finished.ready = lambda: self.ready
        return finished


@contextmanager
def gated(gate, **others):
    """A running engine whose voice without mel is sampled through `gate`, which is open at the end."""
    with running({**VOICES, "free": LoadedVoice(VOICES["free"].voice, gate)}, **others) as engine:
        try:
            yield engine
        finally:
            gate.allowed.release(1000)
