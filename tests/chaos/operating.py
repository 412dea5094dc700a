"""What an operator, or a rare call, has the server do beside live streams."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import grpc

from tests.chaos.registry import attack
from tests.server.calls import clip
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub


@attack
def reloads_of_changed_voices(target):
    """A WaveNet and a flow are loaded again, and the capacity is known again for both."""
    for name in ("allison-small", "allison-flow"):
        os.utime(Path(target.voices) / name / "voice.json")
    os.kill(target.server, signal.SIGHUP)
    time.sleep(1)


@attack
def scores(target):
    """Recordings of a minute, one after the other."""

    def messages():
        yield pb.ScoreRequest(config=pb.ScoreConfig(voice="allison-small"))
        recording = clip(16_000 * 60).tobytes()
        for first in range(0, len(recording), 64_000):
            yield pb.ScoreRequest(audio=recording[first : first + 64_000])

    with grpc.insecure_channel(f"localhost:{target.port}") as channel, suppress(grpc.RpcError):
        SynthesisServiceStub(channel).Score(messages(), metadata=target.metadata)
