"""Voices, models of images, tokens and certificates that are read again while calls go on."""

import asyncio
import shutil
import weakref

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.server import running
from tests.server.calls import clip, configuration, of_audio, rest_of, stream_bytes
from tests.voices_for_tests import tiny_voice
from wavesynth.engine.stream import ClosedError, EngineRequest
from wavesynth.server import followed
from wavesynth.server.processes.supervisor import ServerWithFrontEnds
from wavesynth.server.server import Server
from wavesynth.server.tokens import hash_of
from wavesynth.v1 import admin_pb2
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.admin_pb2_grpc import AdminServiceStub
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: A server of one process, and one with front ends.
KINDS = [(Server, 0), (ServerWithFrontEnds, 2)]


@pytest.fixture
def folder(tmp_path):
    """Voices of which a test may change some: going and staying."""
    tiny_voice(tmp_path / "voices", "going")
    tiny_voice(tmp_path / "voices", "staying", layers=3)
    return tmp_path / "voices"


def serving(config, folder, kind=Server, workers=0, **changes):
    return running.serving(config, kind, voices=folder, workers=workers, **changes)


async def listed(channel):
    return [
        voice.name
        for voice in (await SynthesisServiceStub(channel).ListVoices(pb.ListVoicesRequest())).voices
    ]


async def begun(channel, voice="going"):
    """A live call that has been heard a little of."""
    call = SynthesisServiceStub(channel).Resynthesize()
    await call.write(configuration(voice=voice))
    await call.write(pb.ResynthesizeRequest(audio=clip(1600).tobytes()))
    return call, (await call.read()).chunk.audio


async def ended(call, heard):
    """All bytes of such a call, which ends now."""
    await call.write(pb.ResynthesizeRequest(audio=clip(1600, seed=1).tobytes()))
    await call.done_writing()
    return heard + b"".join(chunk.audio for chunk in await rest_of(call))


@pytest.mark.parametrize(("kind", "workers"), KINDS)
async def test_a_stream_goes_on_with_the_voice_that_it_began_with_and_new_calls_get_the_new_one(
    config, folder, kind, workers
):
    async with serving(config, folder, kind, workers) as (server, channel):
        stub = SynthesisServiceStub(channel)
        as_before = await ended(*await begun(channel))
        old = await stream_bytes(stub, **of_audio(voice="going"))
        call = await begun(channel)
        tiny_voice(folder, "going", layers=5)
        made = await server.reload()
        assert (made.voices.replaced, made.voices.added, made.voices.removed) == (["going"], [], [])
        assert made.problems == []
        new = await stream_bytes(stub, **of_audio(voice="going"))
        assert await ended(*call) == as_before
    async with serving(config, folder) as (_, channel):
        assert await stream_bytes(SynthesisServiceStub(channel), **of_audio(voice="going")) == new != old


async def test_a_voice_comes_and_another_goes_whose_stream_does_not_end(config, folder):
    async with serving(config, folder) as (server, channel):
        as_before = await ended(*await begun(channel))
        call = await begun(channel)
        shutil.rmtree(folder / "going")
        tiny_voice(folder, "coming")
        made = await server.reload()
        assert (made.voices.added, made.voices.replaced, made.voices.removed) == (["coming"], [], ["going"])
        assert await listed(channel) == ["coming", "staying"]
        stub = SynthesisServiceStub(channel)
        assert len(await stream_bytes(stub, **of_audio(voice="coming"))) == 2000
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stream_bytes(stub, **of_audio(voice="going"))
        assert error.value.code() == grpc.StatusCode.NOT_FOUND
        assert await ended(*call) == as_before


async def test_of_a_folder_that_is_broken_what_was_there_before_stays(config, folder):
    async with serving(config, folder) as (server, channel):
        stub = SynthesisServiceStub(channel)
        before = await stream_bytes(stub, **of_audio(voice="going"))
        (folder / "going" / "weights.safetensors").write_bytes(b"broken")
        shutil.copytree(folder / "going", folder / "new")
        made = await server.reload()
        assert made.voices.added == made.voices.replaced == made.voices.removed == []
        stays, left_out = sorted(made.problems, key=lambda problem: "/new/" in problem)
        assert "/going/weights.safetensors" in stays and stays.endswith("; what was there before stays")
        assert "/new/weights.safetensors" in left_out
        assert await stream_bytes(stub, **of_audio(voice="going")) == before
        tiny_voice(folder, "going", layers=5)
        assert (await server.reload()).voices.replaced == ["going"]


async def test_without_any_voice_all_stay(config, folder):
    async with serving(config, folder) as (server, channel):
        folder.rename(folder.with_name("elsewhere"))
        (problem,) = (await server.reload()).problems
        assert "holds no voices" in problem
        assert await listed(channel) == ["going", "staying"]


