"""A served process, from its first listener to its end."""

import asyncio
import gc
import os
import signal

from wavesynth.server.server import ServerConfig, serve


def test_while_it_serves_a_collection_looks_through_little(voices):
    """One that went through voices and modules would stop every stream for longer than a chunk."""
    everything = len(gc.get_objects())
    collected = []

    def ready(server):
        collected.append(len(gc.get_objects()))  # what a full collection would look through
        os.kill(os.getpid(), signal.SIGTERM)

    try:
        asyncio.run(serve(ServerConfig(port=0, voices=voices, live_streams=1, threads=1), ready))
    finally:
        gc.unfreeze()
    assert everything > 50_000 and collected[0] < 5_000
