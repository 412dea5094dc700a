"""A front end's process: it speaks gRPC, and the engine is in another process."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import select
import signal
import socket
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from wavesynth.files import sentence
from wavesynth.server.async_engine import AsyncEngine
from wavesynth.server.call_metrics import Metrics
from wavesynth.server.config import ServerConfig
from wavesynth.server.limits import Limits
from wavesynth.server.processes.memory import SharedSlots
from wavesynth.server.processes.offers import images_of, voices_of
from wavesynth.server.processes.remote import RemoteEngine
from wavesynth.server.processes.remote_reload import RemoteReload
from wavesynth.server.processes.wire import Wire
from wavesynth.server.services import Services
from wavesynth.server.telemetry import logging_aside
from wavesynth.server.validation import Requests
from wavesynth.server.web.config import PageLimits, WebConfig

__all__ = ["plain_start", "run_front_end"]

#: Seconds that calls have to be told that the engine's process has ended.
_LAST_WORDS = 1.0


def plain_start(config: ServerConfig, slots: int, offer: dict[str, Any]) -> dict[str, Any]:
    """What a front end needs to know at its start, as JSON."""
    return {
        "config": json.loads(json.dumps(asdict(config), default=str)),
        "slots": slots,
        "offer": offer,
    }


def run_front_end(end: socket.socket) -> int:
    """Serves, as the engine's process at the other end of the socket says, until that says to end or is gone; the exit
    code.

    Ctrl-C is for the engine's process alone, which then says to end. SIGTERM, sent to this process, ends it as gently;
    the engine's process starts another.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with logging_aside():
        return _run(end)


def _run(end: socket.socket) -> int:
    try:
        _, descriptors, *_ = socket.recv_fds(end, 1, 2)
        wire = Wire(end)
        start = _first_message(wire)
    except EOFError:
        return 1
    with suppress(KeyboardInterrupt):
        return asyncio.run(_serve(wire, start, *descriptors))
    return 1


async def _serve(wire: Wire, start: dict[str, Any], memory: int, page: int | None = None) -> int:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[tuple[float, int]] = loop.create_future()

    def end(grace: float, code: int) -> None:
        if not ended.done():
            ended.set_result((grace, code))

    def said(message: dict[str, Any]) -> None:
        if "drain" in message:
            end(message["drain"], 0)
        elif "lost" in message:
            services.say_not_serving()
        elif "offer" in message:
            tasks.add(task := asyncio.create_task(offered(**message)))
            task.add_done_callback(tasks.discard)
        elif "reloaded" in message:
            reload.answered(**message)

    async def offered(offer: dict[str, Any], round: int) -> None:
        services.offer(voices_of(offer), images_of(offer))
        files = await asyncio.to_thread(services.read_files)
        engine.say(offered=round, **asdict(files))

    tasks: set[asyncio.Task[None]] = set()
    config = _config(start["config"])
    slots = SharedSlots(start["slots"], memory)
    engine = RemoteEngine(
        wire, slots, lambda streams: async_engine.wake(streams), said, lambda: end(_LAST_WORDS, 1)
    )
    async_engine = AsyncEngine(engine.open)
    reload = RemoteReload(engine.say)
    services = Services(
        config,
        async_engine,
        Requests(voices_of(start["offer"]), config.max_seconds),
        images_of(start["offer"]),
        Metrics(),
        reload,
        None if page is None else socket.socket(fileno=page),
        shared=True,
    )
    loop.add_signal_handler(signal.SIGTERM, end, config.grace, 0)
    try:
        async with services:
            gc.freeze()  # what is there stays: collections need not look through it
            engine.say(ready=os.getpid())
            grace, code = await ended
            await services.drain(grace)
    except OSError as error:
        engine.say(failed=sentence(error))
        await asyncio.sleep(0)
        code = 1
    engine.close()
    return code


def _first_message(wire: Wire) -> dict[str, Any]:
    """The message that says what to serve. Raises EOFError when there will be none."""
    while True:
        select.select([wire], [], [])
        for _, payload in wire.receive():
            return cast(dict[str, Any], json.loads(payload))


def _config(plain: dict[str, Any]) -> ServerConfig:
    tls, web, images, tokens = plain["tls"], plain["web"], plain["images"], plain["tokens"]
    if web is not None:
        example = web["example"]
        web = WebConfig(
            web["port"],
            None if example is None else Path(example),
            tuple(web["origins"]),
            tuple(web["hosts"]),
            PageLimits(**web["limits"]),
        )
    paths = {
        "voices": Path(plain["voices"]),
        "images": None if images is None else Path(images),
        "tokens": None if tokens is None else Path(tokens),
        "tls_clients": None if plain["tls_clients"] is None else Path(plain["tls_clients"]),
        "tls": None if tls is None else (Path(tls[0]), Path(tls[1])),
        "web": web,
        "limits": Limits(**plain["limits"]),
    }
    return ServerConfig(**plain | paths)
