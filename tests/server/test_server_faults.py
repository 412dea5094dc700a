"""What befalls a server itself, while somebody listens: a clock that jumps, no descriptors, a full disk, a log that
nobody reads, certificates that expire, backends that raise, processes that are killed. FAULTS=1000 has each come so
often."""

import os
import random
import resource
import shutil
import signal
import socket
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from tests.chaos.beside import (
    AT_A_TIME,
    TIMES,
    eventually,
    leaving_nothing,
    listener,
    take_all_places,
)
from tests.server.calls import clip, of_nothing
from tests.server.pipes import pipe
from tests.serving import ServerProcess
from wavesynth.clients import Client
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

PLACES = 4
#: How often a server is started anew, which takes seconds.
RESTARTS = int(os.environ.get("FAULTS", "1"))
TLS = Path(__file__).parent / "tls"
FAKE_CLOCK = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
#: A stream with this seed finds a backend that raises.
UNLUCKY = 666
RAISING = f"""
from wavesynth.engine.native_plane import NativePlane
opens, ready, unlucky = NativePlane.open, NativePlane.ready, set()

def opening(self, request):
    stream = opens(self, request)
    if request.params.seed == {UNLUCKY}:
        unlucky.add(id(stream))
    return stream

def failing(self, streams, n):
    counts = list(ready(self, streams, n))
    for number, stream in enumerate(streams):
        if id(stream) in unlucky:
            unlucky.remove(id(stream))
            counts[number] = RuntimeError("the backend")
    return counts

NativePlane.open, NativePlane.ready = opening, failing
"""
#: So that renewed certificates are looked for at each connection.
AT_ONCE = "from wavesynth.server import followed; followed.EVERY = 0.0"


def made(stub, **options):
    """A short call; its audio."""
    request = pb.StreamSynthesizeRequest(**of_nothing(0.05))
    return b"".join(
        response.chunk.audio for response in stub.StreamSynthesize(request, timeout=60, **options)
    )


def refused(stub, code, **synthesis):
    """A call that ends with that status."""
    with pytest.raises(grpc.RpcError) as error:
        list(stub.StreamSynthesize(pb.StreamSynthesizeRequest(**of_nothing(5.0, **synthesis)), timeout=60))
    assert error.value.code() is code


def befalls(server, stub, fault, others=lambda: None):
    """Has the fault come, beside somebody who listens; afterwards others are served, and nothing is left."""
    with listener(stub):  # so that the server has all that it needs
        fault(0)
        take_all_places(stub, PLACES - 1)
    expected = made(stub)
    with leaving_nothing(server):
        for done in range(0, TIMES, AT_A_TIME):
            with listener(stub):
                for number in range(done, min(done + AT_A_TIME, TIMES)):
                    fault(number)
                    assert made(stub) == expected
                    others()
        take_all_places(stub, PLACES)


@contextmanager
def served(folder, *options, **started):
    """A server, and a stub of it."""
    with (
        ServerProcess(folder, "--live-streams", str(PLACES), *options, **started) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        yield server, SynthesisServiceStub(channel)


@pytest.mark.skipif(not FAKE_CLOCK, reason="needs libfaketime: apt-get install libfaketime")
def test_a_clock_that_jumps_by_an_hour_is_heard_by_nobody(two_voices, tmp_path):
    clock = tmp_path / "clock"
    clock.write_text("+0")
    fake = {"LD_PRELOAD": str(FAKE_CLOCK), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    fake |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
    with served(two_voices, env={**os.environ, **fake}) as (server, stub):

        def jump(number):
            clock.write_text(("+3600", "-3600", "+0")[number % 3])

        befalls(server, stub, jump)


def test_connections_beyond_the_descriptors_end_no_call_and_others_come_in_afterwards(two_voices):
    few = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (64, 64))
    with served(two_voices, preexec_fn=few) as (server, stub):

        def exhaust(number):
            with ExitStack() as stack:
                for _ in range(80):
                    one = stack.enter_context(socket.socket())
                    one.settimeout(1)
                    with suppress(OSError):
                        one.connect(("127.0.0.1", server.port))
            eventually(lambda: server.open_files < 60)

        def newcomer():
            alone = [("grpc.use_local_subchannel_pool", 1)]
            with grpc.insecure_channel(server.address, alone) as channel:
                made(SynthesisServiceStub(channel), wait_for_ready=True)

        befalls(server, stub, exhaust, newcomer)


def test_a_log_on_a_full_disk_is_nobodys_error(two_voices, tmp_path):
    small = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (4096, 4096))
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    with (
        open(tmp_path / "log", "w") as log,
        served(two_voices, stderr=log, preexec_fn=small, env=environment) as (server, stub),
    ):
        befalls(server, stub, lambda number: refused(stub, grpc.StatusCode.NOT_FOUND, voice="nobody"))
        assert os.path.getsize(tmp_path / "log") <= 4096


