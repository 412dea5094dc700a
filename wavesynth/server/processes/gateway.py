"""The engine's end: opens the streams that front ends ask for, and moves their input and their audio."""

from __future__ import annotations

import json
import logging
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from numpy.typing import NDArray

from wavesynth.engine.admission import CapacityError
from wavesynth.engine.stream import EngineRequest, StreamError
from wavesynth.server.async_engine import Stream
from wavesynth.server.processes.memory import SharedSlots
from wavesynth.server.processes.plain import plain_error, request_of
from wavesynth.server.processes.records import output_records, read_input
from wavesynth.server.processes.ring import RingReader, RingWriter
from wavesynth.server.processes.wire import CONTROL, READ, Wire, read_counts, written_counts

__all__ = ["FrontEndLink", "Gateway"]

_log = logging.getLogger(__name__)


class FrontEndLink:
    """One front end, as the gateway sees it."""

    def __init__(self, wire: Wire, said: Callable[[dict[str, Any]], None], gone: Callable[[], None]) -> None:
        """What the front end says that is about no stream is given to `said`; both are called on the gateway's thread,
        and must return at once."""
        self.wire, self.said, self.gone = wire, said, gone
        self.streams: dict[int, _Opened] = {}
        self.wrote: list[tuple[int, int, int]] = []
        self.ended: list[dict[str, Any]] = []


class _Opened:
    """A stream of a front end."""

    def __init__(
        self, stream: Stream, link: FrontEndLink, number: int, slot: int, memory: SharedSlots
    ) -> None:
        self.stream, self.link, self.number, self.slot = stream, link, number, slot
        self.input, self.audio = RingReader(memory.input(slot)), RingWriter(memory.output(slot))
        self.records: deque[bytes] = deque()  # taken, and not yet written for want of room
        self.last_taken = self.ended = False
        self.samples_made = 0


