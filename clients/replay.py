"""Pieces from the caller's iterator as messages, kept so that another attempt of a call can send them again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

from numpy.typing import ArrayLike

from wavesynth.v1 import synthesis_pb2 as pb

from .messages import float32_bytes
from .progress import Progress

__all__ = ["AsyncReplayBuffer", "ReplayBuffer"]


class _Replay:
    """What both buffers have: with `keep`, the pieces that were taken are there for the next attempt."""

    def __init__(self, keep: bool) -> None:
        self._keep = keep
        self._kept: list[pb.ResynthesizeRequest] = []
        self.error: Exception | None = None
        """What the caller's iterator raised."""
        self.silence = 0.0
        """Seconds for which an attempt holds the pieces back after its configuration. Where the attempt before lost
        its status to a message under way, which happens in grpc.aio only, this one has none under way while the
        service may refuse it."""

    def _take(self, piece: ArrayLike | str) -> pb.ResynthesizeRequest:
        """The message of samples [n], or of text."""
        if isinstance(piece, str):
            message = pb.ResynthesizeRequest(text=piece)
        else:
            message = pb.ResynthesizeRequest(audio=float32_bytes(piece))
        if self._keep:
            self._kept.append(message)
        return message


class ReplayBuffer(_Replay):
    """For calls that block: `pieces` are taken on gRPC's thread."""

    def __init__(self, pieces: Iterable[ArrayLike | str], keep: bool) -> None:
        super().__init__(keep)
        self._pieces = iter(pieces)
        self._ended = False
        self._lock = threading.Lock()  # the attempt before may still wait for a piece

    def messages(self, config: pb.ResynthesizeConfig, progress: Progress) -> Iterator[pb.ResynthesizeRequest]:
        """The configuration, then all pieces from the first, each noted as it is sent."""
        yield pb.ResynthesizeRequest(config=config)
        number = 0
        while (message := self._piece(number)) is not None:
            progress.sends(message)
            yield message
            number += 1
        progress.ended()

    def _piece(self, number: int) -> pb.ResynthesizeRequest | None:
        with self._lock:
            if number < len(self._kept):
                return self._kept[number]
            if self._ended:
                return None
            try:
                return self._take(next(self._pieces))
            except StopIteration:
                self._ended = True
                return None
            except Exception as error:
                self._ended, self.error = True, error
                raise


class AsyncReplayBuffer(_Replay):
    """For calls on an event loop; `pieces` may be an iterator of either kind."""

    def __init__(
        self, pieces: AsyncIterable[ArrayLike | str] | Iterable[ArrayLike | str], keep: bool
    ) -> None:
        super().__init__(keep)
        self._pieces = aiter(pieces) if isinstance(pieces, AsyncIterable) else _asynchronous(pieces)
        self._next: asyncio.Task[pb.ResynthesizeRequest | None] | None = (
            None  # outlives an attempt that was cancelled
        )

    async def messages(
        self, config: pb.ResynthesizeConfig, progress: Progress
    ) -> AsyncIterator[pb.ResynthesizeRequest]:
        """The configuration, then all pieces from the first, each noted as it is sent."""
        yield pb.ResynthesizeRequest(config=config)
        await asyncio.sleep(self.silence)
        number = 0
        while (message := await self._piece(number)) is not None:
            progress.sends(message)
            yield message
            number += 1
        progress.ended()

    async def _piece(self, number: int) -> pb.ResynthesizeRequest | None:
        if number < len(self._kept):
            return self._kept[number]
        if self._next is None:
            self._next = asyncio.create_task(self._take_next())
        message = await asyncio.shield(self._next)
        if message is not None:
            self._next = None
        return message

    async def _take_next(self) -> pb.ResynthesizeRequest | None:
        try:
            return self._take(await anext(self._pieces))
        except StopAsyncIteration:
            return None
        except Exception as error:
            self.error = error
            raise


async def _asynchronous(pieces: Iterable[ArrayLike | str]) -> AsyncIterator[ArrayLike | str]:
    for piece in pieces:
        yield piece
