"""A server on a thread of its own, as a client sees one."""

import asyncio
import threading
from contextlib import contextmanager

from structlog.testing import capture_logs

from tests.voices_for_tests import tiny_voice
from wavesynth.server.server import Server, ServerConfig


@contextmanager
def served(folder):
    """Serves two voices made in `folder`, tiny (the default) and free, with room for two live streams."""
    tiny_voice(folder, "tiny")
    tiny_voice(folder, "free", mel=False, layers=5)
    started, stop, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()
    server = Server(ServerConfig(port=0, voices=folder, live_streams=2, threads=1))

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
