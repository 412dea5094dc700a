import grpc
import pytest
import pytest_asyncio
import torch

from tests.voices_for_tests import tiny_voice
from wavesynth.images.model import ImageModel, save_image_model
from wavesynth.models.image_flows_config import NICEConfig
from wavesynth.models.images import image_model
from wavesynth.models.nice import NICE
from wavesynth.models.pixels import ImageModelConfig
from wavesynth.networks import Network
from wavesynth.server.server import Server, ServerConfig
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub


@pytest.fixture(scope="session")
def voices(tmp_path_factory):
    """A folder of three voices: tiny (the default), of-two with speakers, free without mel."""
    folder = tmp_path_factory.mktemp("voices")
    tiny_voice(folder, "tiny")
    tiny_voice(folder, "of-two", speakers=2, layers=5)
    tiny_voice(folder, "free", mel=False, layers=5)
    return folder


@pytest.fixture(scope="session")
def config(voices):
    return ServerConfig(port=0, voices=voices, live_streams=8, max_seconds=20, threads=1)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(config):
    """One server for all tests that only call it."""
    async with Server(config) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def channel(server):
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options) as channel:
        yield channel


@pytest.fixture
def stub(channel):
    return SynthesisServiceStub(channel)


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder of three models of 6 x 5 pixels: binary, classes with three of them, and whole, whose images come whole;
    and one that takes long."""
    folder = tmp_path_factory.mktemp("images")
    for name, values in (
        ("binary", {"levels": 2}),
        ("classes", {"levels": 256, "labels": 3}),
        ("long", {"levels": 2, "height": 60, "width": 60}),
    ):
        torch.manual_seed(0)
        small = {"height": 6, "width": 5, "features": 8, "hidden": 8, "layers": 2, "first_kernel": 3}
        model = image_model(ImageModelConfig(**small | values))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
        save_image_model(folder / name, ImageModel(name, "noise", "CC0-1.0", "", Network.of(model), 0))
    flow = Network.of(NICE(NICEConfig(height=6, width=5, layers=1, features=8)))
    save_image_model(folder / "whole", ImageModel("whole", "noise", "CC0-1.0", "", flow, 0, "nice"))
    return folder