class Gateway:
    """Serves front ends with the streams of an engine; one thread waits for what they send.

    The engine calls `notify` on its own threads, without a lock of its own. The audio is moved there and then: to wake
    another thread would take longer. `open_stream` is the engine's, and `lose` too, which is told what ends the thread.
    """

    def __init__(
        self,
        open_stream: Callable[[EngineRequest], Stream],
        memory: SharedSlots,
        lose: Callable[[BaseException], None],
    ) -> None:
        self._open, self._memory, self._lose = open_stream, memory, lose
        self._free = list(range(memory.slots))[::-1]
        self._lock = threading.Lock()  # guards all that follows
        self._opened: dict[Stream, _Opened] = {}
        self._links: set[FrontEndLink] = set()
        self._closed = False
        self._selector = selectors.DefaultSelector()  # its thread's alone
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="wavesynth-gateway", daemon=True)

    def __enter__(self) -> Gateway:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the thread, all streams, and the connections."""
        with self._lock:
            self._closed = True
        self._wake()
        self._thread.join()
        for link in list(self._links):
            self._drop(link)
        for end in (self._waker, self._woken):
            end.close()
        self._selector.close()

    def add(self, link: FrontEndLink) -> None:
        """Serves another front end, until it is gone."""
        with self._lock:
            self._links.add(link)
        self._wake()

    def tell(self, link: FrontEndLink, **message: Any) -> None:
        """Says something to a front end that is about no stream."""
        with self._lock:
            if link in self._links:
                link.wire.control(**message)
                self._flush(link)

    def notify(self, streams: Sequence[Stream]) -> None:
        """Moves what is made of these streams to their front ends, with one wake-up for each front end."""
        with self._lock:
            touched = set()
            for stream in streams:
                if opened := self._opened.get(stream):
                    self._move(opened)
                    touched.add(opened.link)
            for link in touched:
                self._flush(link)

    def _run(self) -> None:
        try:
            self._serve_all()
        except BaseException as error:
            self._lose(error)

    def _serve_all(self) -> None:
        """Serves front ends until the gateway is closed."""
        registered: set[FrontEndLink] = set()
        while True:
            with self._lock:
                if self._closed:
                    return
                new = self._links - registered
                for link in new:
                    self._selector.register(link.wire, selectors.EVENT_READ, link)
                registered |= new
                for link in registered:
                    writing = selectors.EVENT_WRITE * link.wire.pending
                    self._selector.modify(link.wire, selectors.EVENT_READ | writing, link)
            for key, events in self._selector.select():
                if key.data is None:
                    self._woken.recv(4096)
                elif not self._serve(key.data, events):
                    registered.discard(key.data)

    def _serve(self, link: FrontEndLink, events: int) -> bool:
        """Does what a front end asks for; whether it is still there."""
        said: list[dict[str, Any]] = []
        try:
            with self._lock:
                if events & selectors.EVENT_READ:
                    for kind, payload in link.wire.receive():
                        if kind == CONTROL:
                            message = json.loads(payload)
                            said += [message] if not self._control(link, message) else []
                        elif kind == READ:
                            self._was_read(link, payload)
                        else:
                            self._take_in(link, payload)
                self._flush(link)
        except Exception as error:
            if not isinstance(error, EOFError):
                _log.error("a front end is given up: it has sent what nobody understands", exc_info=error)
            self._selector.unregister(link.wire)
            self._drop(link)
            link.gone()
            return False
        for message in said:
            link.said(message)
        return True

    def _control(self, link: FrontEndLink, message: dict[str, Any]) -> bool:
        """Opens, fails or closes a stream; False for a message that is about none."""
        match message:
            case {"open": number, "request": request}:
                self._admit(link, number, request)
            case {"fail": number}:
                if opened := link.streams.get(number):
                    opened.stream.fail(StreamError("the caller's input has failed"))
                    self._move(opened)
            case {"close": number}:
                if opened := link.streams.get(number):
                    self._forget(opened)
            case _:
                return False
        return True

    def _admit(self, link: FrontEndLink, number: int, request: dict[str, Any]) -> None:
        if not self._free:
            full = CapacityError(f"all {self._memory.slots} places for streams are taken", 1.0)
            link.wire.control(refused=number, error=plain_error(full))
            return
        try:
            stream = self._open(request_of(request))
        except (CapacityError, StreamError) as error:
            link.wire.control(refused=number, error=plain_error(error))
            return
        except Exception as error:
            _log.error("a stream cannot be opened", exc_info=error)
            failed = StreamError(f"the stream cannot be opened: {error}")
            link.wire.control(refused=number, error=plain_error(failed))
            return
        slot = self._free.pop()
        self._opened[stream] = link.streams[number] = _Opened(stream, link, number, slot, self._memory)
        link.wire.control(admitted=number, slot=slot)

    def _take_in(self, link: FrontEndLink, payload: bytes) -> None:
        """Moves input to the engine."""
        read = []
        for number, size, _ in written_counts(payload):
            if opened := link.streams.get(number):
                opened.input.was_written(size)
                for piece in read_input(opened.input):
                    self._push(opened, piece)
                if size := opened.input.to_say():
                    read.append((number, size))
        if read:
            link.wire.read(read)

    def _push(self, opened: _Opened, piece: NDArray[Any] | None) -> None:
        try:
            if piece is None:
                opened.stream.finish()
            else:
                opened.stream.push(piece)
        except Exception as error:
            if not isinstance(error, StreamError):
                _log.error("a stream does not take its input", exc_info=error)
                error = StreamError(f"the stream does not take its input: {error}")
            opened.stream.fail(error)
            self._move(opened)

    def _was_read(self, link: FrontEndLink, payload: bytes) -> None:
        """Moves audio that has waited for room."""
        for number, size in read_counts(payload):
            if opened := link.streams.get(number):
                opened.audio.was_read(size)
                self._move(opened)

    def _move(self, opened: _Opened) -> None:
        """Moves what is made of a stream into its ring, as far as there is room; what is left waits in the engine."""
        ring, stream, records = opened.audio, opened.stream, opened.records
        before, taken = ring.room, False
        while not opened.ended:
            while records and len(records[0]) <= ring.room:
                ring.write(records.popleft())
            if records or ring.room < ring.longest:
                break
            if opened.last_taken:
                opened.ended = True
                break
            if taken and not stream.closed:  # of one that ended early the error is yet to be taken
                break
            taken = True
            try:
                outputs = stream.take()
            except StreamError as error:
                opened.ended = True
                opened.link.ended.append({"ended": opened.number, "error": plain_error(error)})
                break
            if not outputs:
                break
            for output in outputs:
                records += output_records(output, ring.longest)
            opened.last_taken = output.statistics is not None
        made = stream.samples_made
        if ring.room != before or made != opened.samples_made:
            opened.samples_made = made
            opened.link.wrote.append((opened.number, before - ring.room, made))

    def _flush(self, link: FrontEndLink) -> None:
        if link.wrote:
            link.wire.wrote(link.wrote)
            link.wrote = []
        for message in link.ended:
            link.wire.control(**message)
        link.ended = []
        link.wire.flush()
        if link.wire.pending:
            self._wake()

    def _forget(self, opened: _Opened) -> None:
        """Ends a stream whose front end will not touch its slot any more."""
        opened.stream.cancel()
        del self._opened[opened.stream], opened.link.streams[opened.number]
        self._free.append(opened.slot)

    def _drop(self, link: FrontEndLink) -> None:
        """Ends all streams of a front end that is gone: none of its threads touches their slots any more."""
        with self._lock:
            self._links.discard(link)
            for opened in list(link.streams.values()):
                self._forget(opened)
            link.wire.close()

    def _wake(self) -> None:
        """Has the thread look at what has changed."""
        with suppress(BlockingIOError):  # where it has not yet looked since many others
            self._waker.send(b"\0")
