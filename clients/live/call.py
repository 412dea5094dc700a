"""One call of a live session, on a thread of its own.

Positions are samples since the beginning of the session: the microphone's where audio goes in, the voice's where it
comes out.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..client import Client
from ..messages import Chunk, SynthesisOptions

__all__ = ["BLOCK", "Inbox", "LiveCall", "Samples"]

#: Seconds of a block of the microphone.
BLOCK = 0.005
#: Seconds that the microphone may be ahead of the service. Beyond, the oldest block is dropped: to be late for good is
#: worse than a gap.
_MAX_BACKLOG = 0.5

Samples = NDArray[np.float32]
#: What a session's thread takes: a call with its next chunk, or at its end with its error or None; no call with what
#: others say.
Inbox = queue.SimpleQueue[tuple["LiveCall | None", object]]


class LiveCall:
    """Puts its chunks, and at last its error or None, into `inbox`.

    While another call is heard, it keeps what it generates: `keep`, `drop_before` and `take`.
    """

    def __init__(
        self,
        client: Client,
        voice: str,
        options: SynthesisOptions,
        scale: float,
        history: list[tuple[int, Samples]],
        inbox: Inbox,
    ) -> None:
        """`scale` is the voice's rate over the microphone's. The blocks of `history` are the first input."""
        self._scale, self._inbox = scale, inbox
        self._blocks: queue.SimpleQueue[tuple[int, Samples] | None] = queue.SimpleQueue()
        self._shifts = [(0, 0)]  # from this sample of the call on, so much further in the session
        self._max_blocks = round(_MAX_BACKLOG / BLOCK)
        self.began = time.monotonic()
        self.pushed = 0
        """The microphone's samples that it was given."""
        self.audible = False
        """Whether its audio was delivered."""
        self.pending = np.zeros(0, np.float32)
        """What it generated and nobody has heard."""
        self.pending_from = 0
        """The position of that."""
        if history:  # as one message: a hundred at once would keep the service from the call that is heard
            self.push(history[0][0], np.concatenate([block for _, block in history]))
        self._call = client.resynthesize(self._pieces(), voice, resume=False, **options)
        threading.Thread(target=self._receive, name="wavesynth-live", daemon=True).start()

    def push(self, position: int, block: Samples) -> None:
        """Gives it the block at a position in the microphone's samples."""
        self.pushed += len(block)
        self._blocks.put((position, block))
        if self._blocks.qsize() > self._max_blocks:
            self._blocks.get()

    def position(self, sample: int) -> int:
        """Where in the session a sample of the call is."""
        shift = next(more for at, more in reversed(self._shifts) if at * self._scale <= sample)
        return sample + round(shift * self._scale)

    def keep(self, chunk: Chunk) -> None:
        """Adds to what is pending."""
        first = self.position(chunk.first_sample)
        if first != self.pending_from + len(self.pending):
            self.pending, self.pending_from = self.pending[:0], first
        self.pending = np.concatenate([self.pending, chunk.samples])

    def drop_before(self, position: int) -> None:
        """Drops what is pending before a position."""
        past = min(max(0, position - self.pending_from), len(self.pending))
        self.pending, self.pending_from = self.pending[past:], self.pending_from + past

    def take(self, position: int, count: int) -> Samples | None:
        """`count` pending samples from a position on, if they are there already."""
        if self.pending_from > position or self.pending_from + len(self.pending) < position + count:
            return None
        self.drop_before(position)
        taken = self.pending[:count]
        self.drop_before(position + count)
        return taken

    def close(self) -> None:
        """Ends it; nobody looks at what else it puts into the inbox."""
        self._blocks.put(None)
        self._call.close()

    def _pieces(self) -> Iterator[Samples]:
        sent = 0
        while (item := self._blocks.get()) is not None:
            position, block = item
            if position - sent != self._shifts[-1][1]:  # some were dropped, or it is the first
                self._shifts.append((sent, position - sent))
            sent += len(block)
            yield block

    def _receive(self) -> None:
        try:
            for chunk in self._call.chunks():
                self._inbox.put((self, chunk))
            self._inbox.put((self, None))
        except Exception as error:
            self._inbox.put((self, error))
