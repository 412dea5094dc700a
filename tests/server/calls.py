"""Requests and readers for the tests of this folder."""

import numpy as np

from wavesynth.v1 import synthesis_pb2 as pb


def clip(samples, seed=0):
    """Audio to be analysed, int16 [samples]."""
    return np.random.default_rng(seed).integers(-8000, 8000, samples, np.int16)


def of_audio(samples=1000, format=None, data=None, **synthesis):
    """Fields of a request for audio to be spoken again."""
    audio = pb.Audio(format=format, samples=clip(samples).tobytes() if data is None else data)
    return {"synthesis": pb.Synthesis(**synthesis), "conditioning": pb.Conditioning(audio=audio)}


def of_mel(frames, bands=80, **synthesis):
    """Fields of a request for mel frames, an array or a list of values."""
    mel = pb.MelFrames(bands=bands, values=np.ravel(frames))
    return {"synthesis": pb.Synthesis(**synthesis), "conditioning": pb.Conditioning(mel=mel)}


def of_nothing(seconds=0.1, **synthesis):
    """Fields of a request for a duration."""
    synthesis = {"voice": "free", **synthesis}
    return {
        "synthesis": pb.Synthesis(**synthesis),
        "conditioning": pb.Conditioning(duration_seconds=seconds),
    }


async def streamed(stub, **fields):
    """All responses' chunks of a StreamSynthesize call."""
    return [r.chunk async for r in stub.StreamSynthesize(pb.StreamSynthesizeRequest(**fields))]


async def stream_bytes(stub, **fields):
    return b"".join(chunk.audio for chunk in await streamed(stub, **fields))


async def whole(stub, **fields):
    """The chunk of a Synthesize call."""
    return (await stub.Synthesize(pb.SynthesizeRequest(**fields))).chunk


def configuration(audio=None, mel=None, **synthesis):
    """The first message of a Resynthesize call, for audio if not for mel."""
    given = {"mel": mel} if mel is not None else {"audio": audio or pb.AudioFormat()}
    return pb.ResynthesizeRequest(config=pb.ResynthesizeConfig(synthesis=pb.Synthesis(**synthesis), **given))


async def resynthesized(stub, messages):
    """All responses' chunks of a Resynthesize call."""
    return [response.chunk async for response in stub.Resynthesize(iter(messages))]


async def rest_of(call):
    """The chunks that a call which is read message by message still gives."""
    chunks = []
    while response := await call.read():
        chunks.append(response.chunk)
    return chunks
