"""The backend triton over gRPC: in the interpreter, from request to audio; and a service whose GPU is gone."""

import asyncio
from dataclasses import replace

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.kernels.triton_networks import in_interpreter
from tests.server.calls import clip, of_audio, streamed, whole
from tests.voices_for_tests import tiny_voice
from wavesynth.sampling.backends.sampler import LostError
from wavesynth.server.server import Server
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="session")


@in_interpreter
async def test_a_voice_is_served_by_the_kernel_and_sounds_the_same_live_and_offline(config, tmp_path):
    voices = tiny_voice(tmp_path, "tiny", layers=1).parent
    async with (
        Server(replace(config, voices=voices, backend="triton")) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stub = SynthesisServiceStub(channel)
        request = of_audio(data=clip(165).tobytes(), seed=5)
        live, offline = await asyncio.gather(streamed(stub, **request), whole(stub, **request))
    assert [chunk.first_sample for chunk in live] in ([0, 160], [0])  # one, if they wait together
    assert live[-1].statistics.samples == 165
    assert b"".join(chunk.audio for chunk in live) == offline.audio
    assert len(set(offline.audio)) > 20


async def test_a_launch_that_fails_ends_its_call_and_the_service_goes_on(config):
    async with (
        Server(config) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stub = SynthesisServiceStub(channel)
        expected = await streamed(stub, **of_audio())
        plane = server.engine.planes["tiny"]
        whole_advance = plane.advance

        def advance(*_):
            plane.advance = whole_advance
            raise RuntimeError("CUDA error: invalid argument")

        plane.advance = advance
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await streamed(stub, **of_audio())
        assert error.value.code() == grpc.StatusCode.INTERNAL
        assert "CUDA" not in error.value.details()
        again = await streamed(stub, **of_audio())
        assert b"".join(c.audio for c in again) == b"".join(c.audio for c in expected)
        health = await HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert health.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_service_whose_gpu_is_gone_says_so_and_is_unhealthy(config):
    async with (
        Server(config) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stub = SynthesisServiceStub(channel)

        def advance(*_):
            raise LostError("the GPU failed: gone; start the service again")

        server.engine.planes["tiny"].advance = advance
        for code, sentence in (
            (grpc.StatusCode.INTERNAL, "the service failed; its log says how, as request "),
            (grpc.StatusCode.UNAVAILABLE, "the GPU failed: gone; start the service again"),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await streamed(stub, **of_audio())
            assert error.value.code() == code
            assert error.value.details().startswith(sentence)
        request = health_pb2.HealthCheckRequest()
        async with asyncio.timeout(20):
            while (
                await HealthStub(channel).Check(request)
            ).status != health_pb2.HealthCheckResponse.NOT_SERVING:
                await asyncio.sleep(0.01)
