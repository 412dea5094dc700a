"""The server: voices, engine and service behind one port, from start to drain."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import grpc
from grpc_health.v1 import health, health_pb2
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection
from prometheus_client import start_http_server

from wavesynth.checks import require, require_whole
from wavesynth.engine.capacity import measure_capacity
from wavesynth.engine.config import EngineConfig
from wavesynth.engine.engine import Engine
from wavesynth.engine.scheduler import Capacity
from wavesynth.extras import extra
from wavesynth.images.model import load_image_models
from wavesynth.server.admission import Admission
from wavesynth.server.async_engine import AsyncEngine
from wavesynth.server.image_worker import ImageWorker
from wavesynth.server.images import ImageService
from wavesynth.server.service import SynthesisService
from wavesynth.server.sockets import check_port, host_and_port, listening, plain
from wavesynth.server.telemetry import Metrics
from wavesynth.server.tls import read_tls
from wavesynth.server.validation import Requests
from wavesynth.server.web.config import WebConfig
from wavesynth.v1 import MAX_MESSAGE, images_pb2
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.images_pb2_grpc import add_ImageServiceServicer_to_server
from wavesynth.v1.synthesis_pb2_grpc import add_SynthesisServiceServicer_to_server
from wavesynth.voices.folders import SHIPPED
from wavesynth.voices.loaded import LoadedVoice, load_voices
from wavesynth.workers import cores

__all__ = ["Server", "ServerConfig", "serve"]

_SERVICES = (
    pb.DESCRIPTOR.services_by_name["SynthesisService"].full_name,
    images_pb2.DESCRIPTOR.services_by_name["ImageService"].full_name,
)
_HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

#: Milliseconds between a client's pings, at least; gRPC's own limit of five minutes would end calls that are silent.
PING_INTERVAL_MS = 1_000


@dataclass(frozen=True)
class ServerConfig:
    """How the server runs."""

    host: str = "127.0.0.1"
    port: int = 50051
    """0 takes a free one."""
    voices: Path = SHIPPED
    images: Path | None = None
    """A folder of models of images, instead of those that ship."""
    backend: str = "cpu"
    threads: int = field(default_factory=lambda: max(1, cores() - 1))
    """Threads that sample; one core is left for analysis and for moving bytes."""
    live_streams: int | None = None
    """Live streams at once; measured if None."""
    chunk: int = 160
    """Samples of a live stream that are made, and handed out, at a time: see EngineConfig."""
    max_seconds: float = 600.0
    """Seconds of audio that a call may make."""
    grace: float = 30.0
    """Seconds that calls under way have to end at shutdown."""
    metrics_port: int | None = None
    tls: tuple[Path, Path] | None = None
    """Files of the certificate chain and of its private key, PEM."""
    token: str | None = None
    """What clients must send as `authorization: Bearer TOKEN`."""
    web: WebConfig | None = None
    """The web page, if there is to be one."""

    def __post_init__(self) -> None:
        require_whole(self, {"port": (0, 65535), "threads": (1, 1024)})
        if self.metrics_port is not None:
            require_whole(self, {"metrics_port": (1, 65535)})
        if self.live_streams is not None:
            require_whole(self, {"live_streams": (1, 100_000)})
        require(self, "max_seconds", 0 < self.max_seconds <= 86_400, "above 0 and at most 86400 seconds")
        require(self, "grace", 0 <= self.grace <= 3600, "from 0 to 3600 seconds")


class Server:
    """A running server, as an asynchronous context manager.

    Entering it raises ValueError or OSError, in a sentence, for voices, files or ports that cannot be used.
    """

    def __init__(self, config: ServerConfig) -> None:
        self.config = config
        self.port = config.port
        self.web_port = 0

    async def __aenter__(self) -> Self:
        config = self.config
        credentials = _credentials(config)
        voices, capacity, engine_config = _loaded(config)
        loop = asyncio.get_running_loop()

        def lost() -> None:
            loop.call_soon_threadsafe(self._engine_lost)

        async_engine = AsyncEngine(loop, lambda notify: Engine(voices, capacity, engine_config, notify, lost))
        self.engine = async_engine.engine
        self.metrics = Metrics(lambda: self.engine.live)
        self.requests = Requests((loaded.voice for loaded in voices.values()), config.max_seconds)
        self._admission = Admission(self.metrics, config.token)
        service = SynthesisService(async_engine, self.requests, self._admission)
        image_worker = ImageWorker()
        images = ImageService(load_image_models(config.images), image_worker, self._admission)
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]
        self._grpc = grpc.aio.server(options=_grpc_options())
        add_SynthesisServiceServicer_to_server(service, self._grpc)
        add_ImageServiceServicer_to_server(images, self._grpc)
        add_HealthServicer_to_server(self._health, self._grpc)
        reflection.enable_server_reflection((*_SERVICES, _HEALTH, reflection.SERVICE_NAME), self._grpc)
        self.port = self._bind(credentials)
        async with AsyncExitStack() as stack:
            if config.metrics_port is not None:
                stack.enter_context(_metrics(config.host, config.metrics_port, self.metrics))
            stack.enter_context(self.engine)
            stack.callback(image_worker.close)
            stack.push_async_callback(self._grpc.stop, 0)
            await self._grpc.start()
            if config.web is not None:
                served = _page(service, self.requests, images, config, config.web)
                self.web_port = await stack.enter_async_context(served)
            await self._set_health(health_pb2.HealthCheckResponse.SERVING)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stops at once; `drain` before it is kinder."""
        await self._stack.aclose()

    async def drain(self) -> None:
        """Says NOT_SERVING, refuses new calls with UNAVAILABLE, and waits for those under way."""
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._admission.drain(self.config.grace)

    def _engine_lost(self) -> None:
        """Health says so, for whoever starts servers to start another."""
        self._unhealthy = asyncio.create_task(self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING))

    async def _set_health(self, status: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        for name in ("", *_SERVICES):
            await self._health.set(name, status)

    def _bind(self, credentials: grpc.ServerCredentials | None) -> int:
        address = host_and_port(self.config.host, self.config.port)
        try:
            if credentials is None:
                return self._grpc.add_insecure_port(address)
            return self._grpc.add_secure_port(address, credentials)
        except RuntimeError as error:
            check_port(self.config.host, self.config.port)  # says why, if somebody was faster
            raise OSError(f"cannot listen on {address}: gRPC refuses it") from error


def _loaded(config: ServerConfig) -> tuple[dict[str, LoadedVoice], Capacity, EngineConfig]:
    """The voices, how many streams they can carry, and how the engine runs."""
    engine_config = EngineConfig(chunk=config.chunk)
    live = config.live_streams
    # Offline streams that wait take memory too, but no step has more streams than may be live.
    max_streams = None if live is None else live + engine_config.waiting
    voices = load_voices(config.voices, config.backend, config.threads, max_streams, live)
    capacity = measure_capacity(voices, engine_config) if live is None else Capacity.of(live, voices)
    return voices, capacity, engine_config


def _grpc_options() -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", MAX_MESSAGE),
        ("grpc.max_send_message_length", MAX_MESSAGE),
        ("grpc.so_reuseport", 0),  # a port in use is an error, not a second server on it
        ("grpc.keepalive_time_ms", 20_000),  # a caller that vanished gives its slot back
        ("grpc.keepalive_timeout_ms", 20_000),  # is TCP's; gRPC has another for the ping (of 60 s)
        ("grpc.http2.ping_timeout_ms", 20_000),
        ("grpc.http2.max_pings_without_data", 0),
        # Input is read no further ahead than it is needed. With windows that grow by themselves, a fast sender
        # fills a slow line with megabytes, and its pings wait behind them.
        ("grpc.http2.bdp_probe", 0),
        # Clients ask whether the server is there, over a silent call and between calls; more often is abuse.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", PING_INTERVAL_MS),
    ]