async def test_a_call_that_was_checked_before_still_begins_and_then_the_old_voice_is_forgotten(
    config, folder
):
    async with serving(config, folder) as (server, _):
        engine, before = server.engine, server.reload.snapshot.editions
        request = EngineRequest("going", "audio", edition=before["going"])
        plane = weakref.ref(engine.planes["going"])
        tiny_voice(folder, "going", layers=5)
        await server.reload()
        stream = engine.open(request)
        assert stream.plane is plane()
        engine.forget_replaced(before)  # there is a newer reload
        engine.open(request).cancel()
        engine.forget_replaced(server.reload.snapshot.editions)
        with pytest.raises(ClosedError, match="voice going has just been replaced or removed; call again"):
            engine.open(request)
        stream.cancel()
        del stream
        async with asyncio.timeout(20):
            while plane() is not None:  # a worker may still look at it
                await asyncio.sleep(0.01)


def by(token):
    return [("authorization", f"Bearer {token}")]


def tokens(**scopes):
    return "".join(f'[{name}]\nsha256 = "{hash_of(name)}"\n{rest}\n' for name, rest in scopes.items())


@pytest.mark.parametrize(("kind", "workers"), KINDS)
async def test_who_has_the_scope_reloads_and_is_told_what_has_changed(
    config, folder, tmp_path, kind, workers
):
    file = tmp_path / "tokens.toml"
    file.write_text(tokens(operator='scopes = ["admin"]', radio=""), "utf-8")
    async with serving(config, folder, kind, workers, tokens=file) as (_, channel):
        stub = AdminServiceStub(channel)
        for token, code in (("radio", "PERMISSION_DENIED"), ("nobody", "UNAUTHENTICATED")):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await stub.Reload(admin_pb2.ReloadRequest(), metadata=by(token))
            assert error.value.code().name == code
        tiny_voice(folder, "coming")
        made = await stub.Reload(admin_pb2.ReloadRequest(), metadata=by("operator"))
        assert list(made.voices.added) == ["coming"] and list(made.files) == [str(file)]
        assert not made.problems


@pytest.mark.parametrize("token", [None, "secret"])
async def test_without_a_file_of_tokens_nobody_reloads(config, folder, token):
    async with serving(config, folder, token=token) as (_, channel):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await AdminServiceStub(channel).Reload(admin_pb2.ReloadRequest(), metadata=by(token))
        assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert "needs " in error.value.details() and "admin" in error.value.details()


async def test_tokens_are_read_again_at_once_and_those_before_stay_if_they_cannot_be(
    config, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(followed, "EVERY", 1e9)  # the file is not looked at otherwise
    file = tmp_path / "tokens.toml"
    file.write_text(tokens(before=""), "utf-8")
    async with serving(config, folder, tokens=file) as (server, channel):
        stub = SynthesisServiceStub(channel)
        file.write_text(tokens(after=""), "utf-8")
        assert (await server.reload()).files == [str(file)]
        await stub.ListVoices(pb.ListVoicesRequest(), metadata=by("after"))
        file.write_text("[broken", "utf-8")
        made = await server.reload()
        assert made.files == [] and "tokens.toml is not TOML" in made.problems[0]
        await stub.ListVoices(pb.ListVoicesRequest(), metadata=by("after"))
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.ListVoices(pb.ListVoicesRequest(), metadata=by("before"))


async def test_reloads_come_one_after_the_other(config, folder):
    async with serving(config, folder) as (server, _):
        tiny_voice(folder, "coming")
        made = await asyncio.gather(*(server.reload() for _ in range(3)))
        assert [one.voices.added for one in made] == [["coming"], [], []]


async def test_health_tells_of_each_voice_as_long_as_it_is_served(config, folder):
    def request(voice):
        return health_pb2.HealthCheckRequest(service=f"wavesynth.v1.SynthesisService/{voice}")

    async with serving(config, folder) as (server, channel):
        stub, status = HealthStub(channel), health_pb2.HealthCheckResponse
        watched = stub.Watch(request("coming"))
        assert (await watched.read()).status == status.SERVICE_UNKNOWN
        assert (await stub.Check(request("going"))).status == status.SERVING
        tiny_voice(folder, "coming")
        shutil.rmtree(folder / "going")
        await server.reload()
        async with asyncio.timeout(20):
            assert (await watched.read()).status == status.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stub.Check(request("going"))
        assert error.value.code() == grpc.StatusCode.NOT_FOUND
        assert "staying" not in error.value.details()
        watched.cancel()
