"""Attacks on the port of gRPC."""

import gzip
import random
import socket
import struct
import threading
import time
from contextlib import suppress

import grpc

from tests.chaos.registry import attack, hold
from tests.server.calls import clip, configuration, of_audio
from tests.server.frames import PING as HTTP2_PING
from wavesynth.v1 import images_pb2
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

SERVICE = "/wavesynth.v1.SynthesisService/"
HEALTH = "/grpc.health.v1.Health/"
MEBIBYTE = 1 << 20


def live_call(caller, target, *messages):
    """Begins a live call, and goes on."""
    stream = caller.begin(SERVICE + "Resynthesize", target.metadata)
    for message in (configuration(), *messages):
        caller.message(stream, message.SerializeToString(), end=False)
    return stream


LONG = pb.StreamSynthesizeRequest(**of_audio(16_000 * 60)).SerializeToString()
PIECE = pb.ResynthesizeRequest(audio=clip(160).tobytes())


@attack
def health_watched_and_not_read(target):
    callers = [target.caller(window=0) for _ in range(50)]
    for caller in callers:
        for _ in range(10):
            caller.message(caller.begin(HEALTH + "Watch"), b"")
    hold()


@attack
def answers_not_read(target):
    with target.caller(window=0) as caller:
        for _ in range(20):
            stream = caller.begin(SERVICE + "StreamSynthesize", target.metadata)
            caller.message(stream, pb.StreamSynthesizeRequest(**of_audio(16_000)).SerializeToString())
        time.sleep(2)


@attack
def answers_read_by_the_byte(target):
    with target.caller(window=1) as caller:
        streams = [live_call(caller, target, PIECE, PIECE, PIECE) for _ in range(20)]
        for _ in range(50):
            for stream in streams:
                caller.read_on(stream, 1)
            time.sleep(0.05)


@attack
def live_calls_that_send_nothing(target):
    with target.caller() as caller:
        for _ in range(50):
            live_call(caller, target)
        hold()


@attack
def a_sample_a_message(target):
    one = pb.ResynthesizeRequest(audio=bytes(2)).SerializeToString()
    with target.caller() as caller:
        stream = live_call(caller, target)
        for _ in range(100):
            caller.messages(stream, one, 1000)


@attack
def empty_messages(target):
    with target.caller() as caller:
        stream = live_call(caller, target)
        for _ in range(100):
            caller.messages(stream, pb.ResynthesizeRequest(audio=b"").SerializeToString(), 1000)


@attack
def odd_sample_rates(target):
    chance = random.Random(0)
    with target.caller() as caller:
        for _ in range(500):
            rate = 2 * chance.randrange(4000, 48_000) + 1
            stream = caller.begin(SERVICE + "Resynthesize", target.metadata)
            first = configuration(audio=pb.AudioFormat(sample_rate=rate))
            for message in (first, PIECE):
                caller.message(stream, message.SerializeToString(), end=False)
            time.sleep(0.002)
            caller.reset(stream)


@attack
def mel_that_grows_when_unpacked(target):
    mel = pb.MelFrames(bands=80, values=bytes(0))
    mel.values.extend([0.0] * (80 * 50_000))
    packed = gzip.compress(
        pb.StreamSynthesizeRequest(conditioning=pb.Conditioning(mel=mel)).SerializeToString()
    )
    while True:
        with suppress(OSError), target.caller() as caller:
            for _ in range(20):
                stream = caller.begin(
                    SERVICE + "StreamSynthesize", (*target.metadata, ("grpc-encoding", "gzip"))
                )
                caller.message(stream, packed, compressed=True)
                time.sleep(0.01)


@attack
def large_messages_of_strangers(target):
    with target.caller() as caller:
        streams = [caller.begin(SERVICE + "Synthesize") for _ in range(64)]
        for stream in streams:
            caller.message(stream, b"", announced=15 * MEBIBYTE, end=False)
        caller.pour(15 * MEBIBYTE - 1, streams, 5)


@attack
def large_messages_that_never_end(target):
    with target.caller() as caller:
        streams = [caller.begin(SERVICE + "Synthesize", target.metadata) for _ in range(64)]
        for stream in streams:
            caller.message(stream, b"", announced=15 * MEBIBYTE, end=False)
        caller.pour(15 * MEBIBYTE - 1, streams, 5)


@attack
def calls_without_a_message(target):
    callers = [target.caller() for _ in range(10)]
    for caller in callers:
        for _ in range(500):
            caller.begin(SERVICE + "Synthesize", target.metadata)
    hold()


@attack
def calls_that_are_reset_at_once(target):
    with target.caller() as caller:
        for _ in range(2000):
            caller.reset(caller.begin(SERVICE + "StreamSynthesize", target.metadata))


@attack
def strangers_calls(target):
    with target.caller() as caller:
        for _ in range(1000):
            caller.message(caller.begin(SERVICE + "StreamSynthesize"), LONG[:100])
            time.sleep(0.0005)


@attack
def lists_of_voices(target):
    with target.caller() as caller:
        for _ in range(1000):
            caller.message(caller.begin(SERVICE + "ListVoices", target.metadata), b"")
            time.sleep(0.0005)


@attack
def http2_pings(target):
    with target.caller() as caller:
        caller.flood(HTTP2_PING, 100_000)


@attack
def connections_that_are_closed_at_once(target):
    for port in filter(None, (target.port, target.page)):
        for _ in range(100):
            with socket.create_connection(("127.0.0.1", port)) as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@attack
def long_offline_calls(target):
    request = pb.SynthesizeRequest(**of_audio(16_000 * 450))

    def one(address):
        with grpc.insecure_channel(address) as channel, suppress(grpc.RpcError):
            SynthesisServiceStub(channel).Synthesize(request, metadata=target.metadata)

    threads = [threading.Thread(target=one, args=(f"localhost:{target.port}",)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@attack
def images_not_read(target):
    with target.caller(window=0) as caller:
        for _ in range(8):
            stream = caller.begin("/wavesynth.v1.ImageService/SampleImage", target.metadata)
            caller.message(stream, images_pb2.SampleImageRequest().SerializeToString())
        time.sleep(5)
