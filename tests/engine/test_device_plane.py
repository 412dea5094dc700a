"""The data plane beside a GPU against the one in Python, which defines it: the same samples at the same time, to the
byte, wherever log-mel and corrections are computed."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.both_planes import VOICES, loaded
from tests.engine.side_by_side import Pair, run, streams
from wavesynth.audio.executor import per_stream
from wavesynth.audio.fixed_batch import FixedBatch
from wavesynth.engine.composed_plane import ComposedPlane
from wavesynth.engine.device_plane import DevicePlane
from wavesynth.engine.planes import plane_of
from wavesynth.engine.stream import EngineRequest
from wavesynth.sampling.params import SamplingParams
from wavesynth.voices.loaded import LoadedVoice


class Elsewhere:
    """A sampler of the processor's as if it drew elsewhere: it takes windows, and is waited for."""

    takes_windows = elsewhere = True

    def __init__(self, voice, executor):
        self._voice, self._sampler, self.executor = voice.voice, voice.sampler, executor
        self.start = self._sampler.start

    def launch(self, states, conditioning, params, n):
        frames = [self._frames(windows) for windows in conditioning]
        drawn = self._sampler.advance(states, frames, params, n)
        return lambda: drawn

    def _frames(self, windows):
        mel = torch.tensor(windows.mel) if isinstance(windows.mel, np.ndarray) else windows.mel
        network = [window if window.shape[-1] else None for window in mel]
        return torch.stack([self._voice.condition(window, windows.speaker) for window in network])


EXECUTORS = {"per stream": per_stream, "fixed batch": FixedBatch(torch.device("cpu"), 3)}


def planes_of(name, executor="per stream"):
    voice = LoadedVoice(VOICES[name].voice, Elsewhere(VOICES[name], EXECUTORS[executor]))
    return DevicePlane(voice), ComposedPlane(voice)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_samples_are_those_of_the_stages_in_python(data):
    name = data.draw(st.sampled_from(list(VOICES)))
    planes = planes_of(name, data.draw(st.sampled_from(list(EXECUTORS))))
    pairs = [Pair(planes, *data.draw(streams(name))) for _ in range(data.draw(st.integers(1, 3)))]
    run(data.draw, planes, pairs)


def gather(plane, stream, chunk):
    samples = []
    while stream.index != stream.total:
        (n,) = plane.ready([stream], [chunk])
        if n:
            samples += [some for _, (some,) in plane.advance([stream], n)]
    return np.concatenate(samples)


def test_a_step_may_be_begun_before_the_last_ones_samples_are_read():
    plane, composed = planes_of("plain")
    sound = np.random.default_rng(0).uniform(-1, 1, 4000).astype(np.float32)
    request = EngineRequest("plain", "audio", SamplingParams(3), correction=4)
    streams = [plane.open(request), composed.open(request)]
    for stream in streams:
        stream.push(sound)
        stream.finish()
    steps = []
    while streams[0].index != streams[0].total:
        steps.append(plane.advance(streams[:1], *plane.ready(streams[:1], [640])))
    made = {}

    def read(i):
        made[i] = [some for _, (some,) in steps[i]]

    # Whoever reads a later step waits for the earlier ones.
    threads = [threading.Thread(target=read, args=(i,)) for i in reversed(range(len(steps)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = np.concatenate([some for i in range(len(steps)) for some in made[i]])
    np.testing.assert_array_equal(together, gather(composed, streams[1], 160))


def test_what_is_not_finite_ends_its_own_stream_alone():
    plane, composed = planes_of("plain")
    sound = np.random.default_rng(0).uniform(-1, 1, 2000).astype(np.float32)
    broken = sound.copy()
    broken[5] = np.nan
    streams = [plane.open(EngineRequest("plain", "audio")) for _ in range(3)]
    alone = composed.open(EngineRequest("plain", "audio"))
    for stream, piece in zip([*streams, alone], (sound, broken, sound, sound), strict=True):
        stream.push(piece)
    ((_, (first, error, last)),) = plane.advance(streams, 160)
    with pytest.raises(ValueError, match="mel has NaN"):
        raise error
    assert composed.ready([alone], [160]) == [160]
    ((_, (right,)),) = composed.advance([alone], 160)
    np.testing.assert_array_equal(first, right)
    np.testing.assert_array_equal(last, right)


@pytest.mark.parametrize("at", ["features_in_turn", "project_in_turn", "launch"])
def test_an_error_elsewhere_is_that_of_the_steps_streams(at):
    def executor(function, *inputs, **constants):
        if function.__name__ == at:
            raise RuntimeError("it is broken")
        return per_stream(function, *inputs, **constants)

    sampler = Elsewhere(VOICES["plain"], executor)
    if at == "launch":

        def launch(*_):
            raise RuntimeError("it is broken")

        sampler.launch = launch
    plane = DevicePlane(LoadedVoice(VOICES["plain"].voice, sampler))
    stream = plane.open(EngineRequest("plain", "audio", correction=1))
    stream.push(np.zeros(8000, np.float32))
    made = [piece for _, pieces in plane.advance([stream], 1600) for piece in pieces]
    with pytest.raises(RuntimeError, match="it is broken"):
        raise made[0]


def test_what_the_voice_does_not_have_is_refused():
    heard, free = planes_of("speakers")[0], planes_of("free")[0]
    with pytest.raises(ValueError, match=r"^speaker is 3; it must be from 0 to 2$"):
        heard.open(EngineRequest("speakers", "audio", speaker=3))
    with pytest.raises(ValueError, match=r"^input is duration; the voice takes mel or audio$"):
        heard.open(EngineRequest("speakers", "duration", samples=100))
    with pytest.raises(ValueError, match=r"^input is mel; the voice takes nothing but how long it is$"):
        free.open(EngineRequest("free", "mel"))


def test_it_is_the_plane_of_wavenets_that_are_drawn_elsewhere():
    plain = VOICES["plain"]
    assert isinstance(plane_of(LoadedVoice(plain.voice, Elsewhere(plain, per_stream))), DevicePlane)
    other = loaded(replace(plain.voice, mel=replace(plain.voice.mel, n_fft=2048)))
    assert isinstance(plane_of(LoadedVoice(other.voice, Elsewhere(other, per_stream))), ComposedPlane)
