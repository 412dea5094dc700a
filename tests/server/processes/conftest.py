import itertools
import os
import socket
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from wavesynth.server.processes.supervisor import ServerWithFrontEnds
from wavesynth.server.web.config import WebConfig

#: Addresses of this machine to which nobody has connected: to each of them a process has a connection of its own.
FRESH = (f"127.0.{part}.{last}" for part in range(1, 255) for last in range(1, 255))


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def crew(config, models):
    """A server with two front ends, with page and metrics, on all addresses of this machine."""
    config = replace(
        config, host="0.0.0.0", workers=2, images=models, metrics_port=free_port(), web=WebConfig(0), grace=20
    )
    async with ServerWithFrontEnds(config) as crew:
        yield crew


@pytest.fixture(scope="session")
def on_each():
    """`on_each(crew, connect)`: for each front end, by the number of its process, what `connect(address)` gives, an
    asynchronous context manager that has connected. The system chooses the front end that gets a connection."""

    @asynccontextmanager
    async def on_each(crew, connect):
        connections = {}
        try:
            for host in itertools.islice(FRESH, 200):
                if len(connections) == crew.config.workers:
                    break
                connecting = connect(f"{host}:{crew.port}")
                connection = await connecting.__aenter__()
                (process,) = (one for one in crew.processes if connected(one, host, crew.port))
                if process in connections:
                    await connecting.__aexit__(None, None, None)
                else:
                    connections[process] = connecting, connection
            yield {process: connection for process, (_, connection) in connections.items()}
        finally:
            for connecting, _ in connections.values():
                await connecting.__aexit__(None, None, None)

    return on_each


@asynccontextmanager
async def connected_channel(address):
    async with grpc.aio.insecure_channel(address, [("grpc.enable_http_proxy", 0)]) as channel:
        await channel.channel_ready()
        yield channel


@pytest_asyncio.fixture(loop_scope="session")
async def channels(crew, on_each):
    """For each front end, by the number of its process, a channel to it."""
    async with on_each(crew, connected_channel) as channels:
        yield channels


def connected(process, host, port):
    """Whether a process holds a connection that came to this address and port."""
    number = "".join(f"{int(part):02X}" for part in reversed(host.split(".")))
    wanted = {
        f"{before}{number}:{port:04X}" for before in ("", "0000000000000000FFFF0000")
    }  # IPv4, and in IPv6
    established = "01"
    inodes = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text("ascii").splitlines()[1:]:
            fields = line.split()
            if fields[1] in wanted and fields[3] == established:
                inodes.add(f"socket:[{fields[9]}]")
    held = set()
    for entry in Path(f"/proc/{process}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            held.add(os.readlink(entry))
    return bool(held & inodes)
