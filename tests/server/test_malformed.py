"""What is no protobuf message ends its call like any bad input: with one sentence, one line in the log, one count."""

import asyncio
from dataclasses import replace
from typing import Any

import grpc
import pytest
import pytest_asyncio
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from tests.server.calls import configuration
from wavesynth.server.server import Server
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="module")

GARBAGE = b"\xff" * 20
UNARY = [
    "wavesynth.v1.SynthesisService/ListVoices",
    "wavesynth.v1.SynthesisService/Synthesize",
    "wavesynth.v1.SynthesisService/StreamSynthesize",
    "wavesynth.v1.ImageService/ListImageModels",
    "wavesynth.v1.ImageService/SampleImage",
    "wavesynth.v1.ImageService/CompleteImage",
    "grpc.health.v1.Health/Check",
    "grpc.health.v1.Health/Watch",
]
STREAMS = [
    ("wavesynth.v1.SynthesisService/Resynthesize", [GARBAGE]),
    ("wavesynth.v1.SynthesisService/Resynthesize", [configuration().SerializeToString(), GARBAGE]),
    ("grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", [GARBAGE]),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(config):
    async with Server(config) as server:
        yield server


async def refusal(server, method, messages, streamed):
    """How a call ends, and the lines in the log about it; the stubs of gRPC would not send what is malformed."""
    with capture_logs() as logs:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            call: Any
            if streamed:
                call = channel.stream_stream(f"/{method}", None, None)(iter(messages))
            else:
                call = channel.unary_stream(f"/{method}", None, None)(*messages)
            with pytest.raises(grpc.aio.AioRpcError) as error:
                async for _ in call:
                    pass
            while not logs:  # a line is written when the caller knows already
                await asyncio.sleep(0.001)
    return error.value.code(), error.value.details(), logs


def counted(server, method):
    name = f'wavesynth_calls_total{{code="INVALID_ARGUMENT",method="{method.rpartition("/")[2]}"}} '
    lines = generate_latest(server.metrics.registry).decode().splitlines()
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


@pytest.mark.parametrize(
    ("method", "messages", "streamed"),
    [(method, [GARBAGE], False) for method in UNARY] + [(*stream, True) for stream in STREAMS],
)
async def test_what_is_no_message_is_one_sentence_one_line_and_one_count(
    server, method, messages, streamed, caplog
):
    before = counted(server, method)
    code, sentence, logs = await refusal(server, method, messages, streamed)
    what = f"message {len(messages)}"
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert sentence == f"{what} is malformed: its 20 bytes are no protobuf message that this method takes"
    (line,) = logs
    assert (line["method"], line["code"]) == (method.rpartition("/")[2], code.name)
    assert line["reason"] == sentence
    assert counted(server, method) == before + 1
    assert not caplog.records  # no stack trace


async def test_a_caller_without_the_token_learns_nothing_else(config):
    async with Server(replace(config, token="secret")) as server:
        code, _, _ = await refusal(server, UNARY[1], [GARBAGE], streamed=False)
        assert code is grpc.StatusCode.UNAUTHENTICATED


async def test_a_compressed_message_is_refused_before_it_is_unpacked(server):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = SynthesisServiceStub(channel).ListVoices(
            pb.ListVoicesRequest(), compression=grpc.Compression.Gzip
        )
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "gzip" in str(error.value.details())
