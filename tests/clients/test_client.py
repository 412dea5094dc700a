"""The client: the service's audio as arrays, its errors as sentences, and no call left behind."""

import time

import numpy as np
import pytest

from wavesynth.clients.client import Client, ServiceError

CLIP = np.random.default_rng(0).uniform(-0.3, 0.3, 1000).astype(np.float32)


@pytest.fixture
def client(address):
    with Client(address) as client:
        yield client


def eventually(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def test_chunks_together_are_the_whole(client):
    call = client.stream(audio=CLIP, seed=4)
    together = np.concatenate(list(call))
    whole = client.synthesize(audio=CLIP, seed=4)
    assert together.dtype == np.float32
    assert np.array_equal(together, whole.samples)
    assert np.array_equal(np.frombuffer(whole.pcm, "<i2"), whole.samples * 32768)
    assert call.statistics.samples == whole.statistics.samples == 1000


def test_chunks_carry_their_place(client):
    chunks = list(client.stream(audio=CLIP, first_sample=500).chunks())
    assert chunks[0].first_sample == 500
    assert sum(len(chunk.samples) for chunk in chunks) == 500
    assert [chunk.statistics is None for chunk in chunks[:-1]] == [True] * (len(chunks) - 1)
    assert {chunk.sample_rate for chunk in chunks} == {16000}


def test_a_microphone_gets_what_a_recording_gets(client):
    spoken = np.concatenate(list(client.resynthesize(np.split(CLIP, [1, 300, 301]), seed=4)))
    assert np.array_equal(spoken, client.synthesize(audio=CLIP, seed=4).samples)


def test_16_bit_input_is_the_same_as_its_values(client):
    whole = (CLIP * 32768).astype(np.int16)
    assert client.synthesize(audio=whole).pcm == client.synthesize(audio=whole / np.float32(32768)).pcm


def test_mel_and_duration_make_as_much_as_they_say(client):
    assert len(client.synthesize(mel=np.zeros((3, 80))).samples) == 480
    assert len(client.synthesize("free", seconds=0.05).samples) == 800
    assert len(client.synthesize(audio=CLIP, sample_rate=8000).samples) == 2000


def test_voices_are_named(client):
    response = client.voices()
    assert [voice.name for voice in response.voices] == ["free", "tiny"]
    assert response.default_voice == "tiny"


@pytest.mark.parametrize("leave", ["break", "close", "with", "client"])
def test_leaving_a_call_cancels_it(address, server, leave):
    def microphone():
        while True:
            yield np.zeros(160, np.float32)
            time.sleep(0.01)

    with Client(address) as client:
        call = client.resynthesize(microphone())
        if leave == "break":
            for _ in call:
                break
        else:
            chunks = iter(call)
            next(chunks)
            assert server.engine.live == 1
            if leave == "close":
                call.close()
            elif leave == "with":
                with call:
                    pass
            else:
                client.close()
        eventually(lambda: server.engine.live == 0)


def test_errors_are_the_services_sentences(client):
    with pytest.raises(ServiceError, match="voice is 'nobody'; the voices are free, tiny") as error:
        list(client.stream("nobody", audio=CLIP))
    assert error.value.code == "NOT_FOUND"
    with pytest.raises(ServiceError, match=r"temperature is 9\.0") as error:
        client.synthesize(audio=CLIP, temperature=9)
    assert error.value.code == "INVALID_ARGUMENT"


def test_a_full_service_says_when_to_come_back(client):
    endless = [iter(client.stream("free", seconds=600)) for _ in range(2)]
    for samples in endless:
        next(samples)
    with pytest.raises(ServiceError) as error:
        list(client.stream("free", seconds=1))
    assert error.value.code == "RESOURCE_EXHAUSTED"
    assert 0.1 <= error.value.retry_after <= 10
    for samples in endless:
        samples.close()


def test_what_a_microphone_raises_the_stream_raises(client):
    def broken():
        yield CLIP
        raise OSError("unplugged")

    with pytest.raises(OSError, match="unplugged"):
        list(client.resynthesize(broken()))


def test_nobody_there_is_a_service_error():
    with Client("localhost:1") as client, pytest.raises(ServiceError) as error:
        client.voices()
    assert error.value.code == "UNAVAILABLE"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "exactly one of seconds, audio, mel and text must be given"),
        ({"audio": CLIP, "seconds": 1}, "exactly one of seconds, audio, mel and text must be given"),
        ({"audio": np.zeros((2, 5))}, r"audio has shape \[2, 5\]; it must be one channel"),
        ({"mel": np.zeros(80)}, r"mel has shape \[80\]; it must be \[frames, bands\]"),
        ({"audio": CLIP, "seed": -1}, "seed is -1; it must be from 0 to 2\\^64 - 1"),
        ({"audio": CLIP, "seed": 2**64}, "seed is 18446744073709551616; it must be"),
    ],
)
def test_what_cannot_be_sent_is_refused_here(client, given, message):
    with pytest.raises(ValueError, match=message):
        client.stream(**given)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("localhost:99999", "its port must be from 1 to 65535"),
        ("[::1]:0", "its port must be from 1 to 65535"),
        ("dns:localhost:99999", "its port must be from 1 to 65535"),
        ("http://localhost:50051", "it must be host:port, without http://"),
        ("HTTPS://localhost", "it must be host:port, without http://"),
        ("::1:50051", r"of IPv6 it must be \[host\]:port"),
        ("fe80::1:50051", r"of IPv6 it must be \[host\]:port"),
    ],
)
def test_an_address_that_would_reach_another_is_refused(address, sentence):
    with pytest.raises(ValueError, match=sentence):
        Client(address)


@pytest.mark.parametrize(
    "address",
    ["unix:/tmp/a:99999", "unix-abstract:a:0", "dns:localhost:50051", "[::1]:50051", "ipv6:[::1]:50051"],
)
def test_an_address_of_another_kind_is_left_to_grpc(address):
    Client(address).close()  # connects to nothing before a call
