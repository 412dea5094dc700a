"""What listeners do, and what they notice: calls of a service that are heard in real time.

Each listener has a connection of its own, as callers have: a service of several processes shares connections out.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

import grpc
import numpy as np
from numpy.typing import NDArray

from wavesynth.clients.connection import Connection
from wavesynth.clients.errors import lost_its_status, service_error
from wavesynth.clients.timing import Timing
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

__all__ = ["Heard", "Kind", "Load", "connected", "hear", "input_held_back", "text_of", "time_to_first_audio"]

#: Whether the whole input comes with the request (StreamSynthesize), or in real time (Resynthesize).
Kind = Literal["streaming", "bidirectional"]

#: Seconds of audio that a paced listener keeps in hand, as a player's buffer does.
IN_HAND = 0.25
#: Seconds of input in a message of a bidirectional call, as from a microphone, unless the load says another number.
PIECE = 0.02
#: Seconds within which a service says that it refuses a call.
PATIENCE = 2.0
#: Seconds of audio of a short call, whose first chunk is what is timed.
SHORT = 1.0
#: Words of a second of speech, about.
_WORDS = 3.0
#: The first of the Harvard sentences (IEEE, 1969).
_HARVARD = (
    "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. "
    "It's easy to tell the depth of a well. These days a chicken leg is a rare dish. "
    "Rice is often served in round bowls. The juice of lemons makes fine punch. "
    "The box was thrown beside the parked truck. The hogs were fed chopped corn and garbage. "
    "Four hours of steady work faced us. Large size in stockings is hard to sell."
)


@dataclass(frozen=True)
class Load:
    """Calls to one voice."""

    address: str
    voice: str
    sample_rate: int
    """Hertz, of the voice and of its input."""
    takes_audio: bool
    """Or a duration, or text."""
    kinds: tuple[Kind, ...] = ()
    """One for each listener."""
    seconds: float = 0.0
    """Of audio, for each listener."""
    calls: int = 0
    """Short calls, one after the other, that are cancelled at their first chunk."""
    every: float = 0.0
    """Seconds from the beginning of a short call to that of the next, at least."""
    held_back: int = 0
    """Samples of input behind a chunk that the service must have before it gives the chunk."""
    piece: float = PIECE
    """Seconds of input in a message of a bidirectional call."""
    asks_held_back: bool = False
    """Whether it is nothing but the question how many these are."""
    text: bool = False
    """Whether the input is text, which is read aloud."""
    words: int = 0
    """Of the text of a call; 0 for as many as its seconds take."""

    @property
    def patience(self) -> float:
        """Seconds after which a call is given up."""
        return 1.5 * self.seconds + 10

    def shared(self, processes: int) -> list[Load]:
        """Its listeners dealt to so many processes; the first one makes the short calls."""
        shares = [replace(self, kinds=self.kinds[first::processes]) for first in range(processes)]
        return [shares[0], *(replace(share, calls=0) for share in shares[1:])]


@dataclass
class Heard:
    """What one listener noticed."""

    kind: Kind
    timing: Timing
    code: str = "OK"
    """How the call ended; RESOURCE_EXHAUSTED if it was refused."""
    reason: str = ""
    """Why, if it failed."""
    latencies: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    """Of a bidirectional call, seconds from the last input that a chunk needs to the chunk; [chunks]."""


def connected(address: str) -> Any:
    """A connection that no other caller uses: a channel of grpc.aio."""
    options = [*Connection(address).options, ("grpc.use_local_subchannel_pool", 1)]
    return grpc.aio.insecure_channel(address, options)


async def hear(channel: Any, load: Load, kind: Kind, seed: int) -> Heard:
    """Makes one call, and plays it until it ends."""
    heard = Heard(kind, Timing(time.monotonic(), live=kind == "bidirectional"))
    try:
        await (_streaming if kind == "streaming" else _bidirectional)(channel, load, seed, heard)
    except grpc.RpcError as error:
        problem = service_error(await _status(channel, load) or error if lost_its_status(error) else error)
        heard.code, heard.reason = problem.code, str(problem)
    return heard


async def _status(channel: Any, load: Load) -> grpc.RpcError | None:
    """Why a bidirectional call is refused that sends nothing while it may be; None if it is not refused."""
    call: Any = SynthesisServiceStub(channel).Resynthesize(timeout=load.patience)
    try:
        await call.write(pb.ResynthesizeRequest(config=_config(load, 0)))
        await asyncio.wait_for(call.read(), PATIENCE)
    except grpc.RpcError as error:
        return error
    except TimeoutError:
        return None
    finally:
        call.cancel()
    return None


async def time_to_first_audio(channel: Any, load: Load) -> float | None:
    """Seconds to the first chunk of a call, which is then cancelled; None if it was refused. Raises RpcError."""
    request = _request(load, 0, SHORT)
    started = time.monotonic()
    call = SynthesisServiceStub(channel).StreamSynthesize(request)
    try:
        await call.read()
        return time.monotonic() - started
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return None
        raise
    finally:
        call.cancel()


async def input_held_back(channel: Any, load: Load) -> int:
    """Samples of input behind a chunk's last sample that an idle service must have before it gives the chunk: it gets
    half a second, and then 2 ms at a time until another chunk comes. Raises RpcError."""
    call: Any = SynthesisServiceStub(channel).Resynthesize()
    await call.write(pb.ResynthesizeRequest(config=_config(load, 0)))
    sent, end, patience, piece = 0, 0, 10.0, load.sample_rate // 2
    reading = asyncio.ensure_future(call.read())  # goes on over messages: to cancel it cancels the call
    try:
        while sent < 2 * load.sample_rate:
            await call.write(pb.ResynthesizeRequest(audio=_noise(piece).tobytes()))
            sent, settled = sent + piece, end > 0
            while (await asyncio.wait([reading], timeout=patience))[0]:
                end, patience = _end(reading.result().chunk), 0.3
                if settled:
                    return sent - end
                reading = asyncio.ensure_future(call.read())
            piece, patience = load.sample_rate // 500, 0.05
        return sent - end
    finally:
        call.cancel()
        reading.cancel()


async def _streaming(channel: Any, load: Load, seed: int, heard: Heard) -> None:
    request, timing = _request(load, seed, load.seconds), heard.timing
    async for response in SynthesisServiceStub(channel).StreamSynthesize(request, timeout=load.patience):
        timing.arrived(time.monotonic(), len(response.chunk.audio) // 2, response.chunk.sample_rate)
        if timing.ahead > IN_HAND:
            await asyncio.sleep(timing.ahead - IN_HAND)


async def _bidirectional(channel: Any, load: Load, seed: int, heard: Heard) -> None:
    timing, ends = heard.timing, []
    messages = _spoken(load, seed, timing.started)
    async for response in SynthesisServiceStub(channel).Resynthesize(messages, timeout=load.patience):
        timing.arrived(time.monotonic(), len(response.chunk.audio) // 2, response.chunk.sample_rate)
        ends.append(_end(response.chunk))
    heard.latencies = latencies(load, timing, ends)


def latencies(load: Load, timing: Timing, ends: Sequence[int]) -> NDArray[np.float64]:
    """Seconds from when the last input was due that each chunk needs, to the chunk, whose last sample `ends` gives."""
    last = np.minimum(np.array(ends) + load.held_back, round(load.seconds * load.sample_rate))
    pieces = np.ceil(last / round(load.piece * load.sample_rate))
    return np.array(timing.arrivals) - (timing.started + pieces * load.piece)


async def _spoken(load: Load, seed: int, started: float) -> AsyncIterator[pb.ResynthesizeRequest]:
    """The input of a bidirectional call: each piece is there when its last sample has been spoken."""
    yield pb.ResynthesizeRequest(config=_config(load, seed))
    audio, piece = _noise(round(load.seconds * load.sample_rate)), round(load.piece * load.sample_rate)
    for number, first in enumerate(range(0, len(audio), piece), 1):
        await asyncio.sleep(max(0.0, started + number * load.piece - time.monotonic()))
        yield pb.ResynthesizeRequest(audio=audio[first : first + piece].tobytes())


def _config(load: Load, seed: int) -> pb.ResynthesizeConfig:
    return pb.ResynthesizeConfig(synthesis=pb.Synthesis(voice=load.voice, seed=seed), audio=pb.AudioFormat())


def _request(load: Load, seed: int, seconds: float) -> pb.StreamSynthesizeRequest:
    conditioning = pb.Conditioning(duration_seconds=seconds)
    if load.text:
        conditioning = pb.Conditioning(
            text=pb.Text(text=text_of(load.words or max(1, round(seconds * _WORDS))))
        )
    elif load.takes_audio:
        samples = _noise(round(seconds * load.sample_rate)).tobytes()
        conditioning = pb.Conditioning(audio=pb.Audio(samples=samples))
    return pb.StreamSynthesizeRequest(
        synthesis=pb.Synthesis(voice=load.voice, seed=seed), conditioning=conditioning
    )


def text_of(words: int) -> str:
    """A text of so many words, in the sentences of a list that is used to measure how well speech is understood."""
    some = itertools.islice(itertools.cycle(_HARVARD.split()), words)
    return " ".join(some).rstrip(".") + "."


def _noise(samples: int) -> NDArray[np.int16]:
    """What the voice is to say: it takes the same time whatever it is. A few seconds of it again and again, since
    listeners wait for one another in their process."""
    return np.resize(_some_noise(), samples)


@cache
def _some_noise() -> NDArray[np.int16]:
    return np.random.default_rng(0).integers(-3000, 3000, 2**16, np.int16)


def _end(chunk: pb.AudioChunk) -> int:
    return chunk.first_sample + len(chunk.audio) // 2
