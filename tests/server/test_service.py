"""The four calls: what comes back, in which pieces, and in which encodings."""

import asyncio
import io

import numpy as np
import pytest
import soundfile
import torch

from tests.engine.engines import definition
from tests.server.calls import (
    clip,
    configuration,
    of_audio,
    of_mel,
    of_nothing,
    rest_of,
    resynthesized,
    stream_bytes,
    streamed,
    whole,
)
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.voices.voice import load_voice

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_voices_are_listed_with_what_calls_need_to_know(stub):
    response = await stub.ListVoices(pb.ListVoicesRequest())
    assert [voice.name for voice in response.voices] == ["free", "of-two", "tiny"]
    assert response.default_voice == "tiny"  # the fewest layers
    assert response.max_seconds == 20
    tiny = response.voices[2]
    assert (tiny.sample_rate, tiny.layers, tiny.receptive_field) == (16000, 4, 16)
    assert (tiny.mel_bands, tiny.hop, tiny.licence, tiny.language) == (80, 160, "CC0-1.0", "en")
    assert list(response.voices[1].speakers) == ["speaker-0", "speaker-1"]
    assert response.voices[0].mel_bands == 0


async def test_a_stream_is_the_definitions_audio(stub, voices):
    waveform = torch.from_numpy(clip(500) / np.float32(32768))
    audio = await stream_bytes(stub, **of_audio(500, seed=3))
    assert audio == definition(waveform, 3, load_voice(voices / "tiny"))


