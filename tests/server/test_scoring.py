"""The Score call: the library's score, whatever the pieces, and refusals that name the field."""

import asyncio
import time
from dataclasses import replace
from functools import partial

import grpc
import numpy as np
import pytest
import pytest_asyncio

from tests.server.calls import clip, of_audio, streamed
from tests.voices_for_tests import tiny_voice
from wavesynth.clients.aio import AsyncClient
from wavesynth.clients.client import Client, ServiceError
from wavesynth.engine import scoring
from wavesynth.engine.scoring import score
from wavesynth.server import score_worker, services
from wavesynth.server.background import BackgroundWorker
from wavesynth.server.limits import Limits
from wavesynth.server.processes.supervisor import ServerWithFrontEnds
from wavesynth.server.server import Server
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub
from wavesynth.voices.voice import load_voice

pytestmark = pytest.mark.asyncio(loop_scope="session")

RECORDING = clip(4000)
AT_HOME = RECORDING / np.float32(32768)


def configured(**config):
    return pb.ScoreRequest(config=pb.ScoreConfig(**config))


def messages(recording=RECORDING, step=1000, **config):
    yield configured(**config)
    for first in range(0, len(recording), step):
        yield pb.ScoreRequest(audio=recording[first : first + step].tobytes())


async def refusal(stub, given):
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.Score(iter(given))
    return refused.value.code().name, refused.value.details()


@pytest.mark.parametrize("voice", ["tiny", "of-two", "free"])
async def test_the_score_is_the_librarys_whatever_the_pieces(stub, voices, voice):
    expected = score(load_voice(voices / voice), AT_HOME)
    for step in (4000, 777):
        found = await stub.Score(messages(step=step, voice=voice))
        assert (found.bits, list(found.frame_bits)) == (expected.bits, expected.frame_bits.tolist())
        assert (found.voice, found.arithmetic, found.speaker) == (voice, "int8", expected.speaker)
        assert (found.samples, found.sample_rate, found.hop) == (4000, 16000, 160)


async def test_a_voice_whose_folder_is_broken_is_scored_as_before_or_not_at_all(config, tmp_path):
    for name in ("going", "staying"):
        tiny_voice(tmp_path, name)
    async with (
        Server(replace(config, voices=tmp_path)) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stub = SynthesisServiceStub(channel)
        before = await stub.Score(messages(voice="staying"))
        for name in ("going", "staying"):
            (tmp_path / name / "weights.safetensors").write_bytes(b"broken")
        assert len((await server.reload()).problems) == 2
        assert await stub.Score(messages(voice="staying")) == before
        code, sentence = await refusal(stub, messages(voice="going"))
        assert code == "UNAVAILABLE" and "the files of going have changed" in sentence


async def test_both_clients_give_it(server, voices):
    expected = score(load_voice(voices / "tiny"), AT_HOME)
    async with AsyncClient(f"localhost:{server.port}") as client:
        awaited = await client.score(AT_HOME, "tiny")
    with Client(f"localhost:{server.port}") as client:
        found = await asyncio.to_thread(client.score, RECORDING, speaker="")  # the default voice
        resampled = await asyncio.to_thread(client.score, RECORDING, "tiny", sample_rate=8000)
        with pytest.raises(ServiceError, match="voice is 'nobody'"):
            await asyncio.to_thread(client.score, RECORDING, "nobody")
    for one in (awaited, found):
        assert (one.bits, one.to_json()) == (expected.bits, expected.to_json())
    assert resampled.samples == 8000


@pytest.mark.parametrize(
    "given, named",
    [
        ([], "message 1 is missing; it must be config"),
        ([pb.ScoreRequest(audio=b"\0\0")], "message 1 is audio; it must be config"),
        ([configured(), configured()], "message 2 is config; after the configuration all must be audio"),
        ([configured(speaker="x")], "speaker"),
        ([configured(audio=pb.AudioFormat(sample_rate=10))], "audio.format.sample_rate is 10"),
        (messages(RECORDING[:799]), "audio has 799 samples at 16000 hertz"),
        (messages(clip(16000 * 21), 64000), "seconds of audio; at most 20 are allowed"),
        (
            messages(np.full(1000, np.nan, np.float32), audio=pb.AudioFormat(sample_format=2)),
            "audio has NaN or infinite samples",
        ),
    ],
)
async def test_what_cannot_be_scored_is_named(stub, given, named):
    code, details = await refusal(stub, given)
    assert code == "INVALID_ARGUMENT" and named in details


async def test_a_voice_without_a_likelihood_says_so(stub, server, monkeypatch):
    voice = server.requests.voices["tiny"]
    monkeypatch.setitem(server.requests.voices, "tiny", replace(voice, likelihoods=()))
    code, details = await refusal(stub, messages(voice="tiny"))
    assert (code, details) == (
        "INVALID_ARGUMENT",
        "voice tiny is of kind wavenet, which has no likelihood to score by",
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def small(config):
    """A server with two processes and little room for input."""
    config = replace(config, limits=Limits(input_bytes=16 << 20), max_seconds=600, workers=1)
    async with (
        ServerWithFrontEnds(config) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield SynthesisServiceStub(channel)


async def test_a_front_end_scores_too(small, voices):
    found = await small.Score(messages(voice="tiny"))
    assert found.bits == score(load_voice(voices / "tiny"), AT_HOME).bits


async def test_a_recording_counts_until_it_is_scored(small):
    """17 MiB in pieces of one: none of them is forgotten when the next comes."""
    code, details = await refusal(small, messages(np.zeros(17 << 19, np.int16), 1 << 19))
    assert code == "RESOURCE_EXHAUSTED" and "input of all calls" in details


def endless():
    """In the process for scores: what is longer than a second is scored for ever, stretch by stretch."""
    costs = scoring.costs

    def stretches(voice, samples, *others):
        while len(samples) > voice.sample_rate:
            time.sleep(0.1)
            yield np.zeros(1, np.float32)
        yield from costs(voice, samples, *others)

    scoring.costs = stretches
    return score_worker.begin_scoring()


async def test_an_abandoned_score_is_not_in_the_way(config, voices, monkeypatch):
    """It ends after the stretch that is under way, and the next one has its turn."""
    monkeypatch.setattr(services, "score_worker", partial(BackgroundWorker, "endless", endless, "scores"))
    async with Server(config) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = SynthesisServiceStub(channel)
        long = stub.Score(messages(clip(16001), voice="of-two"))
        assert sum(len(chunk.audio) for chunk in await streamed(stub, **of_audio())) == 2000
        short = stub.Score(messages(voice="tiny"), timeout=300)  # only if it fails
        await asyncio.wait([asyncio.ensure_future(short)], timeout=1)  # for the long one is under way
        long.cancel()
        assert (await short).bits == score(load_voice(voices / "tiny"), AT_HOME).bits
