"""Servers for the tests of every folder: on a thread of this process, as a client sees one, and in a process."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs


@pytest.fixture(scope="session")
def two_voices(tmp_path_factory):
    """A folder of the voices tiny, the default, and free, which needs no mel. Nobody may change it."""
    from tests.voices_for_tests import tiny_voice

    folder = tmp_path_factory.mktemp("voices")
    tiny_voice(folder, "tiny")
    tiny_voice(folder, "free", mel=False, layers=5)
    return folder


@pytest.fixture(scope="session")
def a_reader(tmp_path_factory):
    """A folder of the voices reader, which takes text, and tiny, the default for all else. Nobody may change it."""
    from tests.voices_for_tests import make_text_voice, tiny_voice
    from wavesynth.voices.voice import save_voice

    folder = tmp_path_factory.mktemp("readers")
    save_voice(folder / "reader", make_text_voice("reader"))
    tiny_voice(folder, "tiny", layers=3)
    return folder


@pytest.fixture(scope="session")
def serve(two_voices):
    """`serve(**options)` serves two voices with room for two live streams, while it is entered; see ServerConfig."""
    from wavesynth.server.server import Server, ServerConfig

    @contextmanager
    def serve(**options):
        options = {"port": 0, "live_streams": 2, "threads": 1, "voices": two_voices, **options}
        started, stop, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()
        server = Server(ServerConfig(**options))

        async def run():
            async with server:
                started.set()
                await stop.wait()

        thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
        with capture_logs():
            thread.start()
            assert started.wait(60)
            try:
                yield server
            finally:
                loop.call_soon_threadsafe(stop.set)
                thread.join()
                loop.close()

    return serve


@pytest.fixture(scope="session")
def server(serve):
    """One server of two voices for all tests that only call it."""
    with serve() as server:
        yield server


@pytest.fixture
def address(server):
    return f"localhost:{server.port}"


@pytest.fixture(scope="module")
def server_process(two_voices):
    """A server of two voices in a process of its own."""
    with ServerProcess(two_voices) as process:
        yield process


class ServerProcess:
    """A server process on one port, to be killed and started again.

    `program` is Python that is run before it; what else is given is as `subprocess.Popen` takes it.
    """

    def __init__(self, folder, *options, port=0, program="", **started):
        self._options = ["--voices", str(folder), "--live-streams", "4", *options]
        self._program = f"{program}\nfrom wavesynth.cli import main; main()"
        self._started = {"stderr": subprocess.DEVNULL, **started}
        self.port = port
        self.start()

    def start(self):
        """Starts it, and returns when it is ready."""
        command = [sys.executable, "-c", self._program, "serve", "--port", str(self.port), *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **self._started)
        self.port = int(self._process.stdout.readline().rpartition(":")[2])

    @property
    def address(self):
        return f"localhost:{self.port}"

    @property
    def open_files(self):
        """How many descriptors it has open, sockets too."""
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    @property
    def threads(self):
        """How many it has."""
        return len(os.listdir(f"/proc/{self._process.pid}/task"))

    @property
    def memory(self):
        """Bytes that it has in use."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text("ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @property
    def children(self):
        """The numbers of processes that it has started."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/children")
        return [int(child) for task in tasks for child in task.read_text("ascii").split()]

    def send(self, number):
        """Sends it a signal."""
        self._process.send_signal(number)

    def ended(self):
        """Its exit code; waits for it."""
        return self._process.wait(60)

    def kill(self):
        """The process is gone from one moment to the next."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def end(self):
        """Asks it to end, and returns when it has."""
        self._process.terminate()
        self._process.wait()
        self._process.stdout.close()

    def freeze(self):
        """The process does nothing any more, and is still there."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self):
        """Ends that."""
        self._process.send_signal(signal.SIGCONT)

    def restart(self):
        """Kills it, and starts another on its port; returns when that is ready."""
        self.kill()
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
