"""Text is read aloud: the same bytes however it comes, no further ahead than it is heard, and refused in a sentence."""

import asyncio
import io

import grpc
import numpy as np
import pytest
import pytest_asyncio
import soundfile
from structlog.testing import capture_logs

from tests.server.calls import of_nothing, rest_of, streamed, whole
from tests.server.running import synthesizing
from tests.voices_for_tests import make_text_voice, tiny_voice
from wavesynth.engine.requests import InputReader, TextInput
from wavesynth.server.async_engine import AsyncStream
from wavesynth.server.followed import sign_of_folder
from wavesynth.server.limits import Limits
from wavesynth.server.served_voice import ServedVoice
from wavesynth.server.server import ServerConfig
from wavesynth.server.texts import Texts
from wavesynth.server.validation import TextToRead
from wavesynth.synthesizer import Synthesizer
from wavesynth.text import speech
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.voices.voice import load_voice, save_voice

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "Hello there, how are you? This is the second sentence."
LONG = " ".join(f"This is sentence number {word}." for word in ["one", "two", "three"] * 30)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readers")
    save_voice(folder / "reader", make_text_voice("reader"))
    tiny_voice(folder, "tiny", layers=3)
    tiny_voice(folder, "free", mel=False, layers=3)
    limits = Limits(text_characters=20_000)
    return ServerConfig(port=0, voices=folder, live_streams=4, threads=1, max_seconds=20, limits=limits)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stub(config):
    async with synthesizing(config) as (_, stub):
        yield stub


@pytest.fixture(scope="module")
def expected(config):
    """What the library makes of TEXT: its bytes, its words."""
    with Synthesizer(config.voices / "reader", threads=1) as synthesizer:
        stream = synthesizer.stream(text=TEXT, seed=3)
        samples = np.concatenate(list(stream))
    return (samples * 32768).astype(np.int16).tobytes(), stream.words


def of_text(text=TEXT, form=None, **synthesis):
    """Fields of a request for text to be read aloud."""
    conditioning = pb.Conditioning(text=pb.Text(text=text, format=form))
    return {"synthesis": pb.Synthesis(**{"seed": 3, **synthesis}), "conditioning": conditioning}


def written(pieces, form=None, **synthesis):
    """The messages of a Resynthesize call whose text comes in pieces."""
    config = pb.ResynthesizeConfig(
        synthesis=pb.Synthesis(**{"seed": 3, **synthesis}), text=form or pb.TextFormat()
    )
    yield pb.ResynthesizeRequest(config=config)
    for piece in pieces:
        yield pb.ResynthesizeRequest(text=piece)


async def read_aloud(stub, pieces, **synthesis):
    return [r.chunk async for r in stub.Resynthesize(written(pieces, **synthesis))]


def pcm(chunks):
    return b"".join(chunk.audio for chunk in chunks)


async def test_text_gives_the_librarys_bytes_in_every_call_and_however_it_is_cut(stub, expected):
    bytes_, _ = expected
    assert pcm(await streamed(stub, **of_text())) == bytes_
    assert (await whole(stub, **of_text())).audio == bytes_
    assert pcm(await read_aloud(stub, [TEXT])) == bytes_
    assert pcm(await read_aloud(stub, list(TEXT))) == bytes_


async def test_with_front_ends_of_their_own_the_bytes_are_the_same(config, expected):
    async with synthesizing(config, workers=2) as (_, stub):
        chunks = await streamed(stub, **of_text())
        assert pcm(chunks) == expected[0]
        assert pcm(await read_aloud(stub, [TEXT[:9], TEXT[9:]])) == expected[0]
        assert [word.text for chunk in chunks for word in chunk.words] == [w.text for w in expected[1]]


async def test_a_chunk_names_the_words_that_begin_in_it(stub, expected):
    chunks = await streamed(stub, **of_text())
    found = [(chunk, word) for chunk in chunks for word in chunk.words]
    for chunk, word in found:
        assert chunk.first_sample <= word.first_sample < chunk.first_sample + len(chunk.audio) // 2
        assert TEXT[word.begin : word.end] == word.text
    as_plain = [(w.text, w.begin, w.end, w.first_sample, w.end_sample) for _, w in found]
    assert as_plain == [(w.text, w.begin, w.end, w.first_sample, w.end_sample) for w in expected[1]]


