"""Callers that are killed, stall, give up or are too late: others hear nothing of it, and the places come back.

A real server and real connections. FAULTS=1000 has each fault come so often, by hand or as `make faults`.
"""

import os
import random
import subprocess
import sys
import time

import grpc
import pytest

from tests.chaos.beside import AT_A_TIME, TIMES, leaving_nothing, listener, take_all_places
from tests.server.calls import clip, configuration, of_nothing
from tests.server.frames import HandMade
from tests.serving import ServerProcess
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

PLACES = 4
#: Seconds for which a reader may take nothing: few, but more than a busy machine takes for a message to one who reads.
STALL = "3"
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
    """Before the first message, before any input, between pieces of it, in a live answer, and in one that is whole."""
    timeout = chance.uniform(0.0001, 0.05)

    def silent(*messages):
        yield from messages
        time.sleep(1)

    sound = pb.ResynthesizeRequest(audio=clip(1000).tobytes())
    call = chance.choice(
        [
            lambda: stub.Resynthesize(silent(), timeout=timeout),
            lambda: stub.Resynthesize(silent(configuration()), timeout=timeout),
            lambda: stub.Resynthesize(silent(configuration(), sound), timeout=timeout),
            lambda: stub.StreamSynthesize(LONG, timeout=timeout),
            lambda: [stub.Synthesize(LONG, timeout=timeout)],
        ]
    )
    with pytest.raises(grpc.RpcError) as ended:
        list(call())
    assert ended.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize(
    "fault", [killed, stalled, reset_in_a_message, lost_in_a_message, reset_in_the_answer, too_late]
)
def test_a_fault_of_one_caller_is_nobody_elses(server, stub, fault):
    chance = random.Random(fault.__name__)
    with listener(stub):  # so that it has all that it needs
        take_all_places(stub, PLACES - 1)
    with leaving_nothing(server):
        for done in range(0, TIMES, AT_A_TIME):
            with listener(stub):
                for _ in range(min(AT_A_TIME, TIMES - done)):
                    fault(server, stub, chance)
                    take_all_places(stub, PLACES - 1)
