"""What a caller gives is sent as what it means, whatever its type, and however long it is."""

import hashlib
from typing import Any

import numpy as np
import pytest

from wavesynth.clients import AsyncClient, Client, InvalidRequestError, calls, inputs
from wavesynth.clients.inputs import check_input
from wavesynth.clients.messages import float32_bytes, synthesis_of
from wavesynth.v1 import synthesis_pb2 as pb

LEVELS = np.random.default_rng(0).integers(-100, 101, 5000)
CLIP = LEVELS / 128


@pytest.fixture
def client(address):
    with Client(address) as client:
        yield client


TYPES = {
    "int8": LEVELS.astype(np.int8),
    "uint8": (LEVELS + 128).astype(np.uint8),
    "big-endian int16": (LEVELS * 256).astype(">i2"),
    "int32": (LEVELS * 2**24).astype(np.int32),
    "int64": LEVELS * 256,
    "a list": (LEVELS * 256).tolist(),
    "a list of floats": CLIP.tolist(),
    "float16": CLIP.astype(np.float16),
    "big-endian float32": CLIP.astype(">f4"),
}


def test_samples_of_every_type_say_the_same(client):
    expected = client.synthesize(audio=CLIP[:1000]).pcm
    for name, audio in TYPES.items():
        assert client.synthesize(audio=audio[:1000]).pcm == expected, name
    spoken = client.resynthesize([audio[i : i + 100] for i, audio in enumerate(TYPES.values())])
    pieces = np.concatenate([CLIP[i : i + 100] for i in range(len(TYPES))])
    assert np.array_equal(np.concatenate(list(spoken)), client.synthesize(audio=pieces).samples)


async def test_another_scale_is_refused_before_anything_is_sent(client, address):
    sentence = "audio has floating-point samples of up to 25600; they must be within ±1"
    with pytest.raises(ValueError, match=sentence):
        client.stream(audio=CLIP * 32768)
    with pytest.raises(ValueError, match="audio has int64 samples from -3276800 to 3276800"):
        client.synthesize(audio=LEVELS * 32768)
    with pytest.raises(ValueError, match=sentence):
        list(client.resynthesize([CLIP, CLIP * 32768]))
    with pytest.raises(ValueError, match="audio has NaN or infinite samples; they must be finite"):
        list(client.resynthesize([CLIP, [np.nan]]))
    async with AsyncClient(address) as asynchronous:
        with pytest.raises(ValueError, match=sentence):
            async for _ in asynchronous.resynthesize([CLIP, CLIP * 32768]):
                pass


def test_overshoot_is_clipped(client):
    hot = 1.5 * CLIP
    assert abs(hot).max() > 1
    assert client.synthesize(audio=hot[:1000]).pcm == client.synthesize(audio=hot[:1000].clip(-1, 1)).pcm