async def test_the_marks_of_ssml_come_with_the_audio(stub):
    text = '<speak>Hello <mark name="here"/>there <mark name="end"/></speak>'
    chunks = await streamed(stub, **of_text(text, pb.TextFormat(markup=pb.TEXT_MARKUP_SSML)))
    marks = [(mark.name, mark.first_sample) for chunk in chunks for mark in chunk.marks]
    words = {word.text: word for chunk in chunks for word in chunk.words}
    assert [name for name, _ in marks] == ["here", "end"]
    assert words["Hello"].end_sample <= marks[0][1] <= words["there"].first_sample
    assert marks[1][1] <= len(pcm(chunks)) // 2


async def test_a_broken_call_goes_on_at_any_sample_with_the_same_bytes(stub, expected):
    bytes_, words = expected
    first = words[4].first_sample
    chunks = await streamed(stub, **of_text(first_sample=first))
    assert pcm(chunks) == bytes_[2 * first :]
    assert chunks[0].first_sample == first
    assert [word.text for chunk in chunks for word in chunk.words] == [word.text for word in words[4:]]


async def test_rate_pitch_and_pronunciations_are_heeded(stub, expected):
    faster = pcm(await streamed(stub, **of_text(form=pb.TextFormat(rate=2))))
    assert len(faster) < 0.7 * len(expected[0])
    higher = pcm(await streamed(stub, **of_text(form=pb.TextFormat(pitch=1.5))))
    other = pcm(await streamed(stub, **of_text(form=pb.TextFormat(pronunciations={"there": "hˈɪɹ"}))))
    assert len({expected[0], higher, other}) == 3


async def test_text_without_a_voice_is_read_by_one_that_takes_text(stub, expected):
    voices = {voice.name: voice.text for voice in (await stub.ListVoices(pb.ListVoicesRequest())).voices}
    assert voices == {"reader": True, "tiny": False, "free": False}
    assert pcm(await streamed(stub, **of_text(voice="reader"))) == expected[0]
    assert (await whole(stub, **of_nothing(0.01))).audio  # other sources are not touched


async def test_the_whole_may_come_as_a_file_since_its_length_is_known(stub, expected):
    audio = (await whole(stub, **of_text(encoding=pb.ENCODING_WAV))).audio
    samples, rate = soundfile.read(io.BytesIO(audio), dtype="int16")
    assert (samples.tobytes(), rate) == (expected[0], 16000)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (of_text(""), "text is ''; it must be at least one word"),
        (of_text(" \n "), "it must be at least one word"),
        (of_text("?!"), "text has nothing that can be said; it must have a word, a number"),
        (of_text("a " * 10_001), "text has 20002 characters; a call may have 20000 at most"),
        (of_text(form=pb.TextFormat(rate=9)), "rate is 9.0; it must be a number from 0.25 to 4"),
        (of_text(form=pb.TextFormat(pitch=0.1)), "pitch is 0.1; it must be a number from 0.5 to 2"),
        (of_text(form=pb.TextFormat(markup=7)), "text.format.markup is 7; it must be from 0 to 2"),
        (of_text(voice="tiny"), "voice tiny takes no text; those that do are reader (en)"),
        (
            of_text(encoding=pb.ENCODING_FLAC),
            "a call of unknown length takes ENCODING_PCM16 or ENCODING_MULAW",
        ),
    ],
)
async def test_what_cannot_be_read_is_refused_in_a_sentence(stub, fields, sentence):
    chunks = []
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        async for response in stub.StreamSynthesize(pb.StreamSynthesizeRequest(**fields)):
            chunks.append(response)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert sentence in refused.value.details()
    assert not chunks


