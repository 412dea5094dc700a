"""A server that is told to be warm has made audio before it is ready."""

from dataclasses import replace

import pytest

from wavesynth.engine.native_plane import NativePlane
from wavesynth.server.catalogue import Catalogue

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("warm", [False, True])
async def test_every_voice_makes_a_chunk_before_a_warm_server_is_ready(config, monkeypatch, warm):
    made, advance = [], NativePlane.advance

    def counted(self, *arguments, **options):
        made.append(self)
        return advance(self, *arguments, **options)

    monkeypatch.setattr(NativePlane, "advance", counted)
    snapshot = await Catalogue(replace(config, warm=warm)).first()
    assert {id(plane) for plane in made} == (
        {id(plane) for plane in snapshot.planes.values()} if warm else set()
    )
