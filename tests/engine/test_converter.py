"""A voice with a converter says what its own network says of the converted log-mel."""

from dataclasses import replace

import pytest
import torch

from tests.engine.engines import VOICES, audio, clip, from_audio, opened, running, until
from wavesynth.audio.mel import log_mel
from wavesynth.engine.conversion import StreamingConverter
from wavesynth.engine.pipeline import pipeline_of
from wavesynth.engine.source import AudioSource
from wavesynth.engine.stream import EngineRequest, StreamError
from wavesynth.models.converter import Converter, ConverterConfig
from wavesynth.networks import Network
from wavesynth.voices.loaded import LoadedVoice
from wavesynth.voices.samplers import make_sampler
from wavesynth.voices.voice import load_voice, save_voice

LOOK_AHEAD = 2


@pytest.fixture(scope="module")
def voice():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        converter = (
            Converter(ConverterConfig(channels=16, look_ahead=LOOK_AHEAD)).requires_grad_(False).eval()
        )
    return replace(VOICES["tiny"].voice, name="converting", converter_network=Network.of(converter))


@pytest.fixture(scope="module")
def engine(voice):
    with running({**VOICES, "converting": LoadedVoice(voice, make_sampler(voice))}) as engine:
        yield engine


def request(voice, correction=0):
    return EngineRequest("converting", "audio", correction=correction)


@pytest.mark.parametrize("correction", [0, 1])
def test_the_samples_are_those_of_the_converted_log_mel(engine, voice, correction):
    waveform = clip(1280)
    converting = StreamingConverter(voice.converter, voice.mel)
    said = torch.cat([converting.push(log_mel(waveform, voice.mel)), converting.finish()])
    want = EngineRequest("tiny", "mel", correction=correction)
    expected = audio(opened(engine, want, said))
    assert audio(opened(engine, request(voice, correction), *waveform.split(301))) == expected
    assert expected != audio(opened(engine, from_audio(correction=correction), waveform))


def test_the_first_sample_comes_when_the_frames_ahead_are_there(engine, voice):
    waveform = clip(4000)
    needed = (voice.model.config.mel_context + LOOK_AHEAD) * voice.mel.hop + voice.mel.window // 2
    assert pipeline_of(voice).needed(1) == needed
    source = AudioSource(voice, None, 16000)
    source.push(waveform[: needed - 1])
    assert len(source.pending_windows(0, 1)) == voice.model.config.mel_context + LOOK_AHEAD
    source.push(waveform[needed - 1 :])
    stream = engine.open(request(voice))
    stream.push(waveform)
    assert until(stream.take)
    stream.cancel()


def test_mel_that_cannot_be_used_ends_the_stream_with_a_reason(engine, voice):
    stream = engine.open(EngineRequest("converting", "mel"))
    stream.push(torch.full((20, 80), float("nan")))
    with pytest.raises(StreamError, match="mel has NaN or infinite values"):
        until(stream.take)


def test_the_converter_is_kept_with_the_voice(voice, tmp_path):
    save_voice(tmp_path, voice)
    loaded = load_voice(tmp_path).converter
    assert loaded.config == voice.converter.config
    for name, tensor in voice.converter.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)
    mel = torch.randn(1, 9, 80)
    want = voice.converter.convert(mel, voice.mel.silence)
    torch.testing.assert_close(loaded.convert(mel, voice.mel.silence), want, atol=1e-2, rtol=1e-2)
