"""Traces of calls: what a collector gets of one, and that nobody pays for them where nobody asks."""

from concurrent import futures

import grpc
import pytest
from structlog.testing import capture_logs

from tests.server.calls import clip, configuration, of_audio, rest_of, streamed
from tests.server.running import synthesizing
from wavesynth.extras import install_command
from wavesynth.server.processes.supervisor import ServerWithFrontEnds
from wavesynth.server.server import Server
from wavesynth.server.tracing import Tracing, tracing_from_environment
from wavesynth.v1 import synthesis_pb2 as pb

MISSING = "needs OpenTelemetry: pip install '.[otel]'"
sdk = pytest.importorskip("opentelemetry.sdk.trace", reason=MISSING)
export = pytest.importorskip("opentelemetry.sdk.trace.export", reason=MISSING)
memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter", reason=MISSING)
collector = pytest.importorskip(
    "opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc", reason=MISSING
)
messages = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2", reason=MISSING)

pytestmark = pytest.mark.asyncio(loop_scope="session")

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LIVE = "wavesynth.v1.SynthesisService/StreamSynthesize"


@pytest.fixture
def finished(monkeypatch):
    """`finished()`: the spans that have ended, by name, of servers that begin now."""
    exporter, provider = memory.InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    monkeypatch.setattr("wavesynth.server.services.tracing_from_environment", lambda: Tracing(provider))
    return lambda: {span.name: span for span in exporter.get_finished_spans()}


async def test_a_call_is_a_span_of_its_callers_trace_with_its_parts(config, finished):
    with capture_logs() as logs:
        async with synthesizing(config) as (_, stub):
            request = pb.StreamSynthesizeRequest(**of_audio(3200))
            given = [("traceparent", PARENT), ("x-request-id", "mine")]
            assert [one async for one in stub.StreamSynthesize(request, metadata=given)]
    spans = finished()
    call = spans.pop(LIVE)
    assert set(spans) == {"admission", "queue", "first audio", "sampling", "write"}
    assert format(call.context.trace_id, "032x") == PARENT.split("-")[1]
    assert format(call.parent.span_id, "016x") == PARENT.split("-")[2]
    assert all(part.parent.span_id == call.context.span_id for part in spans.values())
    assert all(
        call.start_time <= part.start_time <= part.end_time <= call.end_time for part in spans.values()
    )
    assert spans["queue"].end_time == spans["sampling"].start_time <= spans["first audio"].end_time
    assert call.attributes["wavesynth.request_id"] == "mine" and call.attributes["wavesynth.voice"] == "tiny"
    assert call.attributes["wavesynth.samples"] == 3200 and call.attributes["rpc.grpc.status_code"] == 0
    sampling = spans["sampling"].attributes
    assert sampling["steps"] >= 2 and sampling["streams_per_step"] == 1
    assert spans["write"].attributes["messages"] >= 1 and spans["write"].attributes["seconds_waited"] > 0
    (line,) = [line for line in logs if line["event"] == "call"]
    assert line["trace_id"] == PARENT.split("-")[1]


async def test_a_refused_call_has_its_code_and_a_fault_of_ours_is_an_error(config, finished):
    async with synthesizing(config) as (server, stub):
        with pytest.raises(grpc.aio.AioRpcError):
            await streamed(stub, **of_audio(voice="nobody"))
        refused = finished()[LIVE]
        server.engine.planes["tiny"].advance = lambda *_: 1 / 0
        with pytest.raises(grpc.aio.AioRpcError):
            await streamed(stub, **of_audio())
    assert refused.attributes["rpc.grpc.status_code"] == 5 and not refused.status.status_code.value
    assert finished()[LIVE].status.status_code.name == "ERROR"
    assert "sampling" not in finished()


async def test_a_call_that_makes_no_audio_and_one_that_is_refused_have_no_part(config, finished):
    async with synthesizing(config) as (_, stub):
        await stub.ListVoices(pb.ListVoicesRequest())
        with pytest.raises(grpc.aio.AioRpcError):
            await streamed(stub, **of_audio(voice="nobody"))
    assert set(finished()) == {"wavesynth.v1.SynthesisService/ListVoices", LIVE}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1"},
        {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1"},
    ],
)
async def test_nothing_is_traced_unless_the_environment_says_where_to(monkeypatch, environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert tracing_from_environment() is None


async def test_without_opentelemetry_calls_are_served_and_the_log_says_what_to_install(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:1")
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.trace", None)
    with capture_logs() as logs:
        assert tracing_from_environment() is None
    assert install_command("otel") in logs[0]["reason"]


class Collector(collector.TraceServiceServicer):  # type: ignore[name-defined]
    """Keeps the spans that it is sent, by name, with their resources."""

    def __init__(self):
        self.spans = {}

    def Export(self, request, context):  # noqa: N802
        for sent in request.resource_spans:
            resource = {one.key: one.value.string_value for one in sent.resource.attributes}
            for scope in sent.scope_spans:
                self.spans |= {span.name: (span, resource) for span in scope.spans}
        return messages.ExportTraceServiceResponse()


@pytest.mark.parametrize(("kind", "workers"), [(Server, 0), (ServerWithFrontEnds, 1)])
async def test_a_collector_gets_the_spans_by_the_time_the_server_has_ended(
    config, monkeypatch, kind, workers
):
    server, there = grpc.server(futures.ThreadPoolExecutor(1)), Collector()
    collector.add_TraceServiceServicer_to_server(there, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    try:
        async with synthesizing(config, kind, workers=workers) as (ours, stub):
            call = stub.Resynthesize(metadata=[("traceparent", PARENT)])
            await call.write(configuration())
            await call.write(pb.ResynthesizeRequest(audio=clip(1600).tobytes()))
            await call.done_writing()
            await rest_of(call)
            await ours.drain()
    finally:
        server.stop(None)
    span, resource = there.spans["wavesynth.v1.SynthesisService/Resynthesize"]
    assert span.trace_id.hex() == PARENT.split("-")[1] and resource["service.name"] == "wavesynth"
    sampling, _ = there.spans["sampling"]
    assert sampling.parent_span_id == span.span_id
    assert {one.key: one.value.int_value for one in sampling.attributes}["steps"] >= 1
