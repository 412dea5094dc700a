"""Somebody who listens beside faults, and what must be as it was when they are over."""

import os
import threading
import time
from contextlib import contextmanager

import grpc
import numpy as np

from tests.server.calls import clip, configuration, of_audio
from wavesynth.v1 import synthesis_pb2 as pb

__all__ = ["AT_A_TIME", "PATIENCE", "TIMES", "eventually", "leaving_nothing", "listener", "take_all_places"]

#: How often each fault comes.
TIMES = int(os.environ.get("FAULTS", "2"))
#: Faults beside one live call, at most: all that it hears must fit into one message, 8 minutes.
AT_A_TIME = 50
#: Seconds in which places come back, at the latest, and calls end.
PATIENCE = 60
#: Samples of a message of the one who listens all the time, 10 ms.
PIECE = 160
#: Threads that a server may have more after faults than before: those of pools that were not needed before.
MORE_THREADS = 12
#: Bytes that a server may take more after faults than before: what it had not needed before. A leak of 50 kB a fault is
#: more, where there are 1,000.
MORE = 48 << 20


def eventually(condition):
    """Waits until it holds."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


@contextmanager
def leaving_nothing(server):
    """Whatever happens within, the server then has no more open files than before, and no more threads and memory than
    it may have needed for the first time."""
    files, threads, memory = server.open_files, server.threads, server.memory
    yield
    eventually(lambda: server.open_files <= files)
    eventually(lambda: server.threads <= threads + MORE_THREADS)
    assert server.memory <= memory + MORE


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
