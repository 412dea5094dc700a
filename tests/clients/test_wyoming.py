"""The Wyoming protocol, with the client of its own package: as Home Assistant speaks it."""

import asyncio
import json
import signal
import sys
from contextlib import asynccontextmanager, suppress

import pytest
from typer.testing import CliRunner

from tests.voices_for_tests import make_text_voice, tiny_voice
from wavesynth.cli import app
from wavesynth.clients import Client
from wavesynth.clients.aio import AsyncClient
from wavesynth.voices.voice import save_voice

pytest.importorskip("wyoming", reason="needs wyoming: pip install '.[wyoming]'")

from wyoming.client import AsyncTcpClient
from wyoming.info import Describe, Info
from wyoming.ping import Ping
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeVoice

from wavesynth.clients.wyoming_server import serve_wyoming

TEXT = "Every word is said. And so is the next one."
LONG = "And so is the next one. " * 200


@pytest.fixture(scope="module")
def server(serve, tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices")
    save_voice(folder / "reader", make_text_voice())
    tiny_voice(folder, "tiny")
    with serve(voices=folder) as server:
        yield server


@asynccontextmanager
async def speaker(server):
    """A client of a Wyoming server of the service."""
    async with (
        AsyncClient(f"localhost:{server.port}") as client,
        serve_wyoming(client, "127.0.0.1", 0, "1.2.3") as port,
        asyncio.timeout(120),
        AsyncTcpClient("127.0.0.1", port) as wyoming,
    ):
        wyoming.port = port
        yield wyoming


async def events(client, last):
    """The events until one of the types `last`, by type, and the audio."""
    kinds, audio = [], b""
    while (event := await client.read_event()) is not None:
        if not kinds or kinds[-1] != event.type:
            kinds.append(event.type)
        if event.type == "audio-chunk":
            audio += event.payload
            assert (event.data["rate"], event.data["width"], event.data["channels"]) == (16000, 2, 1)
        if event.type in last:
            return kinds, audio, event
    return kinds, audio, None


def of_grpc(server, text=TEXT):
    with Client(f"localhost:{server.port}") as client:
        return b"".join(chunk.pcm for chunk in client.stream(text=text, voice="reader").chunks())


async def test_the_voices_that_take_text_are_described(server):
    async with speaker(server) as client:
        await client.write_event(Describe().event())
        info = Info.from_event(await client.read_event())
        await client.write_event(Ping(text="here").event())
        assert (await client.read_event()).data["text"] == "here"
    (program,) = info.tts
    assert [(voice.name, voice.languages) for voice in program.voices] == [("reader", ["en"])]
    assert program.supports_synthesize_streaming and program.version == "1.2.3"


@pytest.mark.parametrize("voice", [None, {"name": "reader"}, {"language": "en_US"}, {"language": "xx"}])
async def test_a_text_is_read_as_over_grpc(server, voice):
    async with speaker(server) as client:
        await client.write_event(Synthesize(TEXT, voice=voice and SynthesizeVoice(**voice)).event())
        kinds, audio, last = await events(client, {"audio-stop", "error"})
    assert kinds == ["audio-start", "audio-chunk", "audio-stop"], last
    assert audio == await asyncio.to_thread(of_grpc, server)


async def test_a_text_is_read_while_it_is_written_as_if_it_were_whole(server):
    async with speaker(server) as client:
        await client.write_event(SynthesizeStart(voice=SynthesizeVoice(name="reader")).event())
        for word in TEXT.split(" "):
            await client.write_event(SynthesizeChunk(f"{word} ").event())
        await client.write_event(Synthesize(TEXT).event())  # for those who cannot take it in pieces
        await client.write_event(SynthesizeStop().event())
        kinds, audio, last = await events(client, {"synthesize-stopped", "error"})
        assert kinds == ["audio-start", "audio-chunk", "audio-stop", "synthesize-stopped"], last
        assert audio == await asyncio.to_thread(of_grpc, server)
        await client.write_event(Synthesize("Again.").event())  # and the connection goes on
        assert (await events(client, {"audio-stop", "error"}))[0][-1] == "audio-stop"


async def test_sound_comes_before_the_text_ends(server):
    async with speaker(server) as client:
        await client.write_event(SynthesizeStart().event())
        await client.write_event(SynthesizeChunk("The first sentence is here. And more ").event())
        kinds, _, _ = await events(client, {"audio-chunk", "error"})
        assert kinds == ["audio-start", "audio-chunk"]


@pytest.mark.parametrize(
    ("asked", "code", "sentence"),
    [
        (Synthesize(TEXT, voice=SynthesizeVoice(name="nobody")), "NOT_FOUND", "the voices are reader, tiny"),
        (Synthesize(TEXT, voice=SynthesizeVoice(name="tiny")), "INVALID_ARGUMENT", "takes no text"),
        (Synthesize(" "), "INVALID_ARGUMENT", "text"),
        (Synthesize(3), "INVALID_ARGUMENT", ""),
        (Synthesize("<speak>", text_format="ssml"), "INVALID_ARGUMENT", ""),
    ],
)
async def test_what_cannot_be_read_is_said_and_the_connection_ends(server, asked, code, sentence):
    async with speaker(server) as client:
        await client.write_event(asked.event())
        _, audio, last = await events(client, {"error"})
        assert last is not None and last.data["code"] == code and sentence in last.data["text"] and not audio
        assert await client.read_event() is None


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\n",
        b"[]\n",
        b"{}\n",
        b"[" * 60_000 + b"\n",
        b"x" * 100_000,
        json.dumps({"type": "synthesize", "data_length": 1 << 40}).encode() + b"\n",
    ],
)
async def test_what_is_no_event_ends_its_connection_alone(server, sent):
    async with speaker(server) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(sent)
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        await client.write_event(Describe().event())
        assert Info.is_type((await client.read_event()).type)


async def test_a_caller_who_leaves_ends_the_call(server):
    for asked in ([Synthesize(LONG)], [SynthesizeStart(), SynthesizeChunk(LONG)]):
        async with speaker(server) as client:
            for event in asked:
                await client.write_event(event.event())
            await events(client, {"audio-chunk"})
            assert server.engine.live == 1
            await client.disconnect()
            while server.engine.live:
                await asyncio.sleep(0.02)


def test_other_machines_are_let_in_only_when_that_is_said():
    result = CliRunner().invoke(app, ["wyoming", "--host", "0.0.0.0"])
    assert result.exit_code == 1 and "give --insecure" in result.output


def test_a_service_without_a_voice_that_reads_is_refused(serve):
    with serve() as server:
        result = CliRunner().invoke(app, ["wyoming", "--port", "0", "--address", f"localhost:{server.port}"])
    assert result.exit_code == 1 and "has no voice that takes text" in result.output


async def test_the_command_says_where_it_listens_and_ends_well(server):
    command = "from wavesynth.cli import main; main()"
    arguments = ["wyoming", "--port", "0", "--address", f"localhost:{server.port}"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", command, *arguments, stdout=asyncio.subprocess.PIPE
    )
    line = (await process.stdout.readline()).decode()
    address, _, voices = line.removeprefix("listening on 127.0.0.1:").partition(", for ")
    async with asyncio.timeout(120), AsyncTcpClient("127.0.0.1", int(address)) as client:
        await client.write_event(Synthesize(TEXT).event())
        kinds, _, _ = await events(client, {"audio-stop", "error"})
    process.send_signal(signal.SIGTERM)
    assert kinds[-1] == "audio-stop" and voices.strip() == "reader"
    assert await process.wait() == 0
