"""Calls with tokens of a file: what each may do, how much of it, and how the file is replaced under way."""

import asyncio
import os

import grpc
import pytest

from tests.server import running
from tests.server.calls import configuration, of_audio
from wavesynth.server import followed
from wavesynth.server.processes.supervisor import ServerWithFrontEnds
from wavesynth.server.server import Server
from wavesynth.server.tokens import hash_of
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="session")


def table(name, **fields):
    lines = [
        f"[{name}]",
        f'sha256 = "{hash_of(name)}"',
        *(f"{key} = {value}" for key, value in fields.items()),
    ]
    return "\n".join([*lines, ""])


class Caller:
    """Calls with a token, which is the name of who calls."""

    def __init__(self, channel, token):
        self.stub = SynthesisServiceStub(channel)
        self.metadata = [("authorization", f"Bearer {token}")]

    async def lists(self):
        return await self.stub.ListVoices(pb.ListVoicesRequest(), metadata=self.metadata)

    async def speaks(self, method="Synthesize"):
        call = getattr(self.stub, method)
        return await call(getattr(pb, f"{method}Request")(**of_audio()), metadata=self.metadata)

    async def begins(self):
        """A live call that goes on."""
        call = self.stub.Resynthesize(metadata=self.metadata)
        await call.write(configuration())
        return call


async def status(awaitable):
    try:
        await awaitable
    except grpc.aio.AioRpcError as error:
        return error.code().name, error.details()
    return "OK", ""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(followed, "EVERY", 0.0)
    return tmp_path / "tokens.toml"


def serving(config, file, kind=Server, **changes):
    return running.serving(config, kind, tokens=file, **changes)


async def test_a_token_allows_what_its_scopes_say(config, file):
    file.write_text(table("radio", scopes='["synthesise"]') + table("editor", scopes='["list"]'), "utf-8")
    async with serving(config, file) as (_, channel):
        radio, editor = Caller(channel, "radio"), Caller(channel, "editor")
        assert len((await radio.speaks()).chunk.audio) == 2000
        assert await status(radio.lists()) == (
            "PERMISSION_DENIED",
            "the token of radio allows synthesise; this call needs list",
        )
        await editor.lists()
        assert (await status(editor.speaks()))[0] == "PERMISSION_DENIED"
        assert (await status(Caller(channel, "nobody").lists()))[0] == "UNAUTHENTICATED"


async def test_a_token_has_so_many_streams_and_others_have_theirs(config, file):
    file.write_text(table("radio", streams=1) + table("tv"), "utf-8")
    async with serving(config, file, live_streams=10) as (server, channel):
        radio, tv = Caller(channel, "radio"), Caller(channel, "tv")
        going_on = await radio.begins()
        await until(lambda: server.engine.live == 1)
        refused = await radio.begins()
        assert await status(refused.read()) == (
            "RESOURCE_EXHAUSTED",
            "radio has 1 live streams; it may have 1",
        )
        assert dict(await refused.trailing_metadata())["retry-after-ms"]
        await tv.begins()
        await until(lambda: server.engine.live == 2)
        going_on.cancel()
        await until(lambda: server.engine.live == 1)
        await radio.begins()
        await until(lambda: server.engine.live == 2)


async def test_the_audio_of_a_minute_is_counted(config, file):
    file.write_text(table("radio", seconds_a_minute=0.05), "utf-8")
    async with serving(config, file) as (_, channel):
        radio = Caller(channel, "radio")
        assert len((await radio.speaks()).chunk.audio) == 2000  # more than is left, but it had begun
        code, reason = await status(radio.speaks())
        assert code == "RESOURCE_EXHAUSTED"
        assert reason == "radio may have 0.05 seconds of audio a minute, and has had them"


@pytest.mark.parametrize("kind", [Server, ServerWithFrontEnds])
async def test_a_file_that_changes_is_read_again_and_ends_no_call(config, file, kind, monkeypatch):
    file.write_text(table("radio", requests_a_minute=3), "utf-8")
    workers = 2 if kind is ServerWithFrontEnds else 0
    async with serving(config, file, kind, workers=workers) as (server, channel):
        radio, tv = Caller(channel, "radio"), Caller(channel, "tv")
        call = await radio.begins()
        await until(lambda: server.engine.live == 1)
        assert (await status(tv.lists()))[0] == "UNAUTHENTICATED"
        replaced(file, table("radio", requests_a_minute=3) + table("tv"))
        await until_ok(tv.lists)
        replaced(file, "[tv")  # what cannot be used changes nothing
        await asyncio.sleep(1.1 if workers else 0)
        await tv.lists()
        assert (await status(radio.lists()))[0] == "OK"
        replaced(file, table("tv"))
        await until_refused(radio.lists)
        assert server.engine.live == 1 and not call.done()
        call.cancel()


async def test_what_a_token_has_spent_is_remembered_when_the_file_changes(config, file):
    file.write_text(table("radio", requests_a_minute=1), "utf-8")
    async with serving(config, file) as (_, channel):
        radio = Caller(channel, "radio")
        await radio.lists()
        replaced(file, table("radio", requests_a_minute=1) + table("tv"))
        await Caller(channel, "tv").lists()
        assert (await status(radio.lists()))[0] == "RESOURCE_EXHAUSTED"


async def test_a_server_with_a_file_that_cannot_be_used_does_not_start(config, file):
    file.write_text("[radio]\n", "utf-8")
    with pytest.raises(ValueError, match=r"tokens.toml: \[radio\] sha256 is missing"):
        async with serving(config, file):
            pass


def replaced(file, text):
    """As an operator should: nobody reads half of it."""
    new = file.with_suffix(".new")
    new.write_text(text, "utf-8")
    os.replace(new, file)


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def until_ok(call):
    async with asyncio.timeout(20):
        while (await status(call()))[0] != "OK":
            await asyncio.sleep(0.05)


async def until_refused(call):
    async with asyncio.timeout(20):
        while (await status(call()))[0] == "OK":
            await asyncio.sleep(0.05)
