"""Every bad input has its status and one sentence, and harms nobody else."""

import asyncio

import grpc
import numpy as np
import pytest

from tests.server.calls import (
    clip,
    configuration,
    of_audio,
    of_mel,
    of_nothing,
    resynthesized,
    stream_bytes,
    streamed,
    whole,
)
from wavesynth.v1 import synthesis_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="session")

INVALID = grpc.StatusCode.INVALID_ARGUMENT
FLOAT32 = pb.AudioFormat(sample_format=pb.SAMPLE_FORMAT_FLOAT32)


def floats(*values):
    return np.array(values, "<f4").tobytes()


BAD = {
    "unknown voice": (
        of_audio(voice="nobody"),
        "voice is 'nobody'; the voices are free, of-two, tiny",
        grpc.StatusCode.NOT_FOUND,
    ),
    "no conditioning": ({}, "conditioning is missing; it must be one of duration_seconds, mel, audio, text"),
    "NaN sample": (
        of_audio(format=FLOAT32, data=floats(0, np.nan)),
        "audio has NaN or infinite samples; they must be finite",
    ),
    "infinite sample": (
        of_audio(format=FLOAT32, data=floats(-np.inf)),
        "audio has NaN or infinite samples; they must be finite",
    ),
    "another scale": (
        of_audio(format=FLOAT32, data=floats(100, -8000, 16000, 3)),
        "audio has floating-point samples of up to 16000; they must be within ±1 "
        "(samples on the scale of 16-bit integers: divide by 32768)",
    ),
    "NaN in mel": (of_mel([np.nan] * 80), "mel.values has NaN or values beyond ±100; it must have neither"),
    "infinite mel": (of_mel([np.inf] * 80), "mel.values has NaN or values beyond ±100; it must have neither"),
    "empty clip": (of_audio(0), "audio is empty; it must have at least one sample"),
    "empty mel": (of_mel([]), "mel is empty; it must have at least one frame"),
    "half a sample": (of_audio(data=b"abc"), "audio has 3 bytes; it must be a multiple of 2, whole samples"),
    "half a float": (
        of_audio(format=FLOAT32, data=b"abcdef"),
        "audio has 6 bytes; it must be a multiple of 4, whole samples",
    ),
    "narrow mel": (of_mel([0] * 40, bands=40), "mel.bands is 40; voice tiny needs 80"),
    "half a frame": (of_mel([0] * 120), "mel.values has 120 values; it must be a multiple of mel.bands, 80"),
    "no duration": (of_nothing(0), "duration_seconds is 0; it must be from 6.25e-05 to 20"),
    "correction without mel": (
        of_nothing(0.1, correction=True),
        "correction is true; voice free has no mel bands to correct by, so it must be false",
    ),
    "negative duration": (of_nothing(-1), "duration_seconds is -1; it must be from 6.25e-05 to 20"),
    "NaN duration": (of_nothing(float("nan")), "duration_seconds is nan; it must be from 6.25e-05 to 20"),
    "long duration": (of_nothing(20.1), "duration_seconds is 20.1; it must be from 6.25e-05 to 20"),
    "long clip": (of_audio(320_001), "audio makes 20.0001 seconds of audio; at most 20 are allowed"),
    "long mel": (of_mel([0] * 80 * 2001), "mel makes 20.01 seconds of audio; at most 20 are allowed"),
    "cold": (of_nothing(temperature=0.0), "temperature is 0.0; it must be from 0.1 to 2.0"),
    "hot": (of_nothing(temperature=2.5), "temperature is 2.5; it must be from 0.1 to 2.0"),
    "NaN temperature": (
        of_nothing(temperature=float("nan")),
        "temperature is nan; it must be from 0.1 to 2.0",
    ),
    "unknown speaker": (
        of_audio(voice="of-two", speaker="him"),
        "speaker is 'him'; the speakers of of-two are speaker-0, speaker-1",
    ),
    "speaker of none": (
        of_audio(speaker="him"),
        "speaker is 'him'; voice tiny has but one, so it must be empty",
    ),
    "unknown encoding": (of_audio(encoding=9), "encoding is 9; it must be from 0 to 4"),
    "unknown sample format": (
        of_audio(format=pb.AudioFormat(sample_format=7)),
        "audio.format.sample_format is 7; it must be from 0 to 2",
    ),
    "low rate": (
        of_audio(format=pb.AudioFormat(sample_rate=7999)),
        "audio.format.sample_rate is 7999; it must be from 8000 to 96000 hertz",
    ),
    "resumed beyond the end": (
        of_audio(first_sample=1000),
        "first_sample is 1000; it must be below 1000, the samples of the whole",
    ),
    "a duration for a voice of speech": (
        of_nothing(voice="tiny"),
        "conditioning is duration_seconds; voice tiny needs mel or audio",
    ),
    "speech for a voice without": (
        of_audio(voice="free"),
        "conditioning is audio; voice free takes duration_seconds and nothing else",
    ),
}


