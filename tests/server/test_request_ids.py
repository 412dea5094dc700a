"""What a call is named by: in the log, and to its caller."""

import grpc
import pytest
from structlog.testing import capture_logs

from tests.server.calls import of_audio
from tests.server.running import synthesizing
from wavesynth.server.request_ids import request_id
from wavesynth.server.web.config import WebConfig
from wavesynth.v1 import synthesis_pb2 as pb

websockets = pytest.importorskip("websockets.asyncio.client", reason="needs websockets: pip install '.[web]'")
pytestmark = pytest.mark.asyncio(loop_scope="session")


def named(metadata):
    return dict(metadata)["x-request-id"]


async def test_a_call_has_the_name_that_its_caller_gives_it(config):
    given = [("x-request-id", "Root=1-67891233:a/b")]
    with capture_logs() as logs:
        async with synthesizing(config) as (_, stub):
            live = stub.StreamSynthesize(pb.StreamSynthesizeRequest(**of_audio()), metadata=given)
            assert named(await live.initial_metadata()) == given[0][1]
            assert [response async for response in live]
            whole = stub.Synthesize(pb.SynthesizeRequest(**of_audio()), metadata=given)
            refused = stub.Synthesize(pb.SynthesizeRequest(**of_audio(voice="nobody")), metadata=given)
            await whole
            with pytest.raises(grpc.aio.AioRpcError):
                await refused
            for call in (live, whole, refused):
                assert named(await call.trailing_metadata()) == given[0][1]
    lines = [line["request_id"] for line in logs if line["event"] == "call"]
    assert lines == [given[0][1]] * 3


async def test_a_call_without_a_name_gets_one_of_its_own(config):
    with capture_logs() as logs:
        async with synthesizing(config) as (_, stub):
            calls = [stub.ListVoices(pb.ListVoicesRequest()) for _ in range(2)]
            names = [named(await call.trailing_metadata()) for call in calls]
    assert len(set(names)) == 2
    assert sorted(line["request_id"] for line in logs if line["event"] == "call") == sorted(names)


@pytest.mark.parametrize("given", ["", "a b", "a\nb", 'a"b', "é", "x" * 129, b"bytes", None])
async def test_what_would_not_do_for_a_name_is_not_one(given):
    made = request_id(given)
    assert made != given and request_id(made) == made


async def test_a_fault_is_logged_below_the_name_that_its_caller_is_told(config, caplog):
    given = [("x-request-id", "mine")]
    async with synthesizing(config) as (server, stub):
        server.engine.planes["tiny"].advance = lambda *_: 1 / 0
        with pytest.raises(grpc.aio.AioRpcError, match="its log says how, as request mine"):
            await stub.Synthesize(pb.SynthesizeRequest(**of_audio()), metadata=given)
    assert "making audio failed, voice tiny, request mine" in caplog.text


async def test_a_websocket_is_named_by_its_handshake(config):
    with capture_logs() as logs:
        async with synthesizing(config, web=WebConfig(0)) as (server, _):
            address = f"ws://127.0.0.1:{server.web_port}/stream"
            for headers in ({"X-Request-Id": "from-a-proxy"}, {"X-Request-Id": "not sane"}):
                async with websockets.connect(address, additional_headers=headers) as socket:
                    await socket.send('{"synthesis": {"voice": "nobody"}, "audio": {}}')
                    said = await socket.recv()
                    name = socket.response.headers["X-Request-Id"]
                    assert f'"requestId": "{name}"' in said
    lines = [line["request_id"] for line in logs if line["event"] == "call"]
    assert lines[0] == "from-a-proxy" and lines[1] == name != "not sane"
