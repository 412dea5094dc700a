"""A stretch that is cut out of a recording with its surroundings is conditioned, and made, as in the whole."""

from dataclasses import replace

import pytest
import torch

from tests.engine.engines import VOICES, audio, clip, opened, running
from wavesynth.audio.mel import features
from wavesynth.engine.excerpt import converter_memories, first_whole_frame
from wavesynth.engine.pipeline import pipeline_of
from wavesynth.engine.source import AudioSource, DurationSource
from wavesynth.engine.stream import EngineRequest
from wavesynth.models.converter import Converter, ConverterConfig
from wavesynth.networks import Network
from wavesynth.voices.loaded import LoadedVoice
from wavesynth.voices.samplers import make_sampler

HOP = 160


def converter(**config):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Network.of(Converter(ConverterConfig(channels=16, **config)).requires_grad_(False).eval())


PLAIN = VOICES["tiny"].voice
CONVERTING = [
    replace(PLAIN, name="near", converter_network=converter(past=0, look_ahead=0)),
    replace(PLAIN, name="far", converter_network=converter(past=4, look_ahead=9, layers=1)),
]
VOICES_TRIED = {voice.name: voice for voice in (PLAIN, *CONVERTING)}


@pytest.fixture(scope="module")
def engine():
    loaded = {name: LoadedVoice(voice, make_sampler(voice)) for name, voice in VOICES_TRIED.items()}
    with running(loaded) as engine:
        yield engine


def conditioning(voice, waveform, *resumed):
    """The conditioning frames [F, L, 2R] of all samples."""
    source = AudioSource(voice, None, voice.sample_rate)
    if resumed:
        source.resume(*resumed)
    source.push(waveform)
    source.finish()
    source.accept_mel(torch.zeros(0, voice.mel.bands))
    source.accept_mel(features(source.pending_windows(0, len(waveform)), voice.mel))
    return source.conditioning(0, len(waveform))


@pytest.mark.parametrize("name", VOICES_TRIED)
def test_the_network_hears_what_it_hears_in_the_whole(name):
    voice = VOICES_TRIED[name]
    recording, first, last = clip(16000), 9000, 11000
    whole = conditioning(voice, recording)
    around = pipeline_of(voice)
    begin = (first - around.before) // HOP * HOP
    piece = recording[begin : last + around.after]
    resumed: tuple[object, ...] = ()
    if voice.converter is not None:
        frame = first_whole_frame(voice)
        (memory,) = converter_memories(voice, recording.numpy(), [begin // HOP + frame])
        resumed = (frame, torch.from_numpy(memory)[:, None])
    part = conditioning(voice, piece, *resumed)
    # From the first sample that the network remembers at `first` on, to the last one that is kept.
    frames = slice((first - voice.model.config.receptive_field) // HOP, (last - 1) // HOP + 1)
    shifted = slice(frames.start - begin // HOP, frames.stop - begin // HOP)
    torch.testing.assert_close(part[shifted], whole[frames], atol=1e-4, rtol=1e-4)
    if resumed:  # and without the memory it does not
        assert (conditioning(voice, piece)[shifted] - whole[frames]).abs().max() > 1e-3


@pytest.mark.parametrize("correction", [0, 1, 4])
@pytest.mark.parametrize("name", VOICES_TRIED)
def test_what_comes_after_a_stretch_does_not_change_it(engine, name, correction):
    voice = VOICES_TRIED[name]
    recording, last = clip(8000), 3333

    def made(samples):
        source = EngineRequest(name, "audio", correction=correction)
        return audio(opened(engine, source, samples))[: 2 * last]

    whole, after = made(recording), pipeline_of(voice, correction).after
    assert made(recording[: last + after]) == whole
    if after > 1800:  # far more than the 80 ms that once had to do for all
        assert made(recording[: last + 1280]) != whole


def test_memory_is_for_voices_with_a_converter():
    with pytest.raises(ValueError, match="voice tiny has no converter"):
        converter_memories(PLAIN, clip(1000).numpy(), [3])
    for source in (AudioSource(PLAIN, None, 16000), DurationSource(PLAIN, None, 100)):
        with pytest.raises(TypeError, match="without a converter"):
            source.resume(3, torch.zeros(1, 1, 16))
