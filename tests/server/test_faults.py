"""Callers that are killed, stall, give up or are too late: others hear nothing of it, and the places come back.

A real server and real connections. FAULTS=1000 has each fault come so often, by hand or as `make faults`.
"""

import os
import random
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import grpc
import numpy as np
import pytest

from tests.server.calls import clip, configuration, of_audio, of_nothing
from tests.server.frames import HandMade
from tests.serving import ServerProcess
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

TIMES = int(os.environ.get("FAULTS", "2"))
#: Faults beside one live call, at most: all that it hears must fit into one message, 8 minutes.
AT_A_TIME = 50
PLACES = 4
#: Samples of a message of the one who listens all the time, 10 ms.
PIECE = 160
#: Seconds for which a reader may take nothing: few, but more than a busy machine takes for a message to one who reads.
STALL = "3"
#: Seconds in which places come back, at the latest, and calls end.
PATIENCE = 60
STREAM = "/wavesynth.v1.SynthesisService/StreamSynthesize"
#: Far more audio than any of these callers reads.
LONG = pb.StreamSynthesizeRequest(**of_nothing(60))
#: A process that has begun a call and reads its answer.
CALLER = """
import sys, time
sys.path.insert(0, {root!r})
from tests.server.frames import HandMade
caller = HandMade({port})
caller.message(caller.begin({method!r}), bytes.fromhex({request!r}))
caller.headers()
print(flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def server(two_voices):
    with ServerProcess(two_voices, "--live-streams", str(PLACES), "--stall-seconds", STALL) as process:
        yield process


@pytest.fixture(scope="module")
def stub(server):
    with grpc.insecure_channel(server.address) as channel:
        yield SynthesisServiceStub(channel)


@contextmanager
def listener(stub):
    """One live call, in real time, that lasts until the end; it must hear what a call of the same input hears alone."""
    stop, said, given = threading.Event(), clip(100_000), [0]

    def piece():
        begin = given[0] * PIECE % len(said)
        given[0] += 1
        return pb.ResynthesizeRequest(audio=said[begin : begin + PIECE].tobytes())

    def speak():
        yield configuration()
        while not stop.is_set():
            yield piece()
            time.sleep(PIECE / 16_000)

    call = stub.Resynthesize(speak())
    heard = [next(call).chunk.audio]
    ears = threading.Thread(target=lambda: heard.extend(response.chunk.audio for response in call))
    ears.start()
    try:
        yield
    finally:
        stop.set()
        ears.join(PATIENCE)
    assert call.code() is grpc.StatusCode.OK, call.details()
    whole = np.resize(said, given[0] * PIECE).tobytes()
    alone = stub.StreamSynthesize(pb.StreamSynthesizeRequest(**of_audio(data=whole)))
    assert b"".join(heard) == b"".join(response.chunk.audio for response in alone)


def take_all_places(stub, count):
    """Opens so many live calls at once, and ends them; waits until there are so many places."""
    until = time.monotonic() + PATIENCE
    while True:
        calls, done = [], threading.Event()

        def messages(done=done):
            yield configuration()
            yield pb.ResynthesizeRequest(audio=clip(1000).tobytes())
            done.wait(PATIENCE)

        try:
            for _ in range(count):
                calls.append(stub.Resynthesize(messages(), timeout=PATIENCE))
                next(calls[-1])
            return
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and time.monotonic() < until
        finally:
            done.set()
            for call in calls:
                call.cancel()


def killed(server, stub, chance):
    program = CALLER.format(
        root=os.getcwd(), port=server.port, method=STREAM, request=LONG.SerializeToString().hex()
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.02))
        process.kill()


def stalled(server, stub, chance):
    with HandMade(server.port, window=chance.choice([0, 1, 1000])) as caller:
        caller.message(caller.begin(STREAM), LONG.SerializeToString())
        caller.headers()
        take_all_places(stub, PLACES - 1)  # while this one is connected


def reset_in_a_message(server, stub, chance):
    with HandMade(server.port) as caller:
        stream = caller.begin(STREAM)
        caller.message(
            stream, LONG.SerializeToString()[:3], announced=chance.choice([4, 1000, 1 << 20]), end=False
        )
        time.sleep(chance.uniform(0, 0.01))
        caller.reset(stream)


def lost_in_a_message(server, stub, chance):
    with HandMade(server.port) as caller:
        caller.message(caller.begin(STREAM), bytes(10), announced=chance.choice([11, 1 << 20]), end=False)
        time.sleep(chance.uniform(0, 0.01))


def reset_in_the_answer(server, stub, chance):
    with HandMade(server.port) as caller:
        stream = caller.begin(STREAM)
        caller.message(stream, LONG.SerializeToString())
        caller.headers()
        time.sleep(chance.uniform(0, 0.02))
        caller.reset(stream)


def too_late(server, stub, chance):
    call = chance.choice(
        [stub.StreamSynthesize, lambda *args, **options: [stub.Synthesize(*args, **options)]]
    )
    with pytest.raises(grpc.RpcError) as ended:
        list(call(LONG, timeout=chance.uniform(0.0001, 0.05)))
    assert ended.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize(
    "fault", [killed, stalled, reset_in_a_message, lost_in_a_message, reset_in_the_answer, too_late]
)
def test_a_fault_of_one_caller_is_nobody_elses(server, stub, fault):
    chance = random.Random(fault.__name__)
    take_all_places(stub, PLACES)
    before = server.open_files
    for done in range(0, TIMES, AT_A_TIME):
        with listener(stub):
            for _ in range(min(AT_A_TIME, TIMES - done)):
                fault(server, stub, chance)
                take_all_places(stub, PLACES - 1)
    until = time.monotonic() + PATIENCE
    while server.open_files > before and time.monotonic() < until:
        time.sleep(0.05)
    assert server.open_files <= before
