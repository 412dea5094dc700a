"""Which live calls there is room for, by where their input comes from."""

from dataclasses import replace
from typing import Any

import grpc
import pytest

from tests.server.calls import clip, configuration, of_audio
from wavesynth.engine.scheduler import Capacity
from wavesynth.server.server import Server
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub


@pytest.mark.parametrize("kind", ["real time", "recording"])
async def test_calls_that_can_be_made_ahead_of_their_listeners_take_less_room(config, monkeypatch, kind):
    """Here half as much: two calls in real time fit, or four of a recording; none of these reads all."""
    half = classmethod(
        lambda cls, n, voices: cls({v: [(n, 1.0)] for v in voices}, ahead_share=dict.fromkeys(voices, 0.5))
    )
    monkeypatch.setattr(Capacity, "of", half)
    options = [("grpc.http2.bdp_probe", 0)]  # so that what nobody reads is soon too much
    async with (
        Server(replace(config, live_streams=2)) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options) as channel,
    ):
        stub: Any = SynthesisServiceStub(channel)

        async def begun():
            if kind == "recording":
                call = stub.StreamSynthesize(pb.StreamSynthesizeRequest(**of_audio(16000 * 20)))
            else:
                call = stub.Resynthesize()
                await call.write(configuration())
                await call.write(pb.ResynthesizeRequest(audio=clip(1000).tobytes()))
            await call.read()
            return call

        held = [await begun() for _ in range(2 if kind == "real time" else 4)]
        with pytest.raises(grpc.aio.AioRpcError, match=f"all {len(held)} places for live streams are taken"):
            await begun()
        for call in held:
            call.cancel()