def test_a_log_that_nobody_reads_is_nobodys_error(two_voices):
    with pipe(full=True) as (_, log), served(two_voices, stderr=log) as (server, stub):
        befalls(server, stub, lambda number: refused(stub, grpc.StatusCode.NOT_FOUND, voice="nobody"))


def test_a_backend_that_raises_ends_the_stream_that_it_is_of(two_voices):
    with served(two_voices, program=RAISING) as (server, stub):
        befalls(server, stub, lambda number: refused(stub, grpc.StatusCode.INTERNAL, seed=UNLUCKY))


def test_certificates_that_expire_and_are_replaced_end_no_call(two_voices, tmp_path):
    def put(certificate, key):
        for name, file in (("key.pem", key), ("cert.pem", certificate)):
            shutil.copy(TLS / file, tmp_path / f"new-{name}")
            os.replace(tmp_path / f"new-{name}", tmp_path / name)

    def greeted(root):
        credentials = grpc.ssl_channel_credentials((TLS / root).read_bytes())
        alone = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.secure_channel(server.address, credentials, alone) as channel:
            try:
                return bool(made(SynthesisServiceStub(channel)))
            except grpc.RpcError as error:
                assert error.code() is grpc.StatusCode.UNAVAILABLE
                return False

    def expire(number):
        put("expired.pem", "key.pem")
        assert not greeted("expired.pem")
        put("renewed.pem", "renewed-key.pem")
        assert greeted("renewed.pem")

    put("cert.pem", "key.pem")
    files = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    credentials = grpc.ssl_channel_credentials((TLS / "cert.pem").read_bytes())
    with (
        ServerProcess(two_voices, *files, program=AT_ONCE) as server,
        grpc.secure_channel(server.address, credentials) as channel,
    ):
        befalls(server, SynthesisServiceStub(channel), expire)


def heard_by_all(address, count, hurt):
    """What so many clients hear, each on a connection of its own, while `hurt` is called; they resume their calls."""
    sound = clip(8000).astype(np.float32) / 32768
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(address)) for _ in range(count)]
        calls = [client.stream(audio=sound, seed=seed).chunks() for seed, client in enumerate(clients)]
        parts = [[next(call).pcm] for call in calls]
        hurt()
        for call, part in zip(calls, parts, strict=True):
            part += [chunk.pcm for chunk in call]
        return [b"".join(part) for part in parts]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_when_a_server_ends_under_load_all_streams_are_resumed_to_the_same_bytes(two_voices, number):
    chance = random.Random(number)
    with ServerProcess(two_voices) as server:
        expected = heard_by_all(server.address, 3, lambda: None)

        def end():
            server.send(number)
            if number == signal.SIGTERM and chance.random() < 0.5:
                server.ended()
            server.restart()

        for _ in range(RESTARTS):
            assert heard_by_all(server.address, 3, end) == expected


def test_front_ends_that_are_killed_are_replaced_and_all_streams_are_resumed(two_voices):
    def front_ends():
        return [child for one in server.children for child in children_of(one)]

    def end():
        hit = random.choice(front_ends())
        os.kill(hit, signal.SIGKILL)
        eventually(lambda: hit not in front_ends() and len(front_ends()) == 2)

    with ServerProcess(two_voices, "--workers", "2") as server:
        expected = heard_by_all(server.address, 3, lambda: None)
        assert heard_by_all(server.address, 3, end) == expected
        with leaving_nothing(server):
            for _ in range(RESTARTS):
                assert heard_by_all(server.address, 3, end) == expected


def children_of(process):
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return []


#: The next time that a worker looks after the signal, it finds no memory.
LOSING = """
import signal
from wavesynth.engine.native_plane import NativePlane

def lose(*_):
    def failing(self, streams, n):
        raise MemoryError
    NativePlane.ready = failing

signal.signal(signal.SIGUSR1, lose)
"""


def test_when_the_engine_dies_all_streams_end_and_the_next_process_makes_the_same_bytes(two_voices):
    request = pb.StreamSynthesizeRequest(**of_nothing(10.0))
    with ServerProcess(two_voices, program=LOSING) as server:
        expected = None
        for number in range(RESTARTS):
            if number:
                server.restart()
            with grpc.insecure_channel(server.address) as channel:
                stub = SynthesisServiceStub(channel)
                audio = made(stub, wait_for_ready=True)
                assert expected in (None, audio)
                expected = audio
                calls: list[Any] = [stub.StreamSynthesize(request) for _ in range(3)]
                for call in calls:
                    next(call)
                server.send(signal.SIGUSR1)
                for call in calls:
                    with pytest.raises(grpc.RpcError) as error:
                        list(call)
                    assert error.value.code() is grpc.StatusCode.INTERNAL
                assert server.ended() == 1
