"""Reloads that fail, or whose callers wait no more."""

import asyncio
import threading
from dataclasses import replace

import grpc
import pytest
from structlog.testing import capture_logs

from tests.voices_for_tests import tiny_voice
from wavesynth.server.catalogue import Catalogue
from wavesynth.server.processes.supervisor import ServerWithFrontEnds
from wavesynth.server.server import Server
from wavesynth.server.tokens import hash_of
from wavesynth.v1 import admin_pb2
from wavesynth.v1.admin_pb2_grpc import AdminServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def own(config, tmp_path):
    """A configuration with a folder of voices, and tokens, of its own."""
    tiny_voice(tmp_path / "voices", "staying")
    tokens = tmp_path / "tokens.toml"
    tokens.write_text(f'[operator]\nsha256 = "{hash_of("operator")}"\nscopes = ["admin"]\n', "utf-8")
    return replace(config, voices=tmp_path / "voices", tokens=tokens)


def call(channel):
    return AdminServiceStub(channel).Reload(
        admin_pb2.ReloadRequest(), metadata=[("authorization", "Bearer operator")], timeout=60
    )


async def test_a_reload_whose_caller_is_gone_ends_before_the_next_begins(own, monkeypatch):
    reading, go, under_way, together = threading.Event(), threading.Event(), [], []
    again = Catalogue.again

    def slow(self):
        under_way.append(self)
        together.append(len(under_way))
        reading.set()
        assert go.wait(60)
        try:
            return again(self)
        finally:
            under_way.pop()

    monkeypatch.setattr(Catalogue, "again", slow)
    with capture_logs() as lines:
        async with Server(own) as server, grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            first = call(channel)
            try:
                assert await asyncio.to_thread(reading.wait, 60)
                tiny_voice(own.voices, "coming")
                first.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await first
                async with asyncio.timeout(60):
                    while "CANCELLED" not in [line.get("code") for line in lines]:
                        await asyncio.sleep(0.01)
                next_one = asyncio.create_task(server.reload())
                await asyncio.sleep(0.1)
            finally:
                go.set()
            changes = (await next_one).voices
            assert together == [1, 1]
            assert changes.added == [] and "coming" in server.engine.voices  # the first one has brought it


def fails(self):
    raise RuntimeError("the device is on fire")


@pytest.mark.parametrize(("kind", "workers"), [(Server, 0), (ServerWithFrontEnds, 1)])
async def test_a_reload_that_fails_is_logged_and_whoever_asked_is_told(own, monkeypatch, kind, workers):
    async with (
        kind(replace(own, workers=workers)) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        monkeypatch.setattr(Catalogue, "again", fails)
        with capture_logs() as lines, pytest.raises(grpc.aio.AioRpcError) as error:
            await call(channel)
        assert error.value.code() == grpc.StatusCode.INTERNAL
        (line,) = [line for line in lines if line["event"] == "a reload has failed"]
        assert str(line["exc_info"]) == "the device is on fire"
        monkeypatch.undo()
        assert not (await call(channel)).problems


async def test_a_reload_that_fails_is_logged_though_nobody_waits(own, monkeypatch):
    async with Server(own) as server:
        monkeypatch.setattr(Catalogue, "again", fails)
        with capture_logs() as lines:
            await asyncio.wait([server.reload.begin()])
            await asyncio.sleep(0)
        assert [line["event"] for line in lines] == ["a reload has failed"]
