"""The engine's process of `wavesynth serve --workers N`: starts front ends, replaces those that end, and ends them."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import time
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from typing import Any, Self

from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from wavesynth.engine.stream import EngineStream
from wavesynth.extras import extra
from wavesynth.server.back_off import BackOff
from wavesynth.server.catalogue import Catalogue, Snapshot, engine_of
from wavesynth.server.config import ServerConfig
from wavesynth.server.engine_metrics import watch_engine
from wavesynth.server.loading import check_files_and_ports
from wavesynth.server.metrics_server import serve_metrics
from wavesynth.server.processes.front_end import plain_start
from wavesynth.server.processes.gateway import FrontEndLink, Gateway
from wavesynth.server.processes.memory import SharedSlots
from wavesynth.server.processes.offers import Offers, offer_of
from wavesynth.server.processes.template import METRICS, Template
from wavesynth.server.processes.wire import Wire
from wavesynth.server.reloading import Files, Reload
from wavesynth.server.sockets import listening, sharing
from wavesynth.server.telemetry import log

__all__ = ["ServerWithFrontEnds"]

#: Seconds that a front end has to say that it listens.
_START = 60.0
#: Seconds after which a front end that has ended is no sign that the next one will end too.
_SETTLED = 5.0
#: Seconds before a front end is started in the place of one that ended sooner, and at most so many after many in a row.
_AGAIN, _LONGEST = 0.1, 5.0
#: Seconds beyond the grace of calls that front ends have to end.
_ENDING = 5.0


class FrontEnd:
    """A front end's process, as the engine's process has it."""

    def __init__(self, link: FrontEndLink, offered: int) -> None:
        self.link, self.started = link, time.monotonic()
        self.offered = offered
        """The round of offers of which it knows from its start."""
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[int] = loop.create_future()
        """Its process's number, once it listens; or why it does not."""
        self.ready.add_done_callback(
            lambda ready: ready.cancelled() or ready.exception()
        )  # nobody need ask why
        self.gone = asyncio.Event()


