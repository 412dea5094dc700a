"""The server: voices, engine and services in one process, from start to drain."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any, Self

from wavesynth.engine.stream import EngineRequest, EngineStream
from wavesynth.server.async_engine import AsyncEngine
from wavesynth.server.call_metrics import Metrics
from wavesynth.server.catalogue import Catalogue, Snapshot, engine_of
from wavesynth.server.config import ServerConfig
from wavesynth.server.engine_metrics import watch_engine
from wavesynth.server.loading import check_files_and_ports
from wavesynth.server.metrics_server import serve_metrics
from wavesynth.server.processes.supervisor import ServerWithFrontEnds
from wavesynth.server.reloading import Files, Reload
from wavesynth.server.services import Services
from wavesynth.server.sockets import listening
from wavesynth.server.validation import Requests

__all__ = ["Server", "ServerConfig", "serve"]


class Server:
    """A running server, as an asynchronous context manager.

    Entering it raises ValueError or OSError, in a sentence, for voices, files or ports that cannot be used.
    """

    def __init__(self, config: ServerConfig) -> None:
        self.config = config
        self.port = config.port
        self.web_port = 0
        self.lost = asyncio.Event()
        """Set when the engine can do nothing any more: all streams have ended, and health says so."""
        self.ready = False
        """Whether it takes calls."""

    async def __aenter__(self) -> Self:
        config = self.config
        check_files_and_ports(config)
        catalogue = Catalogue(config)
        snapshot = await catalogue.first()
        loop = asyncio.get_running_loop()

        def notify(streams: Sequence[EngineStream]) -> None:
            loop.call_soon_threadsafe(async_engine.wake, streams)

        def lost() -> None:
            loop.call_soon_threadsafe(self._engine_lost)

        async def open_stream(request: EngineRequest) -> EngineStream:
            return self.engine.open(request)

        async_engine = AsyncEngine(open_stream)
        self.engine = engine_of(snapshot, catalogue.engine_config, notify, lost)
        self.metrics = Metrics()
        watch_engine(self.metrics.registry, self.engine)
        self.requests = Requests(snapshot.served, config.max_seconds)

        async def offer(now: Snapshot) -> Files:
            self._services.offer(now.served, now.images)
            return await asyncio.to_thread(self._services.read_files)

        self.reload = Reload(catalogue, snapshot, self.engine, offer)
        """Reads voices, models of images, tokens and certificates again."""
        async with AsyncExitStack() as stack:
            page = None
            if config.web is not None:
                page = stack.enter_context(listening(config.host, config.web.port, "serve the page"))
                self.web_port = page.getsockname()[1]
            if config.metrics_port is not None:
                stack.enter_context(
                    serve_metrics(
                        config.metrics_host,
                        config.metrics_port,
                        self.metrics.registry,
                        lambda: self.ready,
                        lambda: self.engine.voices,
                    )
                )
            stack.enter_context(self.engine)
            services = Services(
                config, async_engine, self.requests, snapshot.images, self.metrics, self.reload, page
            )
            self._services = await stack.enter_async_context(services)
            self.port = services.port
            self._stack = stack.pop_all()
        self.ready = True
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stops at once; `drain` before it is kinder."""
        await self._stack.aclose()

    async def drain(self) -> None:
        """Says NOT_SERVING, refuses new calls with UNAVAILABLE, and waits for those under way."""
        self.ready = False
        await self._services.drain(self.config.grace_after(self.lost.is_set()))

    def _engine_lost(self) -> None:
        self.ready = False
        self.lost.set()
        self._services.say_not_serving()


async def serve(config: ServerConfig, ready: Callable[[Server | ServerWithFrontEnds], None]) -> bool:
    """Runs a server until SIGTERM or SIGINT, or until its engine is lost, then drains it; a second signal ends it at
    once. Whether it had an engine to the end.

    SIGHUP ends nothing: it has voices, tokens and certificates read again.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it is ready
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    async with ServerWithFrontEnds(config) if config.workers else Server(config) as server:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, server.reload.begin)
        # Voices and modules stay: a collection that looks through them stops every stream for a tenth of a second.
        gc.freeze()
        ready(server)
        await _first(stop.wait(), server.lost.wait())
        stop.clear()
        await _first(server.drain(), stop.wait())
    return not server.lost.is_set()


async def _first(*these: Coroutine[Any, Any, object]) -> None:
    """Waits for the first of these to end; the others go on."""
    await asyncio.wait(map(asyncio.create_task, these), return_when=asyncio.FIRST_COMPLETED)
