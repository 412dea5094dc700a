"""A server in this process, and what calls it."""

from contextlib import asynccontextmanager
from dataclasses import replace

import grpc

from wavesynth.server.server import Server
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub


@asynccontextmanager
async def serving(config, kind=Server, **changes):
    """A server of a configuration with `changes`, and a channel to it."""
    async with (
        kind(replace(config, **changes)) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield server, channel


@asynccontextmanager
async def synthesizing(config, kind=Server, **changes):
    """The same, with a stub of its voices."""
    async with serving(config, kind, **changes) as (server, channel):
        yield server, SynthesisServiceStub(channel)
