"""How late a voice's audio is, and what it needs, are what its pipeline says."""

from dataclasses import replace

import pytest
import torch

from tests.engine.engines import VOICES, clip
from wavesynth.audio.stage import Pipeline
from wavesynth.engine.composed_plane import ComposedPlane
from wavesynth.engine.pipeline import pipeline_of
from wavesynth.engine.source import AudioSource, DurationSource
from wavesynth.engine.stream import EngineRequest
from wavesynth.models.converter import Converter, ConverterConfig
from wavesynth.networks import Network
from wavesynth.voices.loaded import LoadedVoice

PLAIN = VOICES["tiny"].voice


def voice(converted):
    if not converted:
        return PLAIN
    converter = Converter(ConverterConfig(channels=16, past=2, look_ahead=1)).requires_grad_(False).eval()
    return replace(PLAIN, converter_network=Network.of(converter))


def plane_of_python(voice):
    return ComposedPlane(LoadedVoice(voice, VOICES["tiny"].sampler))


def arrivals(plane, stream, pieces):
    """Of each sample that came out how many of input were in; sample by sample."""
    came, given = [], 0
    for piece in pieces:
        stream.push(piece.numpy())
        given += len(piece)
        while plane.ready([stream], [16])[0]:
            for _, (samples,) in plane.advance([stream], 16):
                came += [given] * len(samples)
    return came


@pytest.mark.parametrize("converted", [False, True])
@pytest.mark.parametrize(("rate", "correction"), [(16000, 0), (16000, 1), (48000, 0), (8000, 4)])
def test_audio_is_as_late_as_the_pipeline_says(rate, correction, converted):
    """To the sample; but what comes in blocks, as resampled and corrected audio does, may come by a hop sooner."""
    plane = plane_of_python(voice(converted))
    stream = plane.open(EngineRequest("tiny", "audio", sample_rate=rate, correction=correction))
    pipeline = pipeline_of(voice(converted), correction, rate)
    samples = pipeline.look_ahead + 400
    came = arrivals(plane, stream, clip(samples * rate // 16000).split(max(1, rate // 16000)))
    assert len(came) > 300
    late = max(given * 16000 / rate - 1 - sample for sample, given in enumerate(came))
    in_blocks = (rate != 16000) + (correction > 0)
    assert pipeline.look_ahead - in_blocks * 160 <= late <= pipeline.look_ahead
    assert in_blocks or came[0] == pipeline.needed(1)
    assert Pipeline(PLAIN.hop, stream.source.stages, pipeline.synthesis).look_ahead == pipeline.look_ahead


def test_the_first_chunk_needs_what_the_pipeline_says():
    needed = pipeline_of(PLAIN).needed(160)
    assert needed == 880
    plane, sound = plane_of_python(PLAIN), clip(1000).numpy()
    stream = plane.open(EngineRequest("tiny", "audio"))
    stream.push(sound[: needed - 1])
    assert plane.ready([stream], [160]) == [0]
    stream.push(sound[needed - 1 : needed])
    assert plane.ready([stream], [160]) == [160]


def test_a_voice_without_input_waits_for_none():
    free = VOICES["free"].voice
    assert pipeline_of(free).needed(160) == pipeline_of(free).look_ahead == 0
    assert DurationSource(free, None, 100).stages == []


@pytest.mark.parametrize("converted", [False, True])
def test_a_frame_is_conditioned_by_what_the_pipeline_says(converted):
    """Another sample changes frames whose own first sample it is as far from as the stages reach, and none further."""
    given, hop = voice(converted), PLAIN.hop
    sound = clip(6000)

    def frames(samples):
        source = AudioSource(given, None, 16000)
        source.push(samples)
        source.finish()
        while source.total is None:
            windows = source.pending_windows(0, len(samples))
            mel = torch.cat([torch.zeros(0, 80), *map(analyse, windows)])
            source.accept_mel(mel)
        return source.conditioning(0, len(samples))

    def analyse(window):
        from wavesynth.audio.mel import features

        return features(window[None], given.mel)

    stages = pipeline_of(given).analysis
    before, ahead, behind = frames(sound), [], []
    for at in (2960, 2961, 3039, 3040, 3119):
        other = sound.clone()
        other[at] += 100
        changed = (frames(other) != before).flatten(1).any(1).nonzero()[:, 0]
        ahead.append(at - int(changed[0]) * hop)
        behind.append(int(changed[-1]) * hop - at)
    assert max(ahead) == sum(stage.look_ahead for stage in stages)
    if not converted:  # a converter remembers everything
        assert max(behind) == sum(stage.warm_up for stage in stages)
