"""Whatever comes to either port is answered by a right status, and then others are served as before.

HOSTILE=100000 sends so many messages; `python -m tests.chaos.hostile` prints how they were answered.
"""

import asyncio
import os
import random

import pytest
from google.protobuf.message import DecodeError

from tests.chaos.hostile import METHODS, audio, hostile
from tests.chaos.mutations import mutated
from wavesynth.server.limits import Limits
from wavesynth.server.web.config import WebConfig

pytest.importorskip("websockets", reason="needs websockets: pip install '.[web]'")

COUNT = int(os.environ.get("HOSTILE", "600"))


def test_each_of_many_hostile_messages_is_answered_rightly(serve):
    limits = Limits(small_messages=1e6)
    with serve(live_streams=16, max_seconds=1, web=WebConfig(0), limits=limits) as server:
        before = asyncio.run(audio(server.port))
        answers = asyncio.run(hostile(server.port, server.web_port, COUNT, seed=1))
        assert not answers.wrong[:5]
        assert answers.counts.total() == COUNT
        assert asyncio.run(audio(server.port)) == before


def test_messages_are_hostile_and_some_are_right():
    """Else the test above would say nothing."""
    chance, malformed = random.Random(0), 0
    kind, messages = METHODS["/wavesynth.v1.SynthesisService/StreamSynthesize"]
    for _ in range(200):
        try:
            kind.FromString(mutated(messages[0].SerializeToString(), chance))
        except DecodeError:
            malformed += 1
    assert 20 < malformed < 180
