"""A served process, from its first listener to its end."""

import asyncio
import gc
import os
import signal

import pytest

from tests.voices_for_tests import tiny_voice
from wavesynth.server.server import ServerConfig, serve


def test_what_is_loaded_is_left_out_of_collections_before_anybody_is_served(
    tmp_path, monkeypatch: pytest.MonkeyPatch
):
    tiny_voice(tmp_path)
    happened = []
    monkeypatch.setattr(gc, "freeze", lambda: happened.append("frozen"))

    def ready(server):
        happened.append("ready")
        os.kill(os.getpid(), signal.SIGTERM)

    asyncio.run(serve(ServerConfig(port=0, voices=tmp_path, live_streams=1, threads=1), ready))
    assert happened == ["frozen", "ready"]
