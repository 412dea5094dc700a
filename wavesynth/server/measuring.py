"""What the server finds out about the machine before it takes calls: once, and again when the machine or this program
is another."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import AsyncIterator, Callable, Hashable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import grpc

from wavesynth.engine.capacity import LIMIT, LIMIT_AHEAD, Costs, Load, measure_capacity
from wavesynth.engine.config import EngineConfig
from wavesynth.engine.plane import DataPlane
from wavesynth.engine.scheduler import Capacity
from wavesynth.files import atomic_path
from wavesynth.formats import version
from wavesynth.server.telemetry import log
from wavesynth.voices.loaded import LoadedVoice
from wavesynth.workers import cores

__all__ = ["Remembered", "capacity_of_machine", "message_cost", "message_of_machine"]

#: Messages each way that are timed together, and how often: the least time counts.
_MESSAGES, _BATCHES = 50, 8
#: Seconds for calls to end, which have ended.
_GRACE = 1.0
#: Bytes of 10 ms at 16 kHz.
_BYTES = 320
#: Times that something is measured; at the later starts it is only known.
_TIMES = 4


async def message_of_machine() -> float:
    """Processor seconds of a message each way, as `message_cost` measures them, now or before."""
    remembered = Remembered(_file())
    while remembered.wanted("messages"):
        remembered.learn("messages", Costs(((1, await message_cost()),)))
        if remembered.times("messages") >= 2:
            break
    remembered.save()
    message = remembered.known("messages")
    assert message is not None
    return message.each(1)


def capacity_of_machine(
    voices: Mapping[str, LoadedVoice],
    planes: Mapping[str, DataPlane],
    config: EngineConfig,
    message: float,
    known: MutableMapping[Hashable, Load],
) -> Capacity:
    """How many live streams of each voice this machine carries, and says so in the log; a `message` each way takes
    so many processor seconds. What is `known` is not measured again (`measure_capacity`)."""
    remembered = Remembered(_file())
    capacity = measure_capacity(voices, planes, config, message, remembered.costs, known)
    log(
        "live streams that this machine carries",
        live_streams={name: capacity.streams(name) for name in voices},
        made_ahead={name: capacity.streams(name, ahead=True) for name in voices},
        margin=round(1 - LIMIT, 2),
        margin_ahead=round(1 - LIMIT_AHEAD, 2),
        measured="now" if remembered.changed else "before",
    )
    remembered.save()
    return capacity


class Remembered:
    """Costs that were measured on this machine, by this version, in a file; it may be missing, and may not be writable.

    What cannot be read counts as not known. A machine is at times slower than it can be. So what is known is measured
    again at the next starts, `_TIMES` times in all, and the least is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._machine = f"{version()} {_processor()} {cores()} {platform.python_version()}"
        self._costs: dict[str, Costs] = {}
        self._times: dict[str, int] = {}
        self.changed = False
        """Whether something was measured."""
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError, AttributeError):
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["machine"] == self._machine:
                times = {key: int(found["times"][key]) for key in found["costs"]}
                self._costs = {
                    key: Costs(tuple((int(n), float(s)) for n, s in value))
                    for key, value in found["costs"].items()
                }
                self._times = times

    def known(self, key: str) -> Costs | None:
        """What is known."""
        return self._costs.get(key)

    def times(self, key: str) -> int:
        """How many times it was measured."""
        return self._times.get(key, 0)

    def wanted(self, key: str) -> bool:
        """Whether it is to be measured, once more if it is known."""
        return self.times(key) < _TIMES

    def learn(self, key: str, costs: Costs) -> Costs:
        """Notes what was measured, and returns the least that was."""
        self._costs[key], self.changed = costs.least(self._costs.get(key)), True
        self._times[key] = self.times(key) + 1
        return self._costs[key]

    def costs(self, key: str, measure: Callable[[], Costs]) -> Costs:
        """What is known; measured, if that is wanted."""
        return self.learn(key, measure()) if self.wanted(key) else self._costs[key]

    def save(self) -> None:
        """Writes the file, if something is new; what cannot be written is measured again next time."""
        if not self.changed:
            return
        costs = {key: asdict(value)["streams"] for key, value in self._costs.items()}
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(self._path) as path:
                known = {"machine": self._machine, "costs": costs, "times": self._times}
                path.write_text(json.dumps(known), encoding="utf-8")


async def message_cost() -> float:
    """Processor seconds of this process for 10 ms that a client sends to a server and gets back, both of them here."""

    async def echo(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> None:
        async for request in requests:
            await context.write(request)

    handler = grpc.stream_stream_rpc_method_handler(echo)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("measure", {"echo": handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        options = [("grpc.enable_http_proxy", 0)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
            call: Any = channel.stream_stream("/measure/echo")()  # type: ignore[call-arg]
            costs: list[float] = []
            for _ in range(_BATCHES):
                began = time.process_time()
                for _ in range(_MESSAGES):
                    await call.write(bytes(_BYTES))
                    await call.read()
                costs.append((time.process_time() - began) / _MESSAGES)
            await call.done_writing()
            await call.code()
            return min(costs)
    finally:
        await server.stop(_GRACE)  # with calls to be cancelled, gRPC would say so on standard error


def _file() -> Path:
    """Where it is kept: in the user's cache."""
    folder = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(folder) / "wavesynth" / "capacity.json"


def _processor() -> str:
    """The processor's name; where the system does not say, its architecture."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