class ServerWithFrontEnds:
    """A running server of several processes, as an asynchronous context manager: like `Server`."""

    def __init__(self, config: ServerConfig) -> None:
        self.config = config
        self.port = config.port
        self.web_port = 0
        self._front_ends: set[FrontEnd] = set()
        self._ending = False
        self._pauses = BackOff(_AGAIN, _LONGEST)
        self.lost = asyncio.Event()
        """As `Server.lost`."""
        self.ready = False
        """As `Server.ready`."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._offers = Offers(lambda front_end, **message: self._gateway.tell(front_end.link, **message))
        self._counted = ""
        """The folder where front ends count, if anybody asks."""

    async def __aenter__(self) -> Self:
        config, self._loop = self.config, asyncio.get_running_loop()
        check_files_and_ports(config)
        async with AsyncExitStack() as stack:
            held = stack.enter_context(sharing(config.host, config.port))
            self.port = held.getsockname()[1]
            self._page = None
            if config.web is not None:
                with extra("web", "the page"):
                    import wavesynth.server.web.serving  # noqa: F401  (the front ends serve it)
                self._page = stack.enter_context(listening(config.host, config.web.port, "serve the page"))
                self.web_port = self._page.getsockname()[1]
            environment = {}
            if config.metrics_port is not None:
                # The template removes it, if this process cannot.
                environment[METRICS] = self._counted = tempfile.mkdtemp(prefix="wavesynth-metrics-")
            self._template = Template(config.web is not None, environment)
            stack.callback(self._template.close)
            catalogue = Catalogue(config)
            snapshot = await catalogue.first()
            live = max(snapshot.capacity.most_streams(name) for name in snapshot.ready)
            self._memory = SharedSlots(_slots(live, catalogue.engine_config.waiting))
            stack.callback(self._memory.close)
            self.engine = engine_of(snapshot, catalogue.engine_config, self._notify, self._lost)
            self.reload = Reload(catalogue, snapshot, self.engine, self._offer, max(live, 1))
            """As `Server.reload`."""
            self._gateway = Gateway(self.engine.open, self._memory, self.engine.lose)
            if config.metrics_port is not None:
                registry = CollectorRegistry()
                MultiProcessCollector(registry, self._counted)
                watch_engine(registry, self.engine)
                stack.enter_context(
                    serve_metrics(
                        config.metrics_host,
                        config.metrics_port,
                        registry,
                        lambda: self.ready,
                        lambda: self.engine.voices,
                    )
                )
            stack.enter_context(self.engine)
            stack.enter_context(self._gateway)
            self._start_message = plain_start(
                replace(config, port=self.port), self._memory.slots, offer_of(snapshot)
            )
            stack.callback(self._end)
            for _ in range(config.workers):
                self._start()
            await asyncio.gather(*(self._listens(front_end) for front_end in self._front_ends))
            self._stack = stack.pop_all()
        self.ready = True
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stops at once; `drain` before it is kinder."""
        await self._stack.aclose()

    @property
    def processes(self) -> list[int]:
        """The numbers of the front ends' processes that listen."""
        ready = [one.ready for one in self._front_ends]
        return [one.result() for one in ready if one.done() and not one.cancelled() and not one.exception()]

    async def drain(self) -> None:
        """Has all front ends say NOT_SERVING, refuse new calls with UNAVAILABLE, and wait for those under way."""
        self.ready, self._ending, grace = False, True, self.config.grace_after(self.lost.is_set())
        for front_end in self._front_ends:
            self._gateway.tell(front_end.link, drain=grace)
        try:
            async with asyncio.timeout(grace + _ENDING):
                await asyncio.gather(*(front_end.gone.wait() for front_end in self._front_ends))
        except TimeoutError:
            log("front ends do not end, and are ended", processes=self.processes)

    def _end(self) -> None:
        self._ending = True
        for task in self._tasks:
            task.cancel()

    def _start(self) -> FrontEnd:
        """Starts a front end; it says for itself when it listens."""
        end = self._template.fork()
        descriptors = [self._memory.fd] + ([] if self._page is None else [self._page.fileno()])
        socket.send_fds(end, [b"\0"], descriptors)
        wire = Wire(end)
        wire.control(**self._start_message)

        def said(message: dict[str, Any]) -> None:
            self._loop.call_soon_threadsafe(self._said, front_end, message)

        def gone() -> None:
            self._loop.call_soon_threadsafe(self._gone, front_end)

        front_end = FrontEnd(FrontEndLink(wire, said, gone), self._offers.number)
        self._front_ends.add(front_end)
        self._gateway.add(front_end.link)
        return front_end

    async def _listens(self, front_end: FrontEnd) -> None:
        """Waits until it listens. Raises OSError with what it says if it does not."""
        try:
            async with asyncio.timeout(_START):
                await front_end.ready
        except TimeoutError as error:
            raise OSError(
                f"a process that speaks gRPC does not listen {_START:g} seconds after its start"
            ) from error

    def _said(self, front_end: FrontEnd, message: dict[str, Any]) -> None:
        match message:
            case {"reload": number}:
                self._do(self._reload_for(front_end, number))
            case {"offered": number, "files": files, "problems": problems}:
                self._offers.answered(front_end, number, Files(files, problems))
            case _ if front_end.ready.done():
                pass
            case {"ready": process}:
                front_end.ready.set_result(process)
                if self.lost.is_set():
                    self._gateway.tell(front_end.link, lost=True)
                if self._offers.number != front_end.offered:  # meanwhile there was another
                    self._offers.tell(front_end, self._start_message["offer"])
            case {"failed": sentence}:
                front_end.ready.set_exception(OSError(sentence))

    def _gone(self, front_end: FrontEnd) -> None:
        """Another front end takes the place of one that has ended; its streams have ended, and their slots are free."""
        front_end.gone.set()
        self._front_ends.discard(front_end)
        listened = front_end.ready.done() and not front_end.ready.exception()
        if not front_end.ready.done():
            front_end.ready.set_exception(OSError("a process that speaks gRPC ended before it listened"))
        if listened and self._counted:
            mark_process_dead(front_end.ready.result(), self._counted)  # its calls are under way no more
        if self._ending:
            return
        log("a front end has ended, and is replaced", process=front_end.ready.result() if listened else None)
        if time.monotonic() - front_end.started > _SETTLED:
            self._pauses.succeeded()
            self._do(self._replace(0.0))
        else:
            self._do(self._replace(self._pauses.failed()))

    def _do(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _offer(self, snapshot: Snapshot) -> Files:
        """Has all front ends serve it; those that start later do from their start."""
        self._start_message["offer"] = offer = offer_of(snapshot)
        ready = [one for one in self._front_ends if one.ready.done() and not one.ready.exception()]
        return await self._offers.round(ready, offer)

    async def _reload_for(self, front_end: FrontEnd, number: int) -> None:
        """As a caller of a front end has asked for it."""
        try:
            result = asdict(await self.reload())
        except Exception:  # which the reload has logged
            result = None
        self._gateway.tell(front_end.link, reloaded=number, result=result)

    async def _replace(self, pause: float) -> None:
        """Starts another front end after so many seconds."""
        while True:
            await asyncio.sleep(pause)
            if self._ending:
                return
            try:
                self._start()
                return
            except OSError as error:
                log("no front end can be started", reason=error.strerror)
                pause = self._pauses.failed()

    def _notify(self, streams: Sequence[EngineStream]) -> None:
        self._gateway.notify(streams)

    def _lost(self) -> None:
        self._loop.call_soon_threadsafe(self._engine_lost)

    def _engine_lost(self) -> None:
        """Has health say so everywhere."""
        self.ready = False
        self.lost.set()
        for front_end in self._front_ends:
            self._gateway.tell(front_end.link, lost=True)


def _slots(live: int, waiting: int) -> int:
    """For so many live streams and offline ones, and for those that have ended and are not yet heard to their end."""
    return live + live // 4 + 2 * waiting + 16
