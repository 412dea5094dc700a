"""100,000 malformed or hostile messages to a real server: `python -m tests.chaos.hostile [COUNT [SEED]]`.

Messages of every method of gRPC and calls of many messages; WebSocket frames; HTTP requests; HTTP/2 that is none. Each
must be answered by the right status: prints how many were answered how, by where they went. The exit code is 1 if one
was not, or if the server then makes other audio than before.
"""

import asyncio
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from tests.chaos.hostile_pages import http, http2, websocket
from tests.chaos.mutations import mutated
from tests.server.calls import configuration, of_audio, of_mel, of_nothing
from wavesynth.v1 import images_pb2
from wavesynth.v1 import synthesis_pb2 as pb

__all__ = ["Answers", "hostile"]

SPEECH, IMAGES = "/wavesynth.v1.SynthesisService/", "/wavesynth.v1.ImageService/"
SHORT = {"samples": 200}
_OF_SPEECH = [of_audio(**SHORT), of_nothing(0.02), of_mel([0.5] * 80), of_audio(voice="nobody", **SHORT)]
_NO_MODEL = images_pb2.ImageSynthesis(model="none", seed=3, count=2)
#: How often a method is called; where a message that becomes right makes an image, seldom.
_OFTEN = {f"{IMAGES}SampleImage": 0.1, f"{IMAGES}CompleteImage": 0.1}
#: What callers may send to each method that takes one message: its class, and messages that are right.
METHODS: dict[str, tuple[Any, list[Any]]] = {
    f"{SPEECH}ListVoices": (pb.ListVoicesRequest, [pb.ListVoicesRequest()]),
    f"{SPEECH}Synthesize": (pb.SynthesizeRequest, [pb.SynthesizeRequest(**f) for f in _OF_SPEECH]),
    f"{SPEECH}StreamSynthesize": (
        pb.StreamSynthesizeRequest,
        [pb.StreamSynthesizeRequest(**f) for f in _OF_SPEECH],
    ),
    f"{IMAGES}ListImageModels": (images_pb2.ListImageModelsRequest, [images_pb2.ListImageModelsRequest()]),
    f"{IMAGES}SampleImage": (
        images_pb2.SampleImageRequest,
        [images_pb2.SampleImageRequest(synthesis=_NO_MODEL)],
    ),
    f"{IMAGES}CompleteImage": (
        images_pb2.CompleteImageRequest,
        [images_pb2.CompleteImageRequest(synthesis=_NO_MODEL, known_pixels=3, pixels=bytes(9))],
    ),
    "/grpc.health.v1.Health/Check": (
        health_pb2.HealthCheckRequest,
        [health_pb2.HealthCheckRequest(), health_pb2.HealthCheckRequest(service=SPEECH[1:-1])],
    ),
}
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
_REFLECTED = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()
_PIECES = [pb.ResynthesizeRequest(audio=bytes(n)).SerializeToString() for n in (0, 1, 2, 320, 999)]
_FIRST = configuration().SerializeToString()
#: Statuses that say what is wrong with a message, or that there is no room for it.
RIGHT = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION"}
#: What gRPC's client says of a call that it was still writing to when the status came; it does not say the status.
LOST = "Internal error from Core"
#: Seconds in which a call must have ended, and calls at once.
PATIENCE, AT_ONCE = 60, 64
#: Of 100 messages, how many go where; the rest are of methods that take one.
SHARES = {"dialogue": 20, "websocket": 15, "http": 10, "http2": 5}


class Answers:
    """How many messages were answered how, by where they went; and those that were not answered rightly."""

    def __init__(self):
        self.counts = Counter()
        self.wrong = []

    def note(self, where, status, right, sent):
        """An answer."""
        self.counts[where, status] += 1
        if not right:
            self.wrong.append((where, status, sent))

    def table(self):
        """A line for each status of each place."""
        return [f"{where:34} {status:28} {n:8}" for (where, status), n in sorted(self.counts.items())]


