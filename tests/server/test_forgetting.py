"""However a call ends, what its caller sent is forgotten with it, and not when garbage is next collected."""

import gc
import time
from contextlib import suppress
from typing import Any

import grpc
import pytest

from tests.server.calls import clip, configuration, of_audio, of_nothing
from wavesynth.v1 import synthesis_pb2 as pb

STREAM, RESYNTHESIZE, WHOLE = (
    f"/wavesynth.v1.SynthesisService/{name}" for name in ("StreamSynthesize", "Resynthesize", "Synthesize")
)
KINDS = (pb.StreamSynthesizeRequest, pb.SynthesizeRequest, pb.ResynthesizeRequest)
AUDIO = pb.ResynthesizeRequest(audio=clip(1000).tobytes()).SerializeToString()
FIRST = configuration().SerializeToString()


def request(**fields):
    return pb.StreamSynthesizeRequest(**fields).SerializeToString()


#: Calls by how they end: the method, the messages, and the status.
ENDINGS = {
    "well": (STREAM, [request(**of_audio())], "OK"),
    "well, of messages": (RESYNTHESIZE, [FIRST, AUDIO], "OK"),
    "in one message": (WHOLE, [request(**of_audio())], "OK"),
    "unknown voice": (STREAM, [request(**of_audio(voice="nobody"))], "NOT_FOUND"),
    "wrong field": (WHOLE, [request(**of_audio(temperature=9))], "INVALID_ARGUMENT"),
    "malformed": (STREAM, [b"\xff" * 20], "INVALID_ARGUMENT"),
    "wrong first message": (RESYNTHESIZE, [AUDIO], "INVALID_ARGUMENT"),
    "wrong last message": (RESYNTHESIZE, [FIRST, AUDIO, FIRST], "INVALID_ARGUMENT"),
    "malformed last message": (RESYNTHESIZE, [FIRST, AUDIO, b"\xff"], "INVALID_ARGUMENT"),
    "too late": (STREAM, [request(**of_nothing(20))], "DEADLINE_EXCEEDED"),
}


def kept():
    return [thing for thing in gc.get_objects() if type(thing) in KINDS]


def all_forgotten(before):
    until = time.monotonic() + 20
    while len(kept()) > before:
        assert time.monotonic() < until, kept()
        time.sleep(0.01)


@pytest.fixture(scope="module")
def address(serve):
    with serve() as server:
        yield f"localhost:{server.port}"


@pytest.fixture
def no_collection():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def end(channel, method, messages, timeout):
    call = channel.stream_stream(method)(iter(messages), timeout=timeout)
    with suppress(grpc.RpcError):
        list(call)
    return call.code().name


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_a_caller_sent_is_forgotten_with_its_call(address, ending, no_collection):
    method, messages, code = ENDINGS[ending]
    with grpc.insecure_channel(address) as channel:
        before = len(kept())
        for _ in range(3):
            assert end(channel, method, messages, 0.2 if code == "DEADLINE_EXCEEDED" else 60) == code
        all_forgotten(before)


@pytest.mark.parametrize("refused", [True, False])
def test_so_it_is_of_a_call_for_which_there_is_no_place_and_of_one_that_is_given_up(
    address, refused, no_collection
):
    with grpc.insecure_channel(address) as channel:
        before = len(kept())
        calls: list[Any] = [
            channel.unary_stream(STREAM, None, None)(request(**of_nothing(20))) for _ in range(2)
        ]
        for call in calls:
            next(call)
        if refused:
            for _ in range(3):
                assert end(channel, STREAM, [request(**of_audio())], 60) == "RESOURCE_EXHAUSTED"
            all_forgotten(before + 2)
        for call in calls:
            call.cancel()
        all_forgotten(before)
