"""The health service: what it answers, and that a watcher who reads nothing holds up nobody."""

import asyncio
import signal
import subprocess
import sys
from contextlib import asynccontextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1.health_pb2_grpc import HealthStub, add_HealthServicer_to_server

from tests.server.frames import HandMade
from wavesynth.server.health import Health

WATCH = "/grpc.health.v1.Health/Watch"
SERVING, NOT_SERVING = pb.HealthCheckResponse.SERVING, pb.HealthCheckResponse.NOT_SERVING
ANY = pb.HealthCheckRequest()


@asynccontextmanager
async def serving(**options):
    """A health service, its port, and a stub of it."""
    health, server = Health(["", "voices"], **options), grpc.aio.server()
    add_HealthServicer_to_server(health, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield health, port, HealthStub(channel)
    finally:
        await server.stop(0)


def watch_unread(caller):
    """Watches, and takes no byte of a status; the stream, once the server has begun to answer."""
    stream = caller.begin(WATCH)
    caller.message(stream, ANY.SerializeToString())
    caller.headers()
    return stream


async def refusal(call):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code().name, error.value.details()


@pytest.mark.parametrize("name", ["", "voices"])
async def test_a_service_is_checked_and_watched(name):
    async with serving() as (health, _, stub):
        watched = stub.Watch(pb.HealthCheckRequest(service=name))
        for status in (NOT_SERVING, SERVING, NOT_SERVING):
            health.set(status)
            assert (await watched.read()).status == status
            assert (await stub.Check(pb.HealthCheckRequest(service=name))).status == status


async def test_a_service_that_there_is_not_is_not_found_and_may_be_watched():
    async with serving() as (_, _, stub):
        request = pb.HealthCheckRequest(service="songs")
        assert await refusal(stub.Check(request)) == (
            "NOT_FOUND",
            "service is 'songs'; the services are '', voices",
        )
        assert (await stub.Watch(request).read()).status == pb.HealthCheckResponse.SERVICE_UNKNOWN


async def test_who_reads_late_is_told_the_newest():
    async with serving() as (health, _, stub):
        watched = stub.Watch(ANY)
        assert (await watched.read()).status == NOT_SERVING
        for status in (SERVING, NOT_SERVING, SERVING):
            health.set(status)  # without a moment for the watcher in between
        assert (await watched.read()).status == SERVING


async def test_watchers_beyond_the_places_are_refused():
    async with serving(watchers=1) as (_, _, stub):
        watched = stub.Watch(ANY)
        await watched.read()
        full = ("RESOURCE_EXHAUSTED", "all 1 places for watchers of the health service are taken")
        assert await refusal(stub.Watch(ANY).read()) == full
        assert (await stub.Check(ANY)).status == NOT_SERVING


async def test_a_watcher_who_reads_nothing_is_ended_and_another_has_its_place():
    async with serving(watchers=1, patience=0.2) as (_, port, stub):
        with HandMade(port, window=0) as caller:
            stream = await asyncio.to_thread(watch_unread, caller)
            async with asyncio.timeout(20):
                while True:
                    try:
                        assert (await stub.Watch(ANY).read()).status == NOT_SERVING
                        break
                    except grpc.aio.AioRpcError:
                        await asyncio.sleep(0.02)
            await asyncio.to_thread(caller.read_on, stream)
            assert b"the status was not read for 0.2 seconds" in await asyncio.to_thread(caller.headers)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_watcher_who_reads_nothing_stops_neither_health_nor_the_servers_end(two_voices, workers):
    options = ["--voices", str(two_voices), "--live-streams", "2", "--workers", str(workers), "--grace", "5"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from wavesynth.cli import main; main()", "serve", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        port = int(process.stdout.readline().rpartition(":")[2])
        with HandMade(port, window=0) as caller, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            watch_unread(caller)
            watched = HealthStub(channel).Watch(ANY, timeout=20)
            assert next(watched).status == SERVING
            process.send_signal(signal.SIGTERM)
            assert next(watched).status == NOT_SERVING
            assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
