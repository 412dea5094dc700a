"""A folder of a voice or of a model of images that is broken is logged, and takes nothing from the others."""

import json
import shutil

import grpc
import pytest
from structlog.testing import capture_logs

from tests.server.calls import of_audio, stream_bytes
from wavesynth.server.server import Server, ServerConfig
from wavesynth.v1 import images_pb2, synthesis_pb2
from wavesynth.v1.images_pb2_grpc import ImageServiceStub
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="session")


def copies(source, name, folder, file, changes):
    """Copies of one folder of `source`: "whole", and one for each of the changes to its description."""
    for number, change in enumerate([{"name": "whole"}, *changes]):
        copy = folder / ("whole" if number == 0 else f"bad-{number}")
        shutil.copytree(source / name, copy)
        described = json.loads((copy / file).read_text())
        (copy / file).write_text(json.dumps(described | {"name": copy.name} | change))
    return folder


async def test_what_is_broken_is_logged_and_the_others_are_served(voices, models, tmp_path):
    changes = [{"description": "\ud800"}, {"description": "x" * 17_000_000}, {"name": "whole"}]
    bad_voices = copies(voices, "tiny", tmp_path / "voices", "voice.json", changes)
    bad_models = copies(models, "binary", tmp_path / "models", "model.json", changes)
    config = ServerConfig(port=0, voices=bad_voices, images=bad_models, live_streams=8, threads=1)
    with capture_logs() as logs:
        async with (
            Server(config) as server,
            grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        ):
            speech, images = SynthesisServiceStub(channel), ImageServiceStub(channel)
            listed = await speech.ListVoices(synthesis_pb2.ListVoicesRequest())
            assert [voice.name for voice in listed.voices] == ["whole"]
            assert len(await stream_bytes(speech, **of_audio(1000))) == 2000
            of_images = await images.ListImageModels(images_pb2.ListImageModelsRequest())
            assert [model.name for model in of_images.models] == ["whole"]
    reasons = [entry["reason"] for entry in logs if entry["event"].startswith("left out")]
    for folder, file in ((bad_voices, "voice.json"), (bad_models, "model.json")):
        its = [reason for reason in reasons if reason.startswith(str(folder))]
        assert its[0] == (
            f"{folder}/bad-1/{file}: description has '\\ud800'; it must have no control characters"
        )
        assert its[1].startswith(f"{folder}/bad-2/{file} has 170") and its[1].endswith(
            "at most 1048576 are read"
        )
        assert its[2:] == [f"{folder}/whole/{file}: name is 'whole', which {folder}/bad-3 has too"]