RAMP = np.arange(-500, 500) / 512
GOLDEN: dict[str, tuple[dict[str, Any], str]] = {
    "float64": ({"audio": RAMP}, "41aed56fc5ebae26"),
    "float32": ({"audio": RAMP.astype("f4"), "sample_rate": 44100}, "3469d8842d9575d2"),
    "int16": ({"audio": (RAMP * 32768).astype(np.int16)}, "aa414a566842bad2"),
    "list": ({"audio": [0.5, -0.25]}, "4517bbc7cf57ce9e"),
    "mel": ({"mel": np.arange(160).reshape(2, 80) / 100}, "53af371e0a2d2c19"),
    "seconds": ({"seconds": 0.25}, "2309a125f29e97d2"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_request_has_the_bytes_that_it_always_had(name):
    options, digest = GOLDEN[name]
    synthesis = synthesis_of("tiny", {"seed": 3, "temperature": 0.5, "first_sample": 7, **options})
    request = pb.StreamSynthesizeRequest(
        synthesis=synthesis, conditioning=check_input(options).conditioning()
    )
    assert hashlib.sha256(request.SerializeToString(deterministic=True)).hexdigest()[:16] == digest


def test_so_has_a_piece_from_a_microphone():
    for audio in (RAMP, RAMP.astype("f4"), (RAMP * 32768).astype(np.int16)):
        assert hashlib.sha256(float32_bytes(audio)).hexdigest()[:16] == "44835d78ba95b430"


LONG = {
    "float": {"audio": CLIP, "sample_rate": 16000},
    "16 bits": {"audio": (CLIP * 32768).astype(np.int16)},
    "another rate": {"audio": CLIP, "sample_rate": 11025},
    "from a later sample": {"audio": CLIP, "first_sample": 1234},
    "mel": {"mel": np.random.default_rng(0).normal(0, 0.5, (40, 80))},
}


@pytest.fixture
def without(monkeypatch):
    """Takes methods of the service away from the clients that are made from now on."""
    make = calls.SynthesisServiceStub

    def without(*methods):
        def stub(channel):
            made = make(channel)
            for method in methods:
                delattr(made, method)
            return made

        monkeypatch.setattr(calls, "SynthesisServiceStub", stub)

    return without


@pytest.fixture
def small_messages(monkeypatch):
    monkeypatch.setattr(inputs, "MAX_MESSAGE", inputs.MESSAGE_OVERHEAD + 6000)
    monkeypatch.setattr(inputs, "PIECE_BYTES", 1111)
    monkeypatch.setattr(inputs, "SINGLE_MESSAGE_BYTES", 4000)


@pytest.mark.parametrize("name", LONG)
async def test_what_is_too_long_for_a_message_goes_in_pieces_and_gives_the_same(
    client, address, name, request, without
):
    options = LONG[name]
    expected = client.synthesize(seed=5, **options)
    request.getfixturevalue("small_messages")
    assert not check_input(options).single_message
    without("StreamSynthesize", "Synthesize")
    with Client(address) as client:
        made = [client.synthesize(seed=5, **options)]
        call = client.stream(seed=5, **options)
        assert b"".join(chunk.pcm for chunk in call.chunks()) == expected.pcm
    async with AsyncClient(address) as asynchronous:
        made.append(await asynchronous.synthesize(seed=5, **options))
        chunks = [chunk.pcm async for chunk in asynchronous.stream(seed=5, **options).chunks()]
        assert b"".join(chunks) == expected.pcm
    for whole in made:
        assert whole.pcm == expected.pcm and np.array_equal(whole.samples, expected.samples)
        assert whole.statistics.samples == expected.statistics.samples
        assert (whole.first_sample, whole.sample_rate) == (expected.first_sample, 16000)


@pytest.mark.parametrize(
    ("voice", "options"),
    [
        ("free", {"seconds": 0.3}),
        ("tiny", {"audio": (CLIP[:1400] * 32768).astype(np.int16), "sample_rate": 8000}),
    ],
)
async def test_audio_that_is_too_long_for_a_response_comes_in_pieces(
    client, address, voice, options, monkeypatch, without
):
    expected = client.synthesize(voice, **options).pcm
    monkeypatch.setattr(inputs, "MAX_MESSAGE", inputs.MESSAGE_OVERHEAD + len(expected) - 2)
    monkeypatch.setattr(inputs, "SINGLE_MESSAGE_BYTES", 2000)
    monkeypatch.setattr(inputs, "SURE_SECONDS", 0)
    without("Synthesize")
    with Client(address) as client:
        assert client.synthesize(voice, **options).pcm == expected
    async with AsyncClient(address) as asynchronous:
        assert (await asynchronous.synthesize(voice, **options)).pcm == expected


async def test_what_is_longer_than_a_call_may_make_is_refused_before_it_is_made(
    client, address, server, request
):
    request.getfixturevalue("small_messages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server.requests, "max_seconds", 0.25)
        server.requests.serve(list(server.requests.voices.values()))  # the list of voices says so
        sentence = "audio makes 0.3125 seconds of audio; at most 0.25 are allowed"
        for call in (client.stream, client.synthesize):
            with pytest.raises(InvalidRequestError, match=sentence):
                call(audio=CLIP)
        with pytest.raises(InvalidRequestError, match=r"mel makes 0\.4 seconds of audio; at most 0\.25"):
            client.stream(mel=np.zeros((40, 80)))
        async with AsyncClient(address) as asynchronous:
            with pytest.raises(InvalidRequestError, match=sentence):
                await asynchronous.synthesize(audio=CLIP)
            with pytest.raises(InvalidRequestError, match=sentence):
                async for _ in asynchronous.stream(audio=CLIP):
                    pass
    server.requests.serve(list(server.requests.voices.values()))


def test_a_piece_is_made_when_it_is_asked_for(small_messages):
    pieces = check_input(LONG["float"]).requests(synthesis_of("", {}))
    assert next(pieces).HasField("config")
    sizes = [len(piece.audio) for piece in pieces]
    assert sum(sizes) == 4 * len(CLIP) and max(sizes) <= 1111
