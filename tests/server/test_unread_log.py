"""A server whose log nobody reads, or whose disk is full, serves on, says so, and ends when it is told to."""

import os
import signal
import subprocess
import sys
import time
from urllib.request import urlopen

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.server.calls import of_nothing
from tests.server.pipes import pipe
from tests.server.processes.conftest import free_port
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub


def dropped(metrics):
    """How many lines the metrics on that port say that a server has dropped."""
    page = urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=60).read().decode()
    lines = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    return float(lines["wavesynth_log_lines_dropped_total"])


def serves_and_ends(voices, workers, output, lost=0):
    """Has a server make a call, refuse one, say its health, drop so many lines at least, and end, all of whose output
    goes to a file; how many lines its metrics say that it has dropped."""
    port, metrics = free_port(), free_port()
    command = [sys.executable, "-c", "from wavesynth.cli import main; main()", "serve", "--port", str(port)]
    command += ["--voices", str(voices), "--live-streams", "2", "--grace", "5", "--workers", str(workers)]
    command += ["--metrics-port", str(metrics)]
    process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = SynthesisServiceStub(channel)
            request = pb.StreamSynthesizeRequest(**of_nothing())
            made = list(stub.StreamSynthesize(request, wait_for_ready=True, timeout=60))
            assert made[-1].chunk.statistics.samples == 1600
            with pytest.raises(grpc.RpcError) as error:
                stub.Synthesize(pb.SynthesizeRequest(**of_nothing(voice="nobody")), timeout=60)
            assert error.value.code() == grpc.StatusCode.NOT_FOUND
            health = HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=60)
            assert health.status == health_pb2.HealthCheckResponse.SERVING
        end = time.monotonic() + 60
        while (lines := dropped(metrics)) < lost:  # a thread writes them, or cannot, after the call has ended
            assert time.monotonic() < end, f"{lines} lines were dropped"
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        return lines
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("workers", [0, 1])
def test_a_full_pipe_stops_neither_calls_nor_health_nor_the_end(two_voices, workers):
    with pipe(full=True) as (_, stream):
        assert serves_and_ends(two_voices, workers, stream) == 0  # there is room for a few


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("workers", [0, 1])
def test_a_full_disk_is_no_callers_error_and_what_is_lost_is_counted(two_voices, workers):
    with open("/dev/full", "w") as stream:
        assert serves_and_ends(two_voices, workers, stream, lost=1) >= 1
