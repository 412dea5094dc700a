"""Listeners of a server's streams, in a process of their own: `python -m wavesynth.benchmarks.listeners PORT
STREAMS SECONDS`.

Prints how many messages there were.
"""

from __future__ import annotations

import asyncio
import sys

import grpc

from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

__all__ = ["listen"]


async def listen(port: int, streams: int, seconds: float) -> int:
    """Reads so many streams of that server, each of `seconds` of audio; how many messages there were."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", [("grpc.enable_http_proxy", 0)]) as channel:
        stub = SynthesisServiceStub(channel)
        request = pb.StreamSynthesizeRequest(
            synthesis=pb.Synthesis(voice="random"), conditioning=pb.Conditioning(duration_seconds=seconds)
        )

        async def one() -> int:
            return sum([1 async for _ in stub.StreamSynthesize(request)])

        return sum(await asyncio.gather(*(one() for _ in range(streams))))


if __name__ == "__main__":
    print(asyncio.run(listen(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))))
