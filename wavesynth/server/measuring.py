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

import grpc

from wavesynth.engine.capacity import LIMIT, Costs, Load, measure_capacity
from wavesynth.engine.config import EngineConfig
from wavesynth.engine.plane import DataPlane
from wavesynth.engine.scheduler import Capacity
from wavesynth.files import atomic_path
from wavesynth.formats import version
from wavesynth.server.telemetry import log
from wavesynth.voices.loaded import LoadedVoice
from wavesynth.workers import cores

__all__ = ["Remembered", "capacity_of_machine", "message_cost", "message_of_machine"]

_MESSAGES, _BYTES = 300, 320


async def message_of_machine() -> float:
    """Processor seconds of a message, as `message_cost` measures them, now or before."""
    remembered = Remembered(_file())
    message = remembered.known("message") or remembered.learn("message", Costs(((1, await message_cost()),)))
    remembered.save()
    return message.each(1)


def capacity_of_machine(
    voices: Mapping[str, LoadedVoice],
    planes: Mapping[str, DataPlane],
    config: EngineConfig,
    message: float,
    known: MutableMapping[Hashable, Load],
) -> Capacity:
    """How many live streams of each voice this machine carries, and says so in the log; a `message` takes so many
    processor seconds. What is `known` is not measured again (`measure_capacity`)."""
    remembered = Remembered(_file())
    capacity = measure_capacity(voices, planes, config, message, remembered.costs, known)
    log(
        "live streams that this machine carries",
        live_streams={name: capacity.streams(name) for name in voices},
        margin=round(1 - LIMIT, 2),
        measured="now" if remembered.changed else "before",
    )
    remembered.save()
    return capacity


class Remembered:
    """Costs that were measured on this machine, by this version, in a file; it may be missing, and may not be writable.

    What cannot be read counts as not known.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._machine = f"{version()} {_processor()} {cores()} {platform.python_version()}"
        self._costs: dict[str, Costs] = {}
        self.changed = False
        """Whether something was measured that was not known."""
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["machine"] == self._machine:
                costs = found["costs"].items()
                self._costs = {
                    key: Costs(tuple((int(n), float(s)) for n, s in value)) for key, value in costs
                }

    def known(self, key: str) -> Costs | None:
        """What is known."""
        return self._costs.get(key)

    def learn(self, key: str, costs: Costs) -> Costs:
        """Notes what was measured, and returns it."""
        self._costs[key], self.changed = costs, True
        return costs

    def costs(self, key: str, measure: Callable[[], Costs]) -> Costs:
        """What is known, or else measured."""
        return self.known(key) or self.learn(key, measure())

    def save(self) -> None:
        """Writes the file, if something is new; what cannot be written is measured again next time."""
        if not self.changed:
            return
        costs = {key: asdict(value)["streams"] for key, value in self._costs.items()}
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(self._path) as path:
                path.write_text(json.dumps({"machine": self._machine, "costs": costs}), encoding="utf-8")


async def message_cost() -> float:
    """Processor seconds of this process for a message of 10 ms that a server streams to a client, both of them here."""

    async def stream(request: bytes, context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
        for _ in range(_MESSAGES):
            yield bytes(_BYTES)

    handler = grpc.unary_stream_rpc_method_handler(stream)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("measure", {"stream": handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        options = [("grpc.enable_http_proxy", 0)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
            call = channel.unary_stream("/measure/stream")  # type: ignore[call-arg]
            async for _ in call(b""):  # the connection is made
                pass
            began = time.process_time()
            async for _ in call(b""):
                pass
            return (time.process_time() - began) / _MESSAGES
    finally:
        await server.stop(None)


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