async def test_chunks_say_where_they_are_and_the_last_how_it_went(stub):
    chunks = await streamed(stub, **of_audio())
    position = 0
    for chunk in chunks:
        assert (chunk.first_sample, chunk.sample_rate) == (position, 16000)
        position += len(chunk.audio) // 2
    assert position == 1000
    assert [chunk.HasField("statistics") for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    statistics = chunks[-1].statistics
    assert statistics.samples == 1000
    assert statistics.time_to_first_audio_seconds > 0
    assert statistics.real_time_factor > 0


async def test_one_piece_is_the_stream_in_one_piece(stub):
    chunk = await whole(stub, **of_audio(seed=5))
    assert chunk.audio == await stream_bytes(stub, **of_audio(seed=5))
    assert (chunk.first_sample, chunk.statistics.samples) == (0, 1000)


@pytest.mark.parametrize("cuts", [[], [1], [2, 7, 7, 300, 301, 999], list(range(37, 1000, 37))])
async def test_speech_in_odd_pieces_gives_the_bytes_of_the_whole(stub, cuts):
    pieces = [pb.ResynthesizeRequest(audio=piece.tobytes()) for piece in np.split(clip(1000), cuts)]
    chunks = await resynthesized(stub, [configuration(seed=9), *pieces])
    assert b"".join(chunk.audio for chunk in chunks) == await stream_bytes(stub, **of_audio(seed=9))
    assert chunks[-1].statistics.samples == 1000


async def test_mel_in_pieces_gives_the_bytes_of_the_whole(stub):
    frames = np.random.default_rng(0).normal(0, 0.5, (7, 80)).astype(np.float32)
    pieces = [
        pb.ResynthesizeRequest(mel=pb.MelFrames(bands=80, values=part.ravel()))
        for part in np.split(frames, [2, 3])
    ]
    chunks = await resynthesized(stub, [configuration(mel=pb.MelFormat()), *pieces])
    assert b"".join(chunk.audio for chunk in chunks) == await stream_bytes(stub, **of_mel(frames))


async def test_audio_comes_back_while_the_speaker_goes_on(stub):
    call = stub.Resynthesize()
    await call.write(configuration())
    await call.write(pb.ResynthesizeRequest(audio=clip(880).tobytes()))
    assert len((await call.read()).chunk.audio) == 320
    await call.write(pb.ResynthesizeRequest(audio=clip(160).tobytes()))
    assert (await call.read()).chunk.first_sample == 160
    await call.done_writing()
    rest = await rest_of(call)
    assert rest[-1].statistics.samples == 1040


@pytest.mark.parametrize("rate", [8000, 48000])
async def test_audio_at_another_rate_is_resampled(stub, rate):
    fields = of_audio(rate // 10, pb.AudioFormat(sample_rate=rate))
    assert len(await stream_bytes(stub, **fields)) == 2 * 1600


async def test_float_and_16_bit_samples_of_the_same_values_are_the_same_audio(stub):
    floats = (clip(1000) / np.float32(32768)).astype("<f4").tobytes()
    fields = of_audio(format=pb.AudioFormat(sample_format=pb.SAMPLE_FORMAT_FLOAT32), data=floats)
    assert await stream_bytes(stub, **fields) == await stream_bytes(stub, **of_audio())


async def test_float_samples_beyond_one_are_clipped(stub):
    def fields(peak):
        floats = np.array([0.5, peak] * 500, "<f4").tobytes()
        return of_audio(format=pb.AudioFormat(sample_format=pb.SAMPLE_FORMAT_FLOAT32), data=floats)

    assert await stream_bytes(stub, **fields(3.0)) == await stream_bytes(stub, **fields(1.0))


async def test_a_duration_is_what_comes(stub):
    assert len(await stream_bytes(stub, **of_nothing(0.1))) == 3200


@pytest.mark.parametrize("change", [{"seed": 1}, {"temperature": 0.5}])
async def test_seed_and_temperature_matter(stub, change):
    assert await stream_bytes(stub, **of_nothing()) == await stream_bytes(stub, **of_nothing(temperature=1.0))
    assert await stream_bytes(stub, **of_nothing()) != await stream_bytes(stub, **of_nothing(**change))


async def test_speakers_differ_and_the_first_is_the_one_not_named(stub):
    unnamed, first, second = [
        await stream_bytes(stub, **of_audio(voice="of-two", speaker=speaker))
        for speaker in ("", "speaker-0", "speaker-1")
    ]
    assert unnamed == first != second


@pytest.mark.parametrize("first", [1, 500, 999])
async def test_a_call_resumes_with_the_same_bytes(stub, first):
    chunks = await streamed(stub, **of_audio(first_sample=first))
    assert chunks[0].first_sample == first
    assert b"".join(chunk.audio for chunk in chunks) == (await stream_bytes(stub, **of_audio()))[2 * first :]


def decoded(data, **raw):
    return soundfile.read(io.BytesIO(data), dtype="int16", **raw)[0]


@pytest.mark.parametrize("call", [stream_bytes, lambda stub, **fields: whole(stub, **fields)])
@pytest.mark.parametrize("first", [0, 4321])
async def test_flac_and_wav_hold_the_very_samples(stub, call, first):
    fields = {"samples": 9000, "first_sample": first}
    pcm = np.frombuffer(await stream_bytes(stub, **of_audio(**fields)), "<i2")
    for encoding, name in ((pb.ENCODING_FLAC, "FLAC"), (pb.ENCODING_WAV, "WAV")):
        data = await call(stub, **of_audio(**fields, encoding=encoding))
        data = data if isinstance(data, bytes) else data.audio
        assert soundfile.info(io.BytesIO(data)).format == name
        assert soundfile.info(io.BytesIO(data)).frames == len(pcm) == 9000 - first
        assert np.array_equal(decoded(data), pcm)


async def test_mulaw_is_one_byte_a_sample_and_close(stub):
    pcm = np.frombuffer(await stream_bytes(stub, **of_audio()), "<i2").astype(float)
    data = await stream_bytes(stub, **of_audio(encoding=pb.ENCODING_MULAW))
    assert len(data) == 1000
    heard = decoded(data, format="RAW", subtype="ULAW", samplerate=16000, channels=1).astype(float)
    assert (np.abs(heard - pcm) <= np.maximum(8, np.abs(pcm) / 16)).all()


async def test_flac_chunks_are_never_empty_and_count_on(stub):
    chunks = await streamed(stub, **of_audio(20_000, encoding=pb.ENCODING_FLAC))
    assert all(chunk.audio for chunk in chunks)
    firsts = [chunk.first_sample for chunk in chunks]
    assert firsts[0] == 0 and firsts == sorted(set(firsts))


async def test_many_calls_at_once_each_get_their_own(stub):
    seeds = range(6)
    together = await asyncio.gather(*(stream_bytes(stub, **of_audio(seed=seed)) for seed in seeds))
    assert together == [await stream_bytes(stub, **of_audio(seed=seed)) for seed in seeds]
    assert len(set(together)) == 6


async def test_a_reader_slower_than_the_service_loses_nothing(stub):
    call = stub.StreamSynthesize(pb.StreamSynthesizeRequest(**of_audio(40_000)))
    audio = (await call.read()).chunk.audio
    await asyncio.sleep(0.5)
    audio += b"".join(chunk.audio for chunk in await rest_of(call))
    assert audio == (await whole(stub, **of_audio(40_000))).audio