def _credentials(config: ServerConfig) -> grpc.ServerCredentials | None:
    """The credentials of TLS, if there are any. Raises ValueError or OSError, in a sentence, for files and ports that
    cannot be used: before voices are loaded."""
    ports = {"listen": config.port, "serve metrics": config.metrics_port}
    ports["serve the page"] = None if config.web is None else config.web.port
    with ExitStack() as tried:  # all at once, since no two of them may be one
        for purpose, port in ports.items():
            if port is not None:
                tried.enter_context(listening(config.host, port, purpose))
    if config.tls is None:
        return None
    certificate, key = read_tls(*config.tls)
    return grpc.ssl_server_credentials([(key, certificate)])


@contextmanager
def _metrics(host: str, port: int, metrics: Metrics) -> Iterator[None]:
    """Serves `metrics` over HTTP."""
    try:
        server, thread = start_http_server(port, plain(host), metrics.registry)
    except OSError as error:
        check_port(host, port, "serve metrics")
        raise OSError(f"cannot serve metrics on {host_and_port(host, port)}: {error.strerror}") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _page(
    service: SynthesisService,
    requests: Requests,
    images: ImageService,
    config: ServerConfig,
    web: WebConfig,
) -> AbstractAsyncContextManager[int]:
    """Serves the page beside gRPC; what it needs is loaded here, for those who want it."""
    with extra("web", "the page"):
        from wavesynth.server.web.page import page, serve_page
    return serve_page(
        page(service, requests, images, web, config.token is not None), config.host, web.port, config.tls
    )


async def serve(config: ServerConfig, ready: Callable[[Server], None]) -> None:
    """Runs a server until SIGTERM or SIGINT, then drains it; a second signal ends it at once."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    async with Server(config) as server:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        # Voices and modules stay: a collection that looks through them stops every stream for a tenth of a second.
        gc.freeze()
        ready(server)
        await stop.wait()
        stop.clear()
        drained = asyncio.create_task(server.drain())
        await asyncio.wait([drained, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