async def hostile(port, page, count, seed):
    """Sends so many messages; the answers."""
    answers, numbers = Answers(), iter(range(count))
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:

        async def some():
            for number in numbers:
                await _one(channel, port, page, random.Random(f"{seed}-{number}"), answers)

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return answers


async def _one(channel, port, page, chance, answers):
    """One message, or one call of several."""
    draw, where = chance.randrange(100), "message"
    for name, share in SHARES.items():
        draw -= share
        if draw < 0:
            where = name
            break
    if where == "message":
        return await _message(channel, chance, answers)
    if where == "dialogue":
        return await _dialogue(channel, chance, answers)
    speak = {"websocket": websocket, "http": http, "http2": http2}[where]
    status, right, sent = await speak(port if where == "http2" else page, chance)
    answers.note(where, status, right, sent)


async def _message(channel, chance, answers):
    (method,) = chance.choices(list(METHODS), [_OFTEN.get(name, 1) for name in METHODS])
    kind, messages = METHODS[method]
    all_ = [message.SerializeToString() for _, ones in METHODS.values() for message in ones]
    sent = mutated(chance.choice(messages).SerializeToString(), chance, all_)
    status, sentence = await _ended(channel.unary_stream(method, None, None)(sent, timeout=PATIENCE))
    try:
        kind.FromString(sent)
        right = status in RIGHT
    except DecodeError:
        right = status == "INVALID_ARGUMENT" and "malformed" in sentence
    answers.note(method.rpartition("/")[2], status, right, sent)


async def _dialogue(channel, chance, answers):
    """A call of several messages, of which any may be wrong."""
    if chance.random() < 0.1:
        method, sent = REFLECTION, [mutated(_REFLECTED, chance) for _ in range(chance.randint(1, 3))]
    else:
        method = f"{SPEECH}Resynthesize"
        sent = [_FIRST] + [chance.choice(_PIECES) for _ in range(chance.randint(0, 4))]
        at = chance.randrange(len(sent))
        sent[at] = mutated(sent[at], chance, [_FIRST, *_PIECES])
    while True:
        status, sentence = await _ended(
            channel.stream_stream(method, None, None)(iter(sent), timeout=PATIENCE)
        )
        if sentence != LOST:
            break
    answers.note(method.rpartition("/")[2], status, status in RIGHT, sent)


async def _ended(call):
    """How a call ends: status and sentence."""
    try:
        async for _ in call:
            pass
    except grpc.aio.AioRpcError as error:
        return error.code().name, error.details() or ""
    return "OK", ""


async def audio(port):
    """What the server makes of a request that is right."""
    from tests.server.calls import stream_bytes
    from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        return await stream_bytes(SynthesisServiceStub(channel), **of_audio())


def main(count=100_000, seed=0):
    """Attacks a server of two tiny voices; 1 if it did not answer rightly."""
    from tests.serving import ServerProcess
    from tests.voices_for_tests import tiny_voice
    from wavesynth.server.sockets import listening

    with listening("127.0.0.1", 0) as taken:
        page = taken.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        tiny_voice(Path(folder), "tiny")
        tiny_voice(Path(folder), "free", mel=False, layers=5)
        more = ["--live-streams", "16", "--max-seconds", "1", "--small-messages", "1000000"]
        with ServerProcess(folder, *more, "--web", "--web-port", str(page)) as server:
            before = asyncio.run(audio(server.port))
            memory = server.memory
            answers = asyncio.run(hostile(server.port, page, count, seed))
            same = asyncio.run(audio(server.port)) == before
            print(*answers.table(), sep="\n")
            print(f"{count} messages; the server took {(server.memory - memory) / 1e6:.0f} MB more")
    for where, status, sent in answers.wrong[:20]:
        print(f"wrong: {where} answered {status} to {sent!r}"[:500])
    print(f"{len(answers.wrong)} wrong answers; the audio is {'the same' if same else 'another'} as before")
    return int(bool(answers.wrong) or not same)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
