"""A server whose engine fails: it says so to every caller, to whoever asks for its health, and by its exit code."""

import subprocess
import sys
import threading

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.server.calls import configuration, of_nothing
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

#: `wavesynth serve`, where a worker finds no memory once a stream has made half a second.
PROGRAM = """
from wavesynth.engine.native_plane import NativePlane

ready = NativePlane.ready

def failing(self, streams, n):
    if any(stream.index > 8000 for stream in streams):
        raise MemoryError
    return ready(self, streams, n)

NativePlane.ready = failing
from wavesynth.cli import main
main()
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_a_worker_that_fails_ends_all_streams_with_internal_and_the_process_with_an_error(
    two_voices, workers
):
    options = ["--voices", str(two_voices), "--live-streams", "4", "--workers", str(workers), "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "serve", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address = process.stdout.readline().removeprefix("listening on ").strip()
        with grpc.insecure_channel(address) as channel:
            stub = SynthesisServiceStub(channel)
            health = HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            assert next(health).status == health_pb2.HealthCheckResponse.SERVING

            def says_nothing():
                yield configuration()
                over.wait()

            over = threading.Event()
            silent = stub.Resynthesize(says_nothing())
            made = stub.StreamSynthesize(pb.StreamSynthesizeRequest(**of_nothing(5.0)))
            for call in (made, silent):
                with pytest.raises(grpc.RpcError) as error:
                    list(call)
                assert error.value.code() == grpc.StatusCode.INTERNAL
                assert dict(error.value.trailing_metadata())["retry-after-ms"] == "1000"
                assert error.value.details().startswith("the service failed; its log says how, as request ")
            assert next(health).status == health_pb2.HealthCheckResponse.NOT_SERVING
            assert process.wait(30) == 1
            over.set()
        assert "MemoryError" in process.stderr.read()
    finally:
        process.kill()
        process.wait()
