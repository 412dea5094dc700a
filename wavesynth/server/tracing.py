"""Traces of calls for OpenTelemetry, where its environment variables say where to send them. Without them nothing of it
is imported, and no call pays for it.

A call has one span. Its parts are made when it ends, of times that were noted: admission, queue, first audio, sampling
and write, as far as the call came to them. A step has no span, since there may be hundreds in a second; sampling says
how many there were.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import grpc

from wavesynth.extras import extra
from wavesynth.formats import version
from wavesynth.server.telemetry import log
from wavesynth.v1 import admin_pb2, images_pb2
from wavesynth.v1 import synthesis_pb2 as pb

if TYPE_CHECKING:
    from wavesynth.server.telemetry import Call

__all__ = ["CallSpan", "Tracing", "tracing_from_environment"]

#: Seconds in which what waits is sent when the server ends.
_LAST_WORDS = 2.0
#: Codes that are the service's fault, as OpenTelemetry's conventions for RPC have them.
_FAULTS = ("UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")
#: The service of each method.
_SERVICES = {
    method.name: service.full_name
    for file in (pb, images_pb2, admin_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


def tracing_from_environment() -> Tracing | None:
    """Traces as the variables OTEL_... say: those of an endpoint, or OTEL_TRACES_EXPORTER=otlp, turn them on. None
    without, and where they cannot be had, which is logged."""
    named = os.environ.get("OTEL_TRACES_EXPORTER", "")
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or os.environ.get(
        "OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if off or named not in ("", "otlp") or not (named or endpoint):
        return None
    try:
        with extra("otel", "OpenTelemetry, which OTEL_... asks for,"):
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except OSError as error:
        log("calls are not traced", "warning", reason=str(error))
        return None
    names = {"service.version": version()}
    if not (
        "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    ):
        names["service.name"] = "wavesynth"
    provider = TracerProvider(resource=Resource.create(names), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider)


class Tracing:
    """Makes spans by an SDK's tracer provider. For one event loop."""

    def __init__(self, provider: Any) -> None:
        from opentelemetry import propagate, trace

        self._provider, self._trace = provider, trace
        self._extract = propagate.extract
        self._tracer = provider.get_tracer("wavesynth", version())

    def begin(self, call: Call, metadata: Any) -> CallSpan:
        """The span of a call that begins now; its parent is what the caller's metadata names (W3C traceparent)."""
        parent = self._extract({key: value for key, value in metadata if isinstance(value, str)})
        return CallSpan(self._tracer, self._trace, call, parent)

    def close(self) -> None:
        """Sends what waits, and waits for that, but not for long."""
        ending = threading.Thread(target=self._provider.shutdown, name="wavesynth-traces", daemon=True)
        ending.start()
        ending.join(_LAST_WORDS)


class CallSpan:
    """The span of one call."""

    def __init__(self, tracer: Any, trace: Any, call: Call, parent: Any) -> None:
        self._tracer, self._trace = tracer, trace
        self._shift = time.time() - time.monotonic()
        service = _SERVICES.get(call.method, "")
        names = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": call.method}
        names |= {"wavesynth.request_id": call.request_id}
        self._span = tracer.start_span(
            f"{service}/{call.method}",
            parent,
            kind=trace.SpanKind.SERVER,
            attributes=names,
            start_time=self._at(call.started),
        )

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits, as the log has it."""
        return format(self._span.get_span_context().trace_id, "032x")

    def end(self, call: Call, code: str, message: str) -> None:
        """The call has ended so; makes its parts."""
        now = time.monotonic()
        if self._span.is_recording():
            self._parts(call)
            self._span.set_attribute("rpc.grpc.status_code", grpc.StatusCode[code].value[0])
            self._span.set_attribute("wavesynth.voice", call.voice)
            self._span.set_attribute("wavesynth.samples", call.samples)
            if call.bearer:
                self._span.set_attribute("wavesynth.client", call.bearer.token.name)
            if code in _FAULTS:
                self._span.set_status(self._trace.StatusCode.ERROR, message or code)
        self._span.end(self._at(now))

    def _parts(self, call: Call) -> None:
        context = self._trace.set_span_in_context(self._span)

        def part(name: str, begin: float, end: float, **attributes: Any) -> None:
            span = self._tracer.start_span(name, context, attributes=attributes, start_time=self._at(begin))
            span.end(self._at(max(begin, end)))

        if call.opened is not None:
            part("admission", call.started, call.opened)
        if call.first_sent is not None and call.last_sent is not None:
            part(
                "write",
                call.first_sent,
                call.last_sent,
                messages=call.messages,
                seconds_waited=call.write_seconds,
            )
        if (made := call.statistics) is None:
            return
        first_step = made.started + made.queued
        part("queue", made.started, first_step)
        part("first audio", made.started, made.started + made.time_to_first_audio)
        part(
            "sampling",
            first_step,
            call.last_made,
            steps=made.steps,
            streams_per_step=made.step_streams / max(1, made.steps),
            real_time_factor=made.real_time_factor,
        )

    def _at(self, monotonic: float) -> int:
        """Nanoseconds since 1970."""
        return round((monotonic + self._shift) * 1e9)