@pytest.mark.parametrize("call", [streamed, whole])
@pytest.mark.parametrize("name", BAD)
async def test_a_bad_request_gets_its_status_and_one_sentence(stub, name, call):
    fields, sentence, code = (*BAD[name], INVALID)[:3]
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call(stub, **fields)
    assert (error.value.code(), error.value.details()) == (code, sentence)


AUDIO = pb.ResynthesizeRequest(audio=clip(1000).tobytes())
MEL = pb.ResynthesizeRequest(mel=pb.MelFrames(bands=80, values=[0] * 80))
BAD_DIALOGUES = {
    "nothing at all": ([], "message 1 is missing; it must be config"),
    "audio first": ([AUDIO], "message 1 is audio; it must be config"),
    "an empty message first": ([pb.ResynthesizeRequest()], "message 1 is missing; it must be config"),
    "configured twice": (
        [configuration(), configuration()],
        "message 2 is config; after the configuration all must be audio",
    ),
    "mel after all": (
        [configuration(), AUDIO, MEL],
        "message 3 is mel; after the configuration all must be audio",
    ),
    "no input": ([configuration()], "the input is empty; it must have at least one sample"),
    "empty input": (
        [configuration(), pb.ResynthesizeRequest(audio=b"")],
        "the input is empty; it must have at least one sample",
    ),
    "unsaid input": (
        [pb.ResynthesizeRequest(config=pb.ResynthesizeConfig())],
        "config.input is missing; it must be one of audio, mel, text",
    ),
    "NaN sample": (
        [configuration(FLOAT32), pb.ResynthesizeRequest(audio=floats(np.nan))],
        "audio has NaN or infinite samples; they must be finite",
    ),
    "another scale": (
        [configuration(FLOAT32)] + [pb.ResynthesizeRequest(audio=floats(0.5, v)) for v in (1.5, -300)],
        "audio has floating-point samples of up to 300; they must be within ±1 "
        "(samples on the scale of 16-bit integers: divide by 32768)",
    ),
    "narrow mel": (
        [
            configuration(mel=pb.MelFormat()),
            pb.ResynthesizeRequest(mel=pb.MelFrames(bands=79, values=[0] * 79)),
        ],
        "mel.bands is 79; voice tiny needs 80",
    ),
    "more than a call may make": (
        [configuration()] + [pb.ResynthesizeRequest(audio=bytes(320_000))] * 3,
        "audio makes 30 seconds of audio; at most 20 are allowed",
    ),
    "a header that must know the length": (
        [configuration(encoding=pb.ENCODING_WAV), AUDIO],
        "encoding is ENCODING_WAV; a call of unknown length takes ENCODING_PCM16 or ENCODING_MULAW",
    ),
    "resumed beyond the end": (
        [configuration(first_sample=1000), AUDIO],
        "first_sample is 1000; it must be below 1000, the samples of the whole",
    ),
}


@pytest.mark.parametrize("name", BAD_DIALOGUES)
async def test_a_bad_dialogue_gets_its_status_and_one_sentence(stub, name):
    messages, sentence = BAD_DIALOGUES[name]
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await resynthesized(stub, messages)
    assert (error.value.code(), error.value.details()) == (INVALID, sentence)


async def test_an_over_long_message_is_refused_with_both_lengths(stub):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await whole(stub, **of_audio(data=bytes(17 << 20)))
    assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(16 << 20) in error.value.details()


async def test_more_than_fits_one_response_is_sent_to_streaming(stub, server, monkeypatch):
    monkeypatch.setattr(server.requests, "max_seconds", 600)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await whole(stub, **of_nothing(550))
    sentence = "Synthesize would return 8800000 samples; at most 8355840 fit, so use StreamSynthesize"
    assert (error.value.code(), error.value.details()) == (INVALID, sentence)


async def test_bad_calls_do_not_change_a_byte_of_a_stream_beside_them(stub):
    undisturbed = await stream_bytes(stub, **of_audio(16_000))
    beside = asyncio.create_task(stream_bytes(stub, **of_audio(16_000)))
    for fields, *_ in BAD.values():
        with pytest.raises(grpc.aio.AioRpcError):
            await streamed(stub, **fields)
    for messages, _ in BAD_DIALOGUES.values():
        with pytest.raises(grpc.aio.AioRpcError):
            await resynthesized(stub, messages)
    assert await beside == undisturbed
