"""The server: voices, engine and services in one process, from start to drain."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from typing import Self

from prometheus_client import CollectorRegistry, start_http_server

from wavesynth.engine.config import EngineConfig
from wavesynth.engine.engine import Engine
from wavesynth.engine.plane import DataPlane
from wavesynth.engine.planes import plane_of
from wavesynth.engine.scheduler import Capacity
from wavesynth.engine.stream import EngineRequest, EngineStream
from wavesynth.server.async_engine import AsyncEngine
from wavesynth.server.config import ServerConfig
from wavesynth.server.images import served_images
from wavesynth.server.measuring import capacity_of_machine
from wavesynth.server.services import Services
from wavesynth.server.sockets import check_port, host_and_port, listening, plain
from wavesynth.server.telemetry import Metrics
from wavesynth.server.tls import read_tls
from wavesynth.server.validation import Requests
from wavesynth.voices.loaded import LoadedVoice, load_voices

__all__ = [
    "Server",
    "ServerConfig",
    "capacity_of",
    "check_files_and_ports",
    "loaded",
    "serve",
    "serve_metrics",
]


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
        tls = check_files_and_ports(config)
        voices, planes, engine_config = loaded(config)
        capacity = await capacity_of(config, voices, planes, engine_config)
        loop = asyncio.get_running_loop()

        def notify(streams: Sequence[EngineStream]) -> None:
            loop.call_soon_threadsafe(async_engine.wake, streams)

        def lost() -> None:
            loop.call_soon_threadsafe(self._engine_lost)

        async def open_stream(request: EngineRequest) -> EngineStream:
            return self.engine.open(request)

        async_engine = AsyncEngine(open_stream)
        self.engine = Engine(voices, capacity, engine_config, notify, lost, planes)
        self.metrics = Metrics(lambda: self.engine.live)
        self.requests = Requests((loaded.voice for loaded in voices.values()), config.max_seconds)
        async with AsyncExitStack() as stack:
            page = None
            if config.web is not None:
                page = stack.enter_context(listening(config.host, config.web.port, "serve the page"))
                self.web_port = page.getsockname()[1]
            if config.metrics_port is not None:
                stack.enter_context(serve_metrics(config.host, config.metrics_port, self.metrics.registry))
            stack.enter_context(self.engine)
            images = served_images(config.images)
            services = Services(config, async_engine, self.requests, images, self.metrics, tls, page)
            self._services = await stack.enter_async_context(services)
            self.port = services.port
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stops at once; `drain` before it is kinder."""
        await self._stack.aclose()

    async def drain(self) -> None:
        """Says NOT_SERVING, refuses new calls with UNAVAILABLE, and waits for those under way."""
        await self._services.drain(self.config.grace)

    def _engine_lost(self) -> None:
        self._unhealthy = asyncio.create_task(self._services.say_not_serving())


def loaded(config: ServerConfig) -> tuple[dict[str, LoadedVoice], dict[str, DataPlane], EngineConfig]:
    """The voices, what makes their streams, and how the engine runs."""
    engine_config = EngineConfig(chunk=config.chunk, workers=config.threads)
    live = config.live_streams
    # Offline streams that wait take memory too, but no step has more streams than may be live.
    max_streams = None if live is None else live + engine_config.waiting
    voices = load_voices(config.voices, config.backend, config.threads, max_streams, live)
    return voices, {name: plane_of(loaded) for name, loaded in voices.items()}, engine_config


async def capacity_of(
    config: ServerConfig,
    voices: Mapping[str, LoadedVoice],
    planes: Mapping[str, DataPlane],
    engine_config: EngineConfig,
) -> Capacity:
    """How many live streams there is room for: as many as the configuration says, or as this machine carries."""
    if config.live_streams is not None:
        return Capacity.of(config.live_streams, voices)
    return await capacity_of_machine(voices, planes, engine_config)


def check_files_and_ports(config: ServerConfig) -> tuple[bytes, bytes] | None:
    """TLS's certificate chain and private key, PEM, if there are any. Raises ValueError or OSError, in a sentence, for
    files and ports that cannot be used: before voices are loaded."""
    ports = {"listen": config.port, "serve metrics": config.metrics_port}
    ports["serve the page"] = None if config.web is None else config.web.port
    with ExitStack() as tried:  # all at once, since no two of them may be one
        for purpose, port in ports.items():
            if port is not None:
                tried.enter_context(listening(config.host, port, purpose))
    return None if config.tls is None else read_tls(*config.tls)


@contextmanager
def serve_metrics(host: str, port: int, registry: CollectorRegistry) -> Iterator[None]:
    """Serves metrics over HTTP."""
    try:
        server, thread = start_http_server(port, plain(host), registry)
    except OSError as error:
        check_port(host, port, "serve metrics")
        raise OSError(f"cannot serve metrics on {host_and_port(host, port)}: {error.strerror}") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


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
