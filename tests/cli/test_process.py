"""A command as a process: how it begins and ends, whatever its streams are and whenever it is stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent import futures
from pathlib import Path

import grpc
import pytest

from tests.voices_for_tests import tiny_voice
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceServicer, add_SynthesisServiceServicer_to_server

DESCRIPTION = "of [/home/alice] → \x1b[2J μ"


class Hostile(SynthesisServiceServicer):
    def ListVoices(self, request, context):  # noqa: N802
        return pb.ListVoicesResponse(voices=[pb.Voice(name="a[/b]", description=DESCRIPTION)])


@pytest.fixture(scope="module")
def address():
    """A service that describes its one voice in brackets, letters and control characters."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    add_SynthesisServiceServicer_to_server(Hostile(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None)


def command(*words, streams="", **options):
    """Runs a command with its streams redirected as a shell would."""
    line = ["bash", "-c", f'exec "$@" {streams}', "bash", sys.executable, "-m", "wavesynth", *map(str, words)]
    return subprocess.run(line, capture_output=True, timeout=300, **options)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_every_output_survives_every_encoding(address, encoding):
    done = command(
        "voices", "--address", address, env=os.environ | {"PYTHONIOENCODING": encoding, "COLUMNS": "200"}
    )
    assert (done.returncode, done.stderr) == (0, b"")
    shown = "of [/home/alice] → \\x1b[2J μ".encode(encoding, "backslashreplace")
    assert shown in done.stdout and b"a[/b]" in done.stdout


def test_json_is_json_in_every_encoding(address):
    done = command("voices", "--address", address, "--json", env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert '"of [/home/alice] \\u2192 \\u001b[2J \\u03bc"' in done.stdout.decode("ascii")


def test_a_closed_stream_goes_nowhere(address):
    done = command("voices", "--address", address, streams=">&-")
    assert (done.returncode, done.stderr) == (0, b"")
    assert command("voices", "--address", "127.0.0.1:1", streams="<&- >&- 2>&-").returncode == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_output_for_which_there_is_no_room_is_a_sentence(address):
    done = command("voices", "--address", address, streams=">/dev/full")
    assert (done.returncode, done.stderr) == (1, b"wavesynth: No space left on device\n")


@pytest.mark.parametrize(
    "words", [["voices", "--address", "{}"], ["voices", "--address", "{}", "--json"], ["--help"]]
)
def test_output_that_nobody_reads_ends_the_command_quietly(address, words):
    reader, writer = os.pipe()
    os.close(reader)
    line = [sys.executable, "-m", "wavesynth", *(word.format(address) for word in words)]
    done = subprocess.run(line, stdout=writer, stderr=subprocess.PIPE, timeout=300)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


#: Stops itself as a signal would: on the import of a module, or in a function of it.
STOPPED = """
import importlib.abc, os, signal, sys
from wavesynth.__main__ import main
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "{module}":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.{name})
sys.meta_path.insert(0, Finder())
main()
"""


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("wavesynth.cli.serve", "SIGINT"),
        ("numpy._core._multiarray_umath", "SIGTERM"),  # PyTorch's import swallows what is raised in this one
    ],
)
def test_a_signal_ends_a_command_at_any_moment_of_its_start(module, name):
    program = STOPPED.format(module=module, name=name)
    done = subprocess.run(
        [sys.executable, "-c", program, "serve", "--port", "0"], capture_output=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (128 + getattr(signal, name), b"")


MEASURING = """
import os, signal
from wavesynth.__main__ import main
import wavesynth.server.catalogue as catalogue
catalogue.capacity_of_machine = lambda *_: os.kill(os.getpid(), signal.SIGINT)
main()
"""


@pytest.mark.parametrize("workers", ["0", "1"])
def test_ctrl_c_while_a_server_loads_and_measures_ends_it_quietly(tmp_path, workers):
    tiny_voice(tmp_path)
    options = ["--port", "0", "--voices", str(tmp_path), "--workers", workers]
    line = [sys.executable, "-c", MEASURING, "serve", *options]
    done = subprocess.run(line, capture_output=True, timeout=300)
    assert (done.returncode, done.stdout) == (130, b"")
    (said,) = done.stderr.splitlines()
    assert json.loads(said)["event"].startswith("loading voices and measuring")


#: Brings a server and a worker, says where they are, and waits.
PARENT = """
import os, sys, time
from wavesynth.cli.local_server import local_server
from wavesynth.cli.terminal import printable
from wavesynth.workers import worker_pool
if __name__ == "__main__":
    with worker_pool(1, printable, "") as pool, local_server("--voices", sys.argv[1], "--live-streams", "1") as server:
        pool.submit(printable, "").result()
        print(*pool._processes, server.address, flush=True)
        time.sleep(600)
"""


def test_children_find_the_package_from_any_folder_and_end_with_a_parent_that_is_killed(tmp_path):
    tiny_voice(tmp_path / "voices")
    (tmp_path / "wavesynth").mkdir()
    for name in (
        "wavesynth/__init__.py",
        "typer.py",
    ):  # an editable install is found before any folder, typer is not
        (tmp_path / name).write_text("raise ImportError('a checkout that is not built')")
    line = [sys.executable, "-P", "-c", PARENT, tmp_path / "voices"]
    with subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as parent:
        worker, address = parent.stdout.readline().split()
        host, port = address.split(":")
        socket.create_connection((host, int(port))).close()
        parent.kill()
    deadline = time.monotonic() + 300
    while Path(f"/proc/{worker}").exists() or listens(host, int(port)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def listens(host, port):
    with socket.socket() as tried:
        return tried.connect_ex((host, port)) == 0
