import grpc
import pytest
import pytest_asyncio

from tests.voices_for_tests import tiny_voice
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