@pytest.mark.parametrize(
    ("text", "markup"),
    [("<speak>" + LONG + "<oops></speak>", pb.TEXT_MARKUP_SSML), (LONG + " Привет.", pb.TEXT_MARKUP_PLAIN)],
)
async def test_nothing_is_said_of_a_text_whose_end_cannot_be_read(stub, text, markup):
    call = stub.StreamSynthesize(pb.StreamSynthesizeRequest(**of_text(text, pb.TextFormat(markup=markup))))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        assert not await rest_of(call)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_text_that_makes_too_much_audio_ends_with_a_status(stub):
    heard = 0
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        async for response in stub.StreamSynthesize(pb.StreamSynthesizeRequest(**of_text(LONG))):
            heard += len(response.chunk.audio) // 2
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "seconds of audio; at most 20 are allowed" in refused.value.details()
    assert 17 * 16000 < heard <= 20 * 16000


async def test_a_voice_speaks_while_the_text_is_written(stub):
    more = asyncio.Event()

    async def messages():
        for message in written(["Hello there, how are you? This is "]):
            yield message
        await more.wait()
        yield pb.ResynthesizeRequest(text="the second sentence.")

    call = stub.Resynthesize(messages())
    response = await asyncio.wait_for(call.read(), 30)
    assert response.chunk.audio
    more.set()
    assert await rest_of(call)


async def test_text_in_a_call_for_audio_is_refused(stub):
    messages = [
        pb.ResynthesizeRequest(config=pb.ResynthesizeConfig(text=pb.TextFormat())),
        pb.ResynthesizeRequest(audio=bytes(640)),
    ]
    with pytest.raises(
        grpc.aio.AioRpcError, match="message 2 is audio; after the configuration all must be text"
    ):
        await rest_of(stub.Resynthesize(iter(messages)))


async def test_a_text_is_made_no_further_than_a_second_ahead_of_the_engine(config):
    voice = ServedVoice.of(
        load_voice(config.voices / "reader"),
        folder=config.voices / "reader",
        sign=sign_of_folder(config.voices / "reader"),
    )
    given, texts = TextInput(LONG), Texts(20_000)
    text = await texts.open(TextToRead(voice, given, InputReader(given, voice)), 0)
    await text.push(LONG)
    await text.finish()
    engine = Standing()
    stream = AsyncStream(engine)
    feeding = asyncio.create_task(text.feed(stream))
    for second in range(3):
        engine.samples_made = 16000 * second
        stream.wake()
        while engine.given <= engine.samples_made + 12000:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert engine.given <= engine.samples_made + 16000
    feeding.cancel()
    texts.close()


class Standing:
    """A stream of an engine that makes what it is told to."""

    samples_made, given = 0, 0

    def push(self, piece):
        self.given += 160 * len(piece)


async def test_a_text_is_not_read_on_when_its_caller_leaves(stub, made):
    call = stub.StreamSynthesize(pb.StreamSynthesizeRequest(**of_text(LONG)))
    assert (await call.read()).chunk.audio
    call.cancel()
    assert await standing(made) < 19


async def standing(made):
    """Waits until no more log-mel is made, and returns how much was."""
    before = -1.0
    while made.seconds != before:
        before = made.seconds
        await asyncio.sleep(0.3)
    return before


@pytest.fixture
def made(monkeypatch):
    """Counts the seconds of log-mel that texts have made."""
    counter, make = Counter(), speech.TextSpeech.next

    def counting(self):
        piece = make(self)
        counter.seconds += 0 if piece is None else len(piece.frames) / 100
        return piece

    monkeypatch.setattr(speech.TextSpeech, "next", counting)
    return counter


class Counter:
    seconds = 0.0


async def test_the_log_has_no_word_of_a_text(stub):
    secret = "<speak>Xyzzy <phoneme ph='✗'>xyzzy</phoneme></speak>"
    with capture_logs() as logs:
        with pytest.raises(grpc.aio.AioRpcError):
            await streamed(stub, **of_text(secret, pb.TextFormat(markup=pb.TEXT_MARKUP_SSML)))
        await streamed(stub, **of_text("Xyzzy."))
    assert [line.get("reason") for line in logs] == ["the text cannot be read", None]
    assert "xyzzy" not in str(logs).lower()
